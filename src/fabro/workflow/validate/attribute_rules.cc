// Rules about attributes that any graph, node or edge may carry.
#include <algorithm>
#include <array>
#include <string>

#include "fabro/workflow/graph/attributes.h"
#include "fabro/workflow/validate/rules.h"

namespace fabro::workflow {
namespace {

enum class Wanted { kBool, kInt, kCount, kDuration };  // kCount: an integer that is not negative.

struct TypeRow {
  std::string_view key;
  Wanted wanted;
};

constexpr std::array<TypeRow, 5> kGraphTypes{{{"default_max_retries", Wanted::kCount},
                                              {"default_max_retry", Wanted::kCount},
                                              {"max_node_visits", Wanted::kCount},
                                              {"stall_timeout", Wanted::kDuration},
                                              {"loop_restart_signature_limit", Wanted::kCount}}};
constexpr std::array<TypeRow, 11> kNodeTypes{{{"timeout", Wanted::kDuration},
                                              {"max_visits", Wanted::kCount},
                                              {"max_retries", Wanted::kCount},
                                              {"goal_gate", Wanted::kBool},
                                              {"auto_status", Wanted::kBool},
                                              {"allow_partial", Wanted::kBool},
                                              {"max_tokens", Wanted::kCount},
                                              {"project_memory", Wanted::kBool},
                                              {"max_parallel", Wanted::kCount},
                                              {"manager.poll_interval", Wanted::kDuration},
                                              {"manager.max_cycles", Wanted::kCount}}};
constexpr std::array<TypeRow, 3> kEdgeTypes{
    {{"weight", Wanted::kInt}, {"loop_restart", Wanted::kBool}, {"freeform", Wanted::kBool}}};

// Empty when the attribute can be read as `wanted`.
Status Readable(const Attribute& attribute, Wanted wanted) {
  if (wanted == Wanted::kBool) {
    TRY(AsBool(attribute));
  } else if (wanted == Wanted::kDuration) {
    TRY(AsDuration(attribute));
  } else {
    const std::int64_t number = TRY(AsInt(attribute));
    if (wanted == Wanted::kCount && number < 0) {
      return Failure(Code::kInvalidArgument,
                     "attribute '" + attribute.key + "' may not be negative", "attr_type");
    }
  }
  return {};
}

template <typename Rows, typename Report>
void CheckTypes(const Rows& rows, const Attributes& attributes, const Report& report) {
  for (const Attribute& attribute : attributes.items) {
    for (const TypeRow& row : rows) {
      if (row.key != attribute.key) continue;
      const Status readable = Readable(attribute, row.wanted);
      if (!readable.ok()) report(attribute, readable.error());
    }
  }
}

struct ChoiceRow {
  std::string_view key;
  std::string_view rule;
  std::array<std::string_view, 5> values;
  std::string_view hint;
};

constexpr std::array<ChoiceRow, 4> kChoices{{
    {"selection", "selection_value", {"deterministic", "random"}, "deterministic or random"},
    {"retry_policy",
     "retry_policy_value",
     {"none", "standard", "aggressive", "linear", "patient"},
     "none, standard, aggressive, linear or patient"},
    {"resume", "resume_value", {"rerun", "ask", "fail"}, "rerun, ask or fail"},
    {"language", "command_language", {"shell", "python"}, "shell or python"},
}};

void CheckChoices(const Lint& lint, const Node& node) {
  for (const ChoiceRow& row : kChoices) {
    const Attribute* found = node.attributes.Find(row.key);
    if (found == nullptr) continue;
    if (row.key == "language" && node.kind != NodeKind::kCommand) continue;
    const bool known = !found->text.empty() && std::find(row.values.begin(), row.values.end(),
                                                         found->text) != row.values.end();
    if (known) continue;
    lint.Report(Severity::kError, row.rule, node, found,
                "'" + found->text + "' is no value of '" + std::string(row.key) + "'",
                "write " + std::string(row.hint));
  }
}

// Of a node, or of the graph when `node` is null.
void CheckRetryTargets(const Lint& lint, const Attributes& attributes, const Node* node) {
  for (const std::string_view key : {"retry_target", "fallback_retry_target"}) {
    const Attribute* target = attributes.Find(key);
    if (target == nullptr || target->text.empty()) continue;
    const Node* named = lint.index.Find(target->text);
    if (named != nullptr && named->kind != NodeKind::kExit) continue;
    const Severity severity = named == nullptr ? Severity::kWarning : Severity::kError;
    std::string message = "'" + std::string(key) + "' names '" + target->text + "', ";
    message += named == nullptr ? "which does not exist" : "the exit node";
    if (node != nullptr) {
      lint.Report(severity, "retry_target_exists", *node, target, std::move(message));
    } else {
      lint.Report(severity, "retry_target_exists", target->at, std::move(message));
    }
  }
}

bool HasRetryTarget(const Attributes& attributes) {
  return !attributes.Text("retry_target").empty() ||
         !attributes.Text("fallback_retry_target").empty();
}

bool IsFidelity(std::string_view text) {
  return text == "full" || text == "compact" || text == "summary:high" ||
         text == "summary:medium" || text == "summary:low" || text == "truncate";
}

constexpr std::string_view kFidelityHint =
    "one of full, compact, summary:high, summary:medium, summary:low, truncate";

void CheckFidelity(const Lint& lint, std::size_t number) {
  const Node& node = lint.graph.nodes[number];
  const Attribute* fidelity = node.attributes.Find("fidelity");
  if (fidelity != nullptr && !IsFidelity(fidelity->text)) {
    lint.Report(Severity::kWarning, "fidelity_valid", node, fidelity,
                "'" + fidelity->text + "' is no fidelity", std::string(kFidelityHint));
  }
  const Attribute* thread = node.attributes.Find("thread_id");
  if (thread == nullptr) return;
  bool full =
      node.attributes.Text("fidelity", lint.graph.attributes.Text("default_fidelity")) == "full";
  for (const std::size_t edge : lint.index.In(number)) {
    full = full || lint.graph.edges[edge].attributes.Text("fidelity") == "full";
  }
  if (full) return;
  lint.Report(Severity::kWarning, "thread_id_requires_fidelity_full", node, thread,
              "'thread_id' has no effect: the fidelity of node '" + node.id + "' is not full",
              "add fidelity=full");
}

void CheckSelection(const Lint& lint, std::size_t number) {
  const Node& node = lint.graph.nodes[number];
  const Attribute* selection = node.attributes.Find("selection");
  if (selection == nullptr || selection->text != "random") return;
  for (const std::size_t edge : lint.index.Out(number)) {
    if (!IsConditional(lint.graph.edges[edge])) continue;
    lint.Report(Severity::kError, "selection_random_conditions", node, selection,
                "node '" + node.id + "' chooses at random, but its edges have conditions",
                "remove the conditions or the random selection");
    return;
  }
}

}  // namespace

void CheckGraphAttributes(const Lint& lint) {
  CheckTypes(kGraphTypes, lint.graph.attributes,
             [&lint](const Attribute& attribute, const Error& error) {
               lint.Report(Severity::kError, "attr_type", attribute.at, error.message, error.fix);
             });
  CheckRetryTargets(lint, lint.graph.attributes, nullptr);
  const Attribute* fidelity = lint.graph.attributes.Find("default_fidelity");
  if (fidelity != nullptr && !IsFidelity(fidelity->text)) {
    lint.Report(Severity::kWarning, "fidelity_valid", fidelity->at,
                "'" + fidelity->text + "' is no fidelity", std::string(kFidelityHint));
  }
}

void CheckNode(const Lint& lint, std::size_t number) {
  const Node& node = lint.graph.nodes[number];
  const Attribute* type = node.attributes.Find("type");
  const auto& built = lint.options.built_kinds;
  if (type != nullptr && !KindOfType(type->text)) {
    lint.Report(Severity::kError, "type_known", node, type,
                "'" + type->text + "' is no type of node",
                "types are start, exit, agent, prompt, command, human, conditional, parallel, "
                "parallel.fan_in, wait, stack.manager_loop, pull_request");
  } else if (std::find(built.begin(), built.end(), node.kind) == built.end()) {
    lint.Report(Severity::kError, "kind_not_supported", node, nullptr,
                "node kind '" + std::string(KindName(node.kind)) + "' is not supported yet");
  }
  CheckTypes(
      kNodeTypes, node.attributes, [&lint, &node](const Attribute& attribute, const Error& error) {
        lint.Report(Severity::kError, "attr_type", node, &attribute, error.message, error.fix);
      });
  CheckChoices(lint, node);
  CheckRetryTargets(lint, node.attributes, &node);
  CheckFidelity(lint, number);
  CheckSelection(lint, number);
  if (IsSet(node.attributes, "goal_gate") && !HasRetryTarget(node.attributes) &&
      !HasRetryTarget(lint.graph.attributes)) {
    lint.Report(Severity::kWarning, "goal_gate_has_retry", node, node.attributes.Find("goal_gate"),
                "goal gate '" + node.id + "' has no retry target: a failure ends the run",
                "add retry_target=… to the node or the graph");
  }
}

void CheckEdge(const Lint& lint, std::size_t number) {
  const Edge& edge = lint.graph.edges[number];
  for (const bool target : {false, true}) {
    const std::size_t end = target ? lint.index.Target(number) : lint.index.Source(number);
    if (end != GraphIndex::kNone) continue;
    lint.Report(Severity::kError, "edge_target_exists", edge, nullptr,
                "the edge names '" + (target ? edge.to : edge.from) + "', which does not exist");
  }
  CheckTypes(
      kEdgeTypes, edge.attributes, [&lint, &edge](const Attribute& attribute, const Error& error) {
        lint.Report(Severity::kError, "attr_type", edge, &attribute, error.message, error.fix);
      });
  const Attribute* fidelity = edge.attributes.Find("fidelity");
  if (fidelity != nullptr && !IsFidelity(fidelity->text)) {
    lint.Report(Severity::kWarning, "fidelity_valid", edge, fidelity,
                "'" + fidelity->text + "' is no fidelity", std::string(kFidelityHint));
  }
  const Attribute* text = edge.attributes.Find("condition");
  if (text == nullptr) return;
  const auto condition = ParseCondition(text->text);
  if (!condition) {
    lint.Report(Severity::kError, "condition_syntax", edge, text,
                condition.error().message + " (column " + std::to_string(condition.error().column) +
                    " of the condition)",
                condition.error().hint);
    return;
  }
  for (const auto& all_of : condition->any_of) {
    for (const ConditionClause& clause : all_of) {
      const bool old = clause.literal == "success" || clause.literal == "fail" ||
                       clause.literal == "partial_success" || clause.literal == "retry";
      if (!old || (clause.key != "outcome" && clause.key != "context.outcome")) continue;
      lint.Report(Severity::kWarning, "legacy_outcome", edge, text,
                  "the outcome is never '" + clause.literal + "'",
                  "outcomes are succeeded, failed, partially_succeeded and skipped");
    }
  }
}

}  // namespace fabro::workflow
