// Walks inside of walks, and what they count together.
#include <algorithm>
#include <charconv>
#include <utility>

#include "fabro/workflow/engine/state.h"

namespace fabro::workflow {
namespace {

using model::Event;
using model::Json;

bool IsEngineKey(const std::string& key) {
  return key.starts_with("internal.") || key.starts_with("graph.") || key == "current_node" ||
         key == "outcome" || key == "preferred_label" || key == "failure_class" ||
         key == "failure_signature";
}

std::uint64_t NumberOfQuestion(const std::string& id) {
  std::uint64_t number = 0;
  if (id.starts_with("q-")) std::from_chars(id.data() + 2, id.data() + id.size(), number);
  return number;
}

void Asked(const Event& event, Traversal& walk, RunState& state) {
  const std::string id = event.properties.StringAt("question_id");
  if (walk.question_id != id) walk.asked_ms = UnixMillis(event.ts);
  walk.question_id = id;
  walk.question = event.properties;
  walk.answer.reset();
  state.questions = std::max(state.questions, NumberOfQuestion(id));
  state.open_questions.insert(id);
}

void Answered(const Event& event, Traversal& walk, RunState& state) {
  const std::string id = event.properties.StringAt("question_id");
  if (walk.question_id == id) {
    const Json* answer = event.properties.Find("answer");
    Json recorded = answer != nullptr ? *answer : Json::MakeObject();
    if (event.name == "interview.timeout") recorded.Set("kind", "timeout");
    recorded.SetIfAny("by", event.properties.StringAt("by"));
    walk.answer = std::move(recorded);
  }
  state.open_questions.erase(id);
  state.closed_questions.insert(id);
}

}  // namespace

Counters::Visit Counters::Next(const std::string& node) {
  const std::lock_guard lock(mutex_);
  const auto [it, is_new] = visits_.try_emplace(node, Visit{.ordinal = 0, .count = 0});
  ++it->second.ordinal;
  ++it->second.count;
  return it->second;
}

std::uint64_t Counters::VisitsOf(const std::string& node) const {
  const std::lock_guard lock(mutex_);
  const auto found = visits_.find(node);
  return found == visits_.end() ? 0 : found->second.count;
}

std::map<std::string, std::uint64_t> Counters::Visits() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [node, visit] : visits_) {
    if (visit.count > 0) counts[node] = visit.count;
  }
  return counts;
}

void Counters::Saw(const std::string& node, Visit visit) {
  const std::lock_guard lock(mutex_);
  Visit& known = visits_.try_emplace(node, Visit{.ordinal = 0, .count = 0}).first->second;
  known.ordinal = std::max(known.ordinal, visit.ordinal);
  known.count = std::max(known.count, visit.count);
}

void Counters::SetVisits(const std::map<std::string, std::uint64_t>& visits) {
  const std::lock_guard lock(mutex_);
  visits_.clear();
  for (const auto& [node, count] : visits) visits_[node] = {.ordinal = count, .count = count};
}

std::map<std::string, std::uint64_t> Counters::Count(const std::string& signature) {
  const std::lock_guard lock(mutex_);
  if (!signature.empty()) ++signatures_[signature];
  return signatures_;
}

std::map<std::string, std::uint64_t> Counters::Signatures() const {
  const std::lock_guard lock(mutex_);
  return signatures_;
}

std::uint64_t Counters::SignatureCount(const std::string& signature) const {
  const std::lock_guard lock(mutex_);
  const auto found = signatures_.find(signature);
  return found == signatures_.end() ? 0 : found->second;
}

void Counters::SawSignatures(const std::map<std::string, std::uint64_t>& counts) {
  const std::lock_guard lock(mutex_);
  for (const auto& [signature, count] : counts) {
    std::uint64_t& known = signatures_[signature];
    known = std::max(known, count);
  }
}

void Counters::ForgetSignatures() {
  const std::lock_guard lock(mutex_);
  signatures_.clear();
}

void Counters::ForgetVisits() {
  const std::lock_guard lock(mutex_);
  for (auto& [node, visit] : visits_) visit.count = 0;
}

std::unique_ptr<Traversal> Traversal::Branch(const std::string& first_node) const {
  auto branch = std::make_unique<Traversal>();
  branch->node = first_node;
  branch->branch_start = first_node;
  branch->previous_node = node;
  branch->completed_nodes = completed_nodes;
  branch->inherited = completed_nodes.size();
  branch->node_outcomes = node_outcomes;
  branch->context = context;
  branch->began_context = context;
  branch->records = records;
  branch->counters = counters;
  branch->restarts = restarts;
  return branch;
}

std::unique_ptr<Traversal> Traversal::Child() const {
  auto child = std::make_unique<Traversal>();
  for (const auto& [key, value] : context) {
    if (!key.starts_with("graph.") && !key.starts_with("internal.")) child->context[key] = value;
  }
  child->began_context = child->context;
  return child;
}

std::map<std::string, Json> Traversal::ContextChanges() const {
  std::map<std::string, Json> changes;
  for (const auto& [key, value] : context) {
    if (IsEngineKey(key)) continue;
    const auto before = began_context.find(key);
    if (before == began_context.end() || !(before->second == value)) changes[key] = value;
  }
  return changes;
}

Traversal* RunState::Find(std::string_view scope) {
  Traversal* walk = this;
  while (!scope.empty()) {
    const std::size_t end = scope.find('>');
    const auto found = walk->inner.find(std::string(scope.substr(0, end)));
    if (found == walk->inner.end()) return nullptr;
    walk = found->second.get();
    scope = end == std::string_view::npos ? std::string_view() : scope.substr(end + 1);
  }
  return walk;
}

void CloseInner(const std::string& stage_id, Traversal& walk) {
  for (auto it = walk.inner.begin(); it != walk.inner.end();) {
    const bool branch = it->first.starts_with(stage_id + ":");
    if (!branch && it->first != stage_id) {
      ++it;
      continue;
    }
    if (branch) {
      // Goal gates inside count like any visited node; preambles tell of them.
      Traversal& inner = *it->second;
      for (std::size_t i = inner.inherited; i < inner.completed_nodes.size(); ++i) {
        const std::string& node = inner.completed_nodes[i];
        walk.completed_nodes.push_back(node);
        walk.node_outcomes[node] = inner.node_outcomes[node];
      }
    }
    it = walk.inner.erase(it);
  }
}

void ApplyScopes(const Event& event, Traversal& walk, RunState& state) {
  const Json& properties = event.properties;
  if (event.name == "interview.started") {
    Asked(event, walk, state);
  } else if (event.name == "interview.completed" || event.name == "interview.timeout") {
    Answered(event, walk, state);
  } else if (event.name == "parallel.started") {
    walk.opened = event.stage_id;
  } else if (event.name == "parallel.branch.started") {
    walk.inner[properties.StringAt("branch")] = walk.Branch(properties.StringAt("node"));
  } else if (event.name == "subgraph.started") {
    walk.opened = event.stage_id;
    walk.inner[event.stage_id] = walk.Child();
  } else if (event.name == "parallel.branch.completed" || event.name == "subgraph.completed") {
    const std::string segment = properties.StringAt("branch", event.stage_id);
    const auto found = walk.inner.find(segment);
    if (found != walk.inner.end()) found->second->ended_status = properties.StringAt("status");
  }
}

}  // namespace fabro::workflow
