// read_file, read_many_files, write_file, edit_file, delete_file, list_dir.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "fabro/agent/tools/guard.h"
#include "fabro/agent/tools/schema.h"
#include "fabro/agent/tools/toolbox.h"

namespace fabro::agent {
namespace {

using model::Json;

constexpr std::size_t kSniffed = 8192;
constexpr std::int64_t kDefaultLines = 2000;

std::string_view ImageType(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return "image/png";
  if (bytes.starts_with("\xFF\xD8\xFF")) return "image/jpeg";
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a")) return "image/gif";
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return "image/webp";
  return {};
}

bool LooksBinary(std::string_view bytes) {
  return bytes.substr(0, kSniffed).find('\0') != std::string_view::npos;
}

struct Window {
  std::int64_t first = 1;  // The first line shown, from 1.
  std::int64_t count = kDefaultLines;
};

std::string Numbered(std::int64_t number, std::string_view line, std::size_t width) {
  std::string text = std::to_string(number);
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  text.append(" | ").append(line);
  return text.append("\n");
}

std::string ShowLines(std::string_view content, Window window) {
  if (content.empty()) return "[the file is empty]\n";
  std::vector<std::string_view> shown;
  std::int64_t number = 0;
  for (std::string_view rest = content; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    ++number;
    if (number >= window.first && number - window.first < window.count) {
      shown.push_back(rest.substr(0, end));
    }
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  if (shown.empty()) {
    return "[the file has " + std::to_string(number) + " lines; line " +
           std::to_string(window.first) + " is past its end]\n";
  }
  const std::int64_t last = window.first + static_cast<std::int64_t>(shown.size()) - 1;
  const std::size_t width = std::to_string(last).size();
  std::string text;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    text += Numbered(window.first + static_cast<std::int64_t>(i), shown[i], width);
  }
  if (last < number) {
    text += "[" + std::to_string(number - last) + " more lines; continue with offset " +
            std::to_string(last + 1) + "]\n";
  }
  return text;
}

Result<std::string> ReadText(ToolContext& context, const std::string& path) {
  std::string content = TRY(context.place.ReadFile(path));
  if (LooksBinary(content)) {
    return Failure(Code::kFailedPrecondition, path + " is a binary file", "file_binary");
  }
  return content;
}

std::string NoteOnBytes(const std::string& content, std::string text) {
  if (ToUtf8(content) == content) return text;
  return "[this file is not UTF-8; bytes that are no text are shown as \xEF\xBF\xBD]\n" +
         ToUtf8(text);
}

ToolResult ReadFile(const Json& arguments, ToolContext& context) {
  const std::string path = arguments.StringAt("file_path");
  auto content = context.place.ReadFile(path);
  if (!content.ok()) return ToolResult::Of(content.error());
  const std::string_view image = ImageType(*content);
  if (!image.empty() && context.vision) {
    ToolResult result = ToolResult::Text(path + ": " + std::string(image) + ", " +
                                         std::to_string(content->size()) + " bytes");
    result.image = ToolImage{.media_type = std::string(image), .bytes = *std::move(content)};
    return result;
  }
  if (!image.empty()) {
    return ToolResult::Fail(path + " is an image, which this model cannot see", "file_binary");
  }
  if (LooksBinary(*content)) return ToolResult::Fail(path + " is a binary file", "file_binary");
  const Window window{.first = arguments.IntAt("offset", 1),
                      .count = arguments.IntAt("limit", kDefaultLines)};
  return ToolResult::Text(NoteOnBytes(*content, ShowLines(*content, window)));
}

ToolResult ReadManyFiles(const Json& arguments, ToolContext& context) {
  std::string text;
  for (const std::string& path : arguments.StringsAt("paths")) {
    text += "=== " + path + " ===\n";
    const auto content = ReadText(context, path);
    text += content.ok() ? NoteOnBytes(*content, *content) : "error: " + content.error().message;
    if (!text.ends_with('\n')) text += '\n';
  }
  return ToolResult::Text(std::move(text));
}

ToolResult WriteFile(const Json& arguments, ToolContext& context) {
  const std::string path = arguments.StringAt("file_path");
  const std::string content = arguments.StringAt("content");
  const auto lock = context.place.LockWrites();
  const Status written = context.place.WriteFile(path, content);
  if (!written.ok()) return ToolResult::Of(written.error());
  ToolResult result =
      ToolResult::Text(path + ": " + std::to_string(content.size()) + " bytes written");
  result.touched = {context.place.Normal(path)};
  return result;
}

struct Replaced {
  std::string content;
  std::size_t count = 0;
};

Replaced ReplaceAll(std::string_view content, std::string_view from, std::string_view to) {
  Replaced done;
  for (;;) {
    const std::size_t at = content.find(from);
    if (at == std::string_view::npos) break;
    done.content.append(content.substr(0, at)).append(to);
    content.remove_prefix(at + from.size());
    ++done.count;
  }
  done.content.append(content);
  return done;
}

ToolResult EditFile(const Json& arguments, ToolContext& context) {
  const std::string path = arguments.StringAt("file_path");
  const std::string from = arguments.StringAt("old_string");
  const std::string to = arguments.StringAt("new_string");
  if (from == to) return ToolResult::Fail("old_string and new_string are the same");
  const auto lock = context.place.LockWrites();
  if (from.empty()) {
    const auto exists = context.place.FileExists(path);
    if (!exists.ok()) return ToolResult::Of(exists.error());
    if (*exists) {
      return ToolResult::Fail(path + " exists: name the text to replace in old_string");
    }
    const Status made = context.place.WriteFile(path, to);
    if (!made.ok()) return ToolResult::Of(made.error());
    ToolResult result = ToolResult::Text(path + ": made");
    result.touched = {context.place.Normal(path)};
    return result;
  }
  const auto content = ReadText(context, path);
  if (!content.ok()) return ToolResult::Of(content.error());
  Replaced done = ReplaceAll(*content, from, to);
  if (done.count == 0) {
    return ToolResult::Fail(path +
                                " does not contain old_string; read the file and copy the text"
                                " as it is, blanks included",
                            "text_not_found");
  }
  if (done.count > 1 && !arguments.BoolAt("replace_all")) {
    return ToolResult::Fail(path + " contains old_string " + std::to_string(done.count) +
                                " times; make it longer until it is unique, or set replace_all",
                            "text_ambiguous");
  }
  const Status written = context.place.WriteFile(path, done.content);
  if (!written.ok()) return ToolResult::Of(written.error());
  ToolResult result = ToolResult::Text(path + ": " + std::to_string(done.count) +
                                       (done.count == 1 ? " replacement" : " replacements"));
  result.touched = {context.place.Normal(path)};
  return result;
}

ToolResult DeleteFile(const Json& arguments, ToolContext& context) {
  const std::string path = arguments.StringAt("file_path");
  const auto lock = context.place.LockWrites();
  const Status gone = context.place.DeleteFile(path);
  if (!gone.ok()) {
    ToolResult result = ToolResult::Of(gone.error());
    if (gone.error().reason == "file_is_directory") {
      result.output += "; delete_file takes files only, use shell for directories";
    }
    return result;
  }
  ToolResult result = ToolResult::Text(path + " deleted");
  result.touched = {context.place.Normal(path)};
  return result;
}

ToolResult ListDir(const Json& arguments, ToolContext& context) {
  const std::string path = arguments.StringAt("path");
  const std::int64_t depth = arguments.IntAt("depth", 1);
  const auto entries = context.place.ListDirectory(path, static_cast<std::uint32_t>(depth));
  if (!entries.ok()) return ToolResult::Of(entries.error());
  std::string text;
  for (const provider::DirectoryEntry& entry : *entries) {
    text += entry.name + (entry.is_directory ? "/\n" : "\n");
  }
  return ToolResult::Text(text.empty() ? "[the directory is empty]\n" : std::move(text));
}

constexpr std::string_view kPathHelp = "Path of the file, absolute or below the working directory.";

}  // namespace

Tool ReadFileTool() {
  ObjectSchema schema;
  schema.Required("file_path", "string", kPathHelp);
  schema.Optional("offset", "integer", "First line to show, from 1.").With("minimum", 1);
  schema.Optional("limit", "integer", "How many lines to show, 2000 unless told.");
  schema.With("minimum", 1);
  return {.name = "read_file",
          .description =
              "Shows a text file with line numbers. A file must have been read before it "
              "can be overwritten or deleted.",
          .category = Category::kRead,
          .parameters = schema.Build(),
          .limit = {.characters = 50'000},
          .run = ReadFile};
}

Tool ReadManyFilesTool() {
  ObjectSchema schema;
  schema.Required("paths", "array", "Paths of the files to read.");
  schema.With("items", Json::MakeObject().Set("type", "string"));
  return {.name = "read_many_files",
          .description = "Shows several text files one after the other, without line numbers.",
          .category = Category::kRead,
          .parameters = schema.Build(),
          .limit = {.characters = 50'000},
          .run = ReadManyFiles};
}

Tool WriteFileTool() {
  ObjectSchema schema;
  schema.Required("file_path", "string", kPathHelp);
  schema.Required("content", "string", "The whole new content.");
  return {.name = "write_file",
          .description =
              "Writes a file as a whole and makes its directories. An existing file must "
              "have been read in this session.",
          .category = Category::kWrite,
          .parameters = schema.Build(),
          .limit = {.characters = 1'000, .mode = OutputLimit::Mode::kTail},
          .run = WriteFile};
}

Tool EditFileTool() {
  ObjectSchema schema;
  schema.Required("file_path", "string", kPathHelp);
  schema.Required("old_string", "string", "The text to replace, exactly as in the file.");
  schema.Required("new_string", "string", "What takes its place.");
  schema.Optional("replace_all", "boolean", "Replace every occurrence instead of the only one.");
  return {.name = "edit_file",
          .description =
              "Replaces text in a file. old_string must occur exactly once unless "
              "replace_all is set.",
          .category = Category::kWrite,
          .parameters = schema.Build(),
          .limit = {.characters = 10'000, .mode = OutputLimit::Mode::kTail},
          .run = EditFile};
}

Tool DeleteFileTool() {
  ObjectSchema schema;
  schema.Required("file_path", "string", kPathHelp);
  return {.name = "delete_file",
          .description = "Deletes one file that was read in this session. Never a directory.",
          .category = Category::kWrite,
          .parameters = schema.Build(),
          .limit = {.characters = 1'000, .mode = OutputLimit::Mode::kTail},
          .run = DeleteFile};
}

Tool ListDirTool() {
  ObjectSchema schema;
  schema.Required("path", "string", "The directory, absolute or below the working directory.");
  schema.Optional("depth", "integer", "How many levels to list, 1 unless told.");
  schema.With("minimum", 1).With("maximum", 100);
  return {.name = "list_dir",
          .description = "Lists a directory; names of directories end with a slash.",
          .category = Category::kRead,
          .parameters = schema.Build(),
          .limit = {.characters = 20'000, .lines = 500},
          .run = ListDir};
}

}  // namespace fabro::agent
