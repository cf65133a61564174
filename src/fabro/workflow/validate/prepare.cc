#include "fabro/workflow/validate/prepare.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <utility>

#include "fabro/template/template.h"
#include "fabro/workflow/graph/parser.h"
#include "fabro/workflow/graph/stylesheet.h"

namespace fabro::workflow {
namespace {

namespace fs = std::filesystem;

// Whose attribute it is, for diagnostics. All null: the graph's.
struct Owner {
  const Node* node = nullptr;
  const Edge* edge = nullptr;
};

Diagnostic DiagnosticOf(const Owner& owner, const Attribute& attribute, Severity severity,
                        std::string rule, std::string message, std::string hint = {}) {
  Diagnostic diagnostic;
  diagnostic.rule = std::move(rule);
  diagnostic.severity = severity;
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  diagnostic.at = attribute.at;
  if (owner.node != nullptr) diagnostic.node = owner.node->id;
  if (owner.edge != nullptr) diagnostic.edge = {owner.edge->from, owner.edge->to};
  return diagnostic;
}

// The whole file, or somewhat more than `limit` bytes of it, so that the caller sees that it is too
// long.
Result<std::string> ReadAtMost(const std::string& path, std::size_t limit) {
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (status.type() == fs::file_type::not_found) {
    return Failure(Code::kNotFound, "'" + path + "' does not exist", "file_missing");
  }
  if (failed) return SysFailureOf(failed.value(), "stat", path);
  // A pipe or a device would never end.
  if (status.type() != fs::file_type::regular) {
    return Failure(Code::kInvalidArgument, "'" + path + "' is not a regular file",
                   "file_not_regular");
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return SysFailureOf(errno == 0 ? EIO : errno, "open", path);
  std::string text;
  std::array<char, 1U << 14U> chunk{};
  while (file && text.size() <= limit) {
    file.read(chunk.data(), chunk.size());
    text.append(chunk.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) return SysFailureOf(EIO, "read", path);
  return text;
}

class Preparation {
 public:
  Preparation(const PrepareOptions& options, Prepared& prepared)
      : options_(options), prepared_(prepared), graph_(prepared.graph) {}

  void Run() {
    OverrideGoal();
    InlineFiles();
    RenderAll();
    ApplyStylesheet(ParseStylesheet(graph_.attributes.Text("model_stylesheet")), graph_);
    PrepareChildren(options_, prepared_);
    auto found = Validate(graph_, options_.validate);
    auto& all = prepared_.diagnostics;
    all.insert(all.end(), std::make_move_iterator(found.begin()),
               std::make_move_iterator(found.end()));
    SortDiagnostics(all);
  }

 private:
  void Report(Diagnostic diagnostic) { prepared_.diagnostics.push_back(std::move(diagnostic)); }
  void OverrideGoal();
  void InlineFiles();
  void Inline(const Owner& owner, Attribute& attribute);
  void RenderAll();
  void Render(const Owner& owner, Attribute& attribute);
  void ReportUndefined(const Owner& owner, const Attribute& attribute, const std::string& name);

  const PrepareOptions& options_;
  Prepared& prepared_;
  Graph& graph_;
  templates::Map names_;
  std::uint64_t inlined_ = 0;
  std::uint64_t rendered_ = 0;
  bool goal_is_rendered_ = false;
};

void Preparation::OverrideGoal() {
  if (!options_.parent_goal.empty() && graph_.attributes.Text("goal").empty()) {
    graph_.attributes.Set({"goal", options_.parent_goal, ValueType::kString, graph_.at});
    goal_is_rendered_ = true;
  }
  if (!options_.goal) return;
  Attribute goal{"goal", *options_.goal, ValueType::kString, graph_.at};
  if (const Attribute* own = graph_.attributes.Find("goal")) goal.at = own->at;
  graph_.attributes.Set(std::move(goal));
}

void Preparation::InlineFiles() {
  Attribute* goal = graph_.attributes.Find("goal");
  if (goal != nullptr && !options_.goal && !goal_is_rendered_) Inline({}, *goal);
  for (Node& node : graph_.nodes) {
    Attribute* prompt = node.attributes.Find("prompt");
    if (prompt != nullptr) Inline({.node = &node}, *prompt);
  }
}

void Preparation::Inline(const Owner& owner, Attribute& attribute) {
  if (attribute.type != ValueType::kString || !attribute.text.starts_with('@')) return;
  const auto refuse = [&](std::string message, std::string hint = {}) {
    Report(DiagnosticOf(owner, attribute, Severity::kError, "prompt_file_exists",
                        std::move(message), std::move(hint)));
  };
  const std::string name = attribute.text.substr(1);
  if (name.empty() || name.find('\n') != std::string::npos) {
    return refuse("'@' is not followed by a file name",
                  "a text that starts with '@' is written {{ '@' }}…");
  }
  auto text = ReadNamedFile(options_, name, static_cast<std::size_t>(kMaxPromptFileSize.bytes()));
  if (!text.ok()) {
    return refuse("the file of '" + attribute.key + "' cannot be read: " + text.error().message,
                  "paths start at the directory of the workflow");
  }
  if (text->size() > kMaxPromptFileSize.bytes()) {
    return refuse("the file '" + name + "' is larger than " + ToString(kMaxPromptFileSize));
  }
  if (text->find('\0') != std::string::npos) return refuse("the file '" + name + "' is no text");
  inlined_ += text->size();
  if (inlined_ > kMaxInlinedSize.bytes()) {
    return refuse("the files of this workflow are larger than " + ToString(kMaxInlinedSize) +
                  " together");
  }
  attribute.text = *text;
  prepared_.files[NameInBundle(options_, name)] = *std::move(text);
}

// The goal first: the others may use it.
void Preparation::RenderAll() {
  names_.Set("inputs", options_.inputs);
  // A parent's goal was rendered there; what was put in is not rendered again.
  Attribute* goal = graph_.attributes.Find("goal");
  if (goal != nullptr && !goal_is_rendered_) Render({}, *goal);
  names_.Set("goal", std::string(graph_.attributes.Text("goal")));
  for (Attribute& attribute : graph_.attributes.items) {
    if (attribute.key != "goal") Render({}, attribute);
  }
  for (Node& node : graph_.nodes) {
    for (Attribute& attribute : node.attributes.items) Render({.node = &node}, attribute);
  }
  for (Edge& edge : graph_.edges) {
    for (Attribute& attribute : edge.attributes.items) Render({.edge = &edge}, attribute);
  }
}

void Preparation::Render(const Owner& owner, Attribute& attribute) {
  if (attribute.type != ValueType::kString || !templates::HasTags(attribute.text)) return;
  if (rendered_ > kMaxRenderedTotal.bytes()) return;  // Said already.
  auto rendered = templates::Render(attribute.text, names_, templates::Undefined::kCollect);
  if (!rendered) {
    const templates::TemplateError& error = rendered.error();
    return Report(DiagnosticOf(owner, attribute, Severity::kError, "template_syntax",
                               "template of '" + attribute.key + "': " + error.message + " (line " +
                                   std::to_string(error.at.line) + ", column " +
                                   std::to_string(error.at.column) + " of the text)",
                               error.hint));
  }
  if (rendered->undefined.empty()) {
    rendered_ += rendered->text.size();
    if (rendered_ > kMaxRenderedTotal.bytes()) {
      return Report(DiagnosticOf(owner, attribute, Severity::kError, "template_limit",
                                 "the rendered texts of this workflow are larger than " +
                                     ToString(kMaxRenderedTotal) + " together"));
    }
    attribute.text = std::move(rendered->text);
    return;
  }
  std::set<std::string_view> reported;  // A loop meets the same name in every turn.
  for (const templates::UndefinedName& name : rendered->undefined) {
    if (reported.insert(name.name).second) ReportUndefined(owner, attribute, name.name);
  }
}

void Preparation::ReportUndefined(const Owner& owner, const Attribute& attribute,
                                  const std::string& name) {
  const bool is_run = options_.mode == PrepareMode::kRun;
  if (name == "env" || name.starts_with("env.") || name.starts_with("env[")) {
    return Report(DiagnosticOf(owner, attribute, Severity::kError, "template_undefined",
                               "'" + name + "' cannot be used in a workflow",
                               "pass it as an input: -I name=\"$NAME\""));
  }
  std::string hint = "names are goal and inputs.<name>";
  if (name.starts_with("inputs.")) {
    const std::string input = name.substr(7, name.find('.', 7) - 7);
    hint = "give it a value: -I " + input + "=…, or [run.inputs] in workflow.toml";
  }
  Report(DiagnosticOf(owner, attribute, is_run ? Severity::kError : Severity::kWarning,
                      "template_undefined",
                      "'" + name + "' of '" + attribute.key + "' has no value", std::move(hint)));
}

}  // namespace

std::string NameInBundle(const PrepareOptions& options, const std::string& name) {
  if (options.prefix.empty() || name.starts_with("~/") || fs::path(name).is_absolute()) return name;
  return (fs::path(options.prefix) / name).lexically_normal().string();
}

// Section 16.1: relative to the workflow file, then to ~/.fabro.
Result<std::string> ReadNamedFile(const PrepareOptions& options, const std::string& name,
                                  std::size_t limit) {
  if (options.bundled) {
    const auto stored = options.bundled->find(NameInBundle(options, name));
    if (stored != options.bundled->end()) return stored->second;
    return Failure(Code::kNotFound, "the run was stored without it", "file_missing");
  }
  if (name.starts_with("~/") && !options.home.empty()) {
    return ReadAtMost(options.home + name.substr(1), limit);
  }
  auto text = ReadAtMost((fs::path(options.directory) / name).string(), limit);
  if (text.ok() || text.error().reason != "file_missing" || options.home.empty() ||
      fs::path(name).is_absolute()) {
    return text;
  }
  auto shared = ReadAtMost((fs::path(options.home) / ".fabro" / name).string(), limit);
  return shared.ok() ? std::move(shared) : std::move(text);
}

Prepared PrepareGraph(std::string_view text, const PrepareOptions& options) {
  Prepared prepared;
  auto graph = Parse(text);
  if (!graph) {
    Diagnostic diagnostic;
    diagnostic.rule = "parse_error";
    diagnostic.message = graph.error().message;
    diagnostic.hint = graph.error().hint;
    diagnostic.at = graph.error().at;
    prepared.diagnostics.push_back(std::move(diagnostic));
    return prepared;
  }
  prepared.graph = *std::move(graph);
  Preparation(options, prepared).Run();
  return prepared;
}

Result<std::string> ReadWorkflowFile(const std::string& path) {
  auto text = ReadAtMost(path, static_cast<std::size_t>(kMaxFileSize.bytes()));
  if (text.ok()) return text;
  Error error = std::move(text).error();
  error.reason = error.reason == "file_missing" ? "workflow_missing" : "workflow_unreadable";
  return error;
}

}  // namespace fabro::workflow
