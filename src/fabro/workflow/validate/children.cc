// Sub-workflows (workflow language, 9B): found, read and prepared with their parent, so that a
// stored run has all of them.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "fabro/workflow/graph/parser.h"
#include "fabro/workflow/validate/prepare.h"

namespace fabro::workflow {
namespace {

namespace fs = std::filesystem;

// Of the node, else of the graph.
const Attribute* Named(const Graph& graph, const Node& node, std::string_view key,
                       std::string_view old = {}) {
  for (const Attributes* attributes : {&node.attributes, &graph.attributes}) {
    for (const std::string_view name : {key, old}) {
      const Attribute* found = name.empty() ? nullptr : attributes->Find(name);
      if (found != nullptr && !found->text.empty()) return found;
    }
  }
  return nullptr;
}

void Report(Prepared& prepared, const Node& node, const Attribute& attribute, std::string message,
            std::string hint = {}) {
  Diagnostic diagnostic;
  diagnostic.rule = "child_workflow";
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  diagnostic.at = attribute.at;
  diagnostic.node = node.id;
  prepared.diagnostics.push_back(std::move(diagnostic));
}

PrepareOptions OptionsOfChild(const PrepareOptions& parent, const Graph& graph,
                              const std::string& path) {
  PrepareOptions options = parent;
  options.goal.reset();
  options.parent_goal = graph.attributes.Text("goal");
  if (path.empty()) return options;
  const std::string key = NameInBundle(parent, path);
  options.ancestors.push_back(key);
  options.prefix = fs::path(key).parent_path().string();
  const fs::path file = path.starts_with("~/") && !parent.home.empty()
                            ? fs::path(parent.home + path.substr(1))
                            : fs::path(parent.directory) / path;
  options.directory = file.parent_path().string();
  if (options.directory.empty()) options.directory = ".";
  return options;
}

void Adopt(const std::string& text, const std::string& name, const PrepareOptions& options,
           const Node& node, const Attribute& attribute, Prepared& prepared) {
  Prepared child = PrepareGraph(text, options);
  for (const Diagnostic& diagnostic : child.diagnostics) {
    if (diagnostic.severity != Severity::kError) continue;
    Report(prepared, node, attribute,
           "the sub-workflow is not valid: " + FormatDiagnostic(name, diagnostic));
    if (prepared.diagnostics.back().message.ends_with('\n')) {
      prepared.diagnostics.back().message.pop_back();
    }
    return;
  }
  for (auto& [file, content] : child.files) prepared.files[file] = std::move(content);
  auto adopted = std::make_shared<ChildWorkflow>();
  adopted->graph = std::move(child.graph);
  adopted->children = std::move(child.children);
  prepared.children[node.id] = std::move(adopted);
}

void PrepareChild(const PrepareOptions& options, const Node& node, Prepared& prepared) {
  const Graph& graph = prepared.graph;
  const Attribute* source = Named(graph, node, "stack.child_dot_source");
  const Attribute* path = Named(graph, node, "stack.child_workflow", "stack.child_dotfile");
  if ((source == nullptr) == (path == nullptr)) return;  // The rule of the same name says it.
  if (source != nullptr) {
    Adopt(source->text, "stack.child_dot_source", OptionsOfChild(options, graph, {}), node, *source,
          prepared);
    return;
  }
  const std::string key = NameInBundle(options, path->text);
  const auto& ancestors = options.ancestors;
  if (std::find(ancestors.begin(), ancestors.end(), key) != ancestors.end()) {
    return Report(prepared, node, *path, "the workflow '" + path->text + "' runs itself",
                  "a loop belongs into one graph");
  }
  if (ancestors.size() >= kMaxChildDepth) {
    return Report(prepared, node, *path,
                  "sub-workflows are nested deeper than " + std::to_string(kMaxChildDepth));
  }
  auto text = ReadNamedFile(options, path->text, kMaxFileSize.bytes());
  if (!text.ok()) {
    return Report(prepared, node, *path, "the sub-workflow cannot be read: " + text.error().message,
                  "paths start at the directory of the workflow");
  }
  Adopt(*text, path->text, OptionsOfChild(options, graph, path->text), node, *path, prepared);
  prepared.files[key] = *std::move(text);
}

}  // namespace

void PrepareChildren(const PrepareOptions& options, Prepared& prepared) {
  for (const Node& node : prepared.graph.nodes) {
    if (node.kind == NodeKind::kManagerLoop) PrepareChild(options, node, prepared);
  }
}

}  // namespace fabro::workflow
