#include "fabro/agent/directives/directives.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "fabro/codec/json/json.h"

namespace fabro::agent {
namespace {

using model::Json;

constexpr std::array<std::string_view, 5> kKeys{"outcome", "failure_reason", "preferred_next_label",
                                                "suggested_next_ids", "context_updates"};
// Unbalanced braces make every span reach to the end. So many bytes are looked at; then only the
// end of the text is, where directives stand.
constexpr std::size_t kMaxScanned = std::size_t{1} << 24U;
constexpr std::array<std::size_t, 3> kTails{std::string_view::npos, std::size_t{1} << 16U,
                                            std::size_t{1} << 12U};

bool HasKey(const Json& object) {
  return std::any_of(kKeys.begin(), kKeys.end(),
                     [&](std::string_view key) { return object.Find(key) != nullptr; });
}

// The matching brace of the one at `open`, braces in JSON strings left out; npos: none.
std::size_t CloseOf(std::string_view text, std::size_t open) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = open; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

// Engine keys (7.1) that no model may write.
bool IsEngineKey(std::string_view key) {
  static constexpr std::array<std::string_view, 11> kEngine{
      "outcome",        "preferred_label",
      "failure_class",  "failure_signature",
      "current_node",   "last_stage",
      "last_response",  "parallel.results",
      "command.output", "parallel.branch_count",
      "command.stderr"};
  for (const std::string_view prefix :
       {"internal.", "graph.", "response.", "human.gate.", "thread.", "pull_request."}) {
    if (key.starts_with(prefix)) return true;
  }
  return std::find(kEngine.begin(), kEngine.end(), key) != kEngine.end();
}

std::string OutcomeWord(const std::string& word, Directives& found) {
  for (const std::string_view known :
       {"succeeded", "failed", "partially_succeeded", "skipped", "retry"}) {
    if (word == known) return word;
  }
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kOld{
      {{"success", "succeeded"}, {"fail", "failed"}, {"partial_success", "partially_succeeded"}}};
  for (const auto& [old, fresh] : kOld) {
    if (word != old) continue;
    found.warnings.push_back("outcome \"" + word + "\" is an old word for \"" + std::string(fresh) +
                             "\"");
    return std::string(fresh);
  }
  found.warnings.push_back("outcome \"" + word.substr(0, 100) + "\" is no outcome");
  return {};
}

void ReadUpdates(const Json& updates, Directives& found) {
  if (updates.Members() == nullptr) {
    found.warnings.emplace_back("context_updates is no object");
    return;
  }
  for (const auto& [key, value] : *updates.Members()) {
    if (key.empty() || IsEngineKey(key)) {
      found.warnings.push_back("context_updates: \"" + key.substr(0, 100) +
                               "\" is the engine's own and was left out");
    } else {
      found.context_updates.Set(key, value);
    }
  }
}

Directives Read(const Json& object) {
  Directives found;
  if (const Json* outcome = object.Find("outcome"); outcome != nullptr && !outcome->IsNull()) {
    found.outcome = OutcomeWord(outcome->ToText(), found);
  }
  found.failure_reason = object.StringAt("failure_reason");
  if (!found.failure_reason.empty() && object.Find("outcome") == nullptr) found.outcome = "failed";
  found.preferred_next_label = object.StringAt("preferred_next_label");
  found.suggested_next_ids = object.StringsAt("suggested_next_ids");
  if (const Json* ids = object.Find("suggested_next_ids"); ids != nullptr && ids->String()) {
    found.suggested_next_ids = {*ids->String()};
  }
  if (const Json* updates = object.Find("context_updates")) ReadUpdates(*updates, found);
  return found;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<Json> Last() {
    std::optional<Json> best;
    for (std::size_t open = 0; open < text_.size() && !exhausted();) {
      open = text_.find('{', open);
      if (open == std::string_view::npos) break;
      auto [object, next] = At(open);
      if (object) best = std::move(object);
      open = next;
    }
    return best;
  }

  bool exhausted() const { return scanned_ > kMaxScanned; }

 private:
  struct Tried {
    std::optional<Json> object;
    std::size_t next = 0;  // Where to look on.
  };

  Tried At(std::size_t open) {
    const std::size_t close = CloseOf(text_, open);
    scanned_ += (close == std::string_view::npos ? text_.size() : close) - open;
    if (close == std::string_view::npos) return {.object = {}, .next = open + 1};
    const auto parsed = codec::ParseJson(text_.substr(open, close - open + 1));
    if (!parsed.ok() || parsed->Members() == nullptr) return {.object = {}, .next = open + 1};
    if (HasKey(*parsed)) return {.object = *parsed, .next = close + 1};
    return {.object = Inner(*parsed), .next = close + 1};
  }

  // NOLINTNEXTLINE(misc-no-recursion): the depth is that of parsed JSON, at most 256.
  static std::optional<Json> Inner(const Json& value) {
    std::optional<Json> found;
    const auto look = [&](const Json& member) {
      if (member.Members() != nullptr && HasKey(member)) {
        found = member;
      } else if (auto inner = Inner(member)) {
        found = std::move(inner);
      }
    };
    if (value.Members() != nullptr) {
      for (const auto& [name, member] : *value.Members()) look(member);
    } else if (value.Items() != nullptr) {
      for (const Json& item : *value.Items()) look(item);
    }
    return found;
  }

  std::string_view text_;
  std::size_t scanned_ = 0;
};

}  // namespace

std::optional<Directives> FindDirectives(std::string_view text) {
  std::optional<Json> object;
  for (const std::size_t tail : kTails) {
    Scanner scanner(tail < text.size() ? text.substr(text.size() - tail) : text);
    if (auto found = scanner.Last()) object = std::move(found);
    if (!scanner.exhausted()) break;
  }
  if (!object) return std::nullopt;
  return Read(*object);
}

std::optional<Directives> ReadStatusFile(std::string_view text) {
  auto parsed = codec::ParseJson(text);
  if (!parsed.ok() || parsed->Members() == nullptr) return FindDirectives(text);
  const Json* label = parsed->Find("preferred_label");
  if (!HasKey(*parsed) && label == nullptr && parsed->Find("notes") == nullptr) {
    return FindDirectives(text);
  }
  Directives found = Read(*parsed);
  if (found.preferred_next_label.empty()) {
    found.preferred_next_label = parsed->StringAt("preferred_label");
  }
  found.notes = parsed->StringAt("notes");
  return found;
}

}  // namespace fabro::agent
