// From what a probe saw inside a sandbox to whether each layer holds there: the judgement behind
// `faber run --require` and `faber selftest`. Pure: what was seen goes in, a verdict a layer and
// its evidence come out, and what was not seen never counts as held.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/model/json.h"
#include "fabro/model/outcome.h"
#include "fabro/model/sandbox.h"

namespace fabro::faber {

// "ns.user" -> "user:[4026531837]": the lines of `faber-probe evidence`.
using Evidence = std::map<std::string, std::string, std::less<>>;
Evidence ParseEvidence(std::string_view text);

struct Observed {
  Evidence inside;
  Evidence outside;  // The same keys of our own process: ns.*, boottime.
  model::SandboxSpec spec;
  model::SandboxInfo info;
};

struct Verdict {
  enum class State { kPass, kFail, kDegraded };
  std::string layer;  // Of model::Layers(), or the row of an attack: "B9a".
  State state = State::kFail;
  std::string what;      // What is said to hold.
  std::string evidence;  // What the kernel said.
};

// "PASS", "FAIL", "DEGRADED".
std::string_view ToString(Verdict::State state);

// One for each layer, in the order of model::Layers(). A layer that the sandbox says it lacks is
// kDegraded.
std::vector<Verdict> JudgeLayers(const Observed& observed);

// Empty when all of them pass; else isolation_unavailable with layer, evidence and fix of the
// first.
Status HoldsAll(const std::vector<Verdict>& verdicts, const std::vector<std::string>& required);

model::Json ToJson(const Verdict& verdict);

}  // namespace fabro::faber
