// grep and glob, by the sandbox's own search.
#include <string>
#include <utility>

#include "fabro/agent/tools/guard.h"
#include "fabro/agent/tools/schema.h"
#include "fabro/agent/tools/toolbox.h"

namespace fabro::agent {
namespace {

using model::Json;

constexpr std::int64_t kMaxResults = 100;

ToolResult Grep(const Json& arguments, ToolContext& context) {
  provider::GrepOptions options;
  options.glob = arguments.StringAt("glob_filter");
  options.case_insensitive = arguments.BoolAt("case_insensitive");
  options.max_results = static_cast<std::size_t>(arguments.IntAt("max_results", kMaxResults));
  const auto lines =
      context.place.Grep(arguments.StringAt("pattern"), arguments.StringAt("path", "."), options);
  if (!lines.ok()) return ToolResult::Of(lines.error());
  std::string text;
  for (const std::string& line : *lines) text += line + "\n";
  return ToolResult::Text(text.empty() ? "[no match]\n" : ToUtf8(text));
}

ToolResult Glob(const Json& arguments, ToolContext& context) {
  const std::string base = arguments.StringAt("path");
  const auto paths = context.place.Glob(arguments.StringAt("pattern"), base.empty() ? "." : base);
  if (!paths.ok()) return ToolResult::Of(paths.error());
  std::string prefix = base;
  if (prefix == ".") prefix.clear();
  if (!prefix.empty() && prefix.back() != '/') prefix += '/';
  std::string text;
  for (const std::string& path : *paths) text += prefix + path + "\n";
  return ToolResult::Text(text.empty() ? "[no match]\n" : ToUtf8(text));
}

}  // namespace

Tool GrepTool() {
  ObjectSchema schema;
  schema.Required("pattern", "string", "Extended regular expression.").With("minLength", 1);
  schema.Optional("path", "string",
                  "File or directory to search; the working directory unless told.");
  schema.Optional("glob_filter", "string", "Only files whose name matches, such as *.py.");
  schema.Optional("case_insensitive", "boolean", "Upper and lower case are the same.");
  schema.Optional("max_results", "integer", "At most so many lines, 100 unless told.");
  schema.With("minimum", 1).With("maximum", 10'000);
  return {.name = "grep",
          .description = "Searches the contents of files; gives file:line:text.",
          .category = Category::kRead,
          .parameters = schema.Build(),
          .limit = {.characters = 30'000, .mode = OutputLimit::Mode::kTail, .lines = 200},
          .run = Grep};
}

Tool GlobTool() {
  ObjectSchema schema;
  schema.Required("pattern", "string", "Such as src/**/*.c: ** is any number of directories.");
  schema.With("minLength", 1);
  schema.Optional("path", "string", "Directory to start in; the working directory unless told.");
  return {.name = "glob",
          .description = "Finds files by name; gives one path a line, sorted.",
          .category = Category::kRead,
          .parameters = schema.Build(),
          .limit = {.characters = 20'000, .mode = OutputLimit::Mode::kTail, .lines = 500},
          .run = Glob};
}

}  // namespace fabro::agent
