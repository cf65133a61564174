// A tool that a model may call: what it is named, what it takes, and what runs it. Everything that
// a tool does to files and processes goes through `ToolContext::place`, the guarded sandbox of the
// session; a tool knows no path of this machine. Spec: agent, section 4.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/agent/tools/output.h"
#include "fabro/base/duration.h"
#include "fabro/model/json.h"
#include "fabro/provider/provider.h"

namespace fabro::agent {

class GuardedSandbox;

// What permission a call needs (section 5.1). kRead is never refused.
enum class Category { kRead, kWrite, kShell, kSubagent };
std::string_view ToString(Category category);

// Which provider's habits the tools follow (section 12).
enum class Profile { kAnthropic, kOpenAi, kGemini, kOther };

struct ToolImage {
  std::string media_type;  // "image/png".
  std::string bytes;
};

// What the model is told. An error is a result too: it never ends a session.
struct ToolResult {
  std::string output;
  bool is_error = false;
  std::string reason{};  // Stable word of an error ("not_read"), or empty.
  std::optional<ToolImage> image{};
  std::vector<std::string> touched{};  // Normalized paths of files written or deleted.

  static ToolResult Text(std::string text) { return {.output = std::move(text)}; }
  static ToolResult Fail(std::string text, std::string reason = {}) {
    return {.output = std::move(text), .is_error = true, .reason = std::move(reason)};
  }
  static ToolResult Of(const Error& error);
};

struct ToolContext {
  GuardedSandbox& place;
  Nanos default_timeout;  // Of a command without its own.
  Nanos max_timeout;
  int cancel_fd = -1;     // Readable: stop. Not owned.
  std::string exec_id{};  // Unique per run and call.
  bool vision = false;    // The model takes images.
  // Output as it comes; may be null. An Error ends the command.
  std::function<Status(provider::Stream, std::string_view)> on_output{};
};

struct Tool {
  std::string name;  // [A-Za-z][A-Za-z0-9_]*, at most 64.
  std::string description;
  Category category = Category::kShell;
  model::Json parameters;  // JSON Schema of an object.
  OutputLimit limit;
  // `arguments` match `parameters`. Called from several threads at once.
  std::function<ToolResult(const model::Json& arguments, ToolContext& context)> run;
};

bool IsToolName(std::string_view name);

}  // namespace fabro::agent
