// Rules that only nodes of one kind have to keep.
#include <algorithm>
#include <cctype>
#include <map>
#include <string>

#include "fabro/workflow/graph/attributes.h"
#include "fabro/workflow/validate/rules.h"

namespace fabro::workflow {
namespace {

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

void CheckCommand(const Lint& lint, const Node& node) {
  const Attribute* script = node.attributes.Find("script");
  if (script == nullptr) script = node.attributes.Find("tool_command");
  if (script != nullptr && !IsBlank(script->text)) return;
  lint.Report(Severity::kError, "command_script", node, script,
              "command node '" + node.id + "' has no script", "add: script=\"make test\"");
}

void CheckConditional(const Lint& lint, std::size_t number) {
  const Node& node = lint.graph.nodes[number];
  const auto out = lint.index.Out(number);
  const bool conditional = std::any_of(out.begin(), out.end(), [&lint](std::size_t edge) {
    return IsConditional(lint.graph.edges[edge]);
  });
  if (out.size() >= 2 && conditional) return;
  lint.Report(Severity::kWarning, "conditional_edges", node, nullptr,
              "conditional node '" + node.id + "' decides nothing",
              "give it two edges or more, one of them with a condition");
}

void CheckModelNode(const Lint& lint, const Node& node) {
  if (node.attributes.Has("prompt") || node.attributes.Has("label")) return;
  lint.Report(Severity::kWarning, "prompt_on_llm_nodes", node, nullptr,
              "node '" + node.id + "' has no prompt: its id is all that the model gets",
              "add: prompt=\"…\"");
}

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// The key that chooses an option of a human gate (section 5A): "[K] text", "K) text", "K - text",
// else the first character. In upper case.
std::string AcceleratorOf(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  const auto is_key = [](std::string_view key) {
    return !key.empty() && key.size() <= 3 && std::all_of(key.begin(), key.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0;
    });
  };
  std::string_view key = text.substr(0, 1);
  const std::size_t bracket = text.find(']');
  const std::size_t paren = text.find(')');
  const std::size_t dash = text.find(" - ");
  if (text.starts_with('[') && bracket != std::string_view::npos && bracket > 1) {
    key = text.substr(1, bracket - 1);
  } else if (paren != std::string_view::npos && is_key(text.substr(0, paren))) {
    key = text.substr(0, paren);
  } else if (dash != std::string_view::npos && is_key(text.substr(0, dash))) {
    key = text.substr(0, dash);
  }
  std::string upper(key);
  std::transform(upper.begin(), upper.end(), upper.begin(), Upper);
  return upper;
}

void CheckHuman(const Lint& lint, std::size_t number) {
  const Node& node = lint.graph.nodes[number];
  const auto out = lint.index.Out(number);
  if (out.empty()) {
    lint.Report(Severity::kError, "human_options", node, nullptr,
                "human node '" + node.id + "' offers nothing to choose",
                "add an edge for every option");
    return;
  }
  std::map<std::string, std::string> options;  // Text by key.
  std::size_t freeform = 0;
  for (const std::size_t number_of_edge : out) {
    const Edge& edge = lint.graph.edges[number_of_edge];
    if (IsSet(edge.attributes, "freeform")) {
      if (++freeform != 2) continue;
      lint.Report(Severity::kWarning, "freeform_single", edge, edge.attributes.Find("freeform"),
                  "node '" + node.id + "' has more than one freeform edge");
      continue;
    }
    if (IsConditional(edge)) continue;
    const std::string_view label = edge.attributes.Text("label");
    const std::string text(label.empty() ? std::string_view(edge.to) : label);
    const auto [it, is_new] = options.emplace(AcceleratorOf(text), text);
    if (is_new) continue;
    lint.Report(Severity::kWarning, "human_accelerator_unique", edge, edge.attributes.Find("label"),
                "'" + text + "' and '" + it->second + "' have the same key '" + it->first + "'",
                "give one of them a key of its own: \"[K] …\"");
  }
}

void CheckWait(const Lint& lint, const Node& node) {
  const Attribute* duration = node.attributes.Find("duration");
  if (duration != nullptr && AsDuration(*duration).ok()) return;
  lint.Report(Severity::kError, "wait_duration", node, duration,
              duration == nullptr ? "wait node '" + node.id + "' has no duration"
                                  : "'" + duration->text + "' is no duration",
              "add: duration=5m");
}

void CheckParallel(const Lint& lint, const Node& node) {
  const Attribute* policy = node.attributes.Find("join_policy");
  const Attribute* dropped = node.attributes.Find("error_policy");
  if (dropped != nullptr) {
    lint.Report(Severity::kError, "parallel_join_policy", node, dropped,
                "'error_policy' is no longer supported", "use join_policy");
  }
  if (policy == nullptr || policy->text == "wait_all" || policy->text == "first_success") return;
  const bool old = policy->text.starts_with("k_of_n") || policy->text.starts_with("quorum");
  lint.Report(
      Severity::kError, "parallel_join_policy", node, policy,
      "the join policy '" + policy->text + "' is " + (old ? "no longer supported" : "unknown"),
      "write wait_all or first_success");
}

void CheckManagerLoop(const Lint& lint, const Node& node) {
  const Attributes& own = node.attributes;
  const Attributes& shared = lint.graph.attributes;
  const auto has = [&](std::string_view key) { return own.Has(key) || shared.Has(key); };
  const bool path = has("stack.child_workflow") || has("stack.child_dotfile");
  const bool source = has("stack.child_dot_source");
  if (path != source) return;
  lint.Report(Severity::kError, "child_workflow", node, nullptr,
              path ? "node '" + node.id + "' has both a child workflow and its source"
                   : "node '" + node.id + "' names no child workflow",
              "set stack.child_workflow, or stack.child_dot_source, and not both");
}

}  // namespace

void CheckKind(const Lint& lint, std::size_t number) {
  const Node& node = lint.graph.nodes[number];
  if (node.kind != NodeKind::kExit && node.kind != NodeKind::kHuman &&
      lint.index.Out(number).empty()) {
    lint.Report(Severity::kWarning, "dead_end", node, nullptr,
                "no edge leaves node '" + node.id + "': the run fails there",
                "add an edge, at last to the exit");
  }
  switch (node.kind) {
    case NodeKind::kCommand:
      return CheckCommand(lint, node);
    case NodeKind::kConditional:
      return CheckConditional(lint, number);
    case NodeKind::kAgent:
    case NodeKind::kPrompt:
      return CheckModelNode(lint, node);
    case NodeKind::kHuman:
      return CheckHuman(lint, number);
    case NodeKind::kWait:
      return CheckWait(lint, node);
    case NodeKind::kParallel:
      return CheckParallel(lint, node);
    case NodeKind::kManagerLoop:
      return CheckManagerLoop(lint, node);
    default:
      return;
  }
}

}  // namespace fabro::workflow
