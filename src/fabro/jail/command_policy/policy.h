// Judges a command line before it runs: argv as facts, facts against rules. Pure but for the
// resolver that is given in.
//
// A guardrail, not a boundary: it is for readable refusals and an audit trail. Whoever may run an
// interpreter may run anything; what contains that is the kernel's layers. Spec: isolation
// engine 9.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/model/command_policy.h"

namespace fabro::jail::command_policy {

// What a program is inside the sandbox's root.
struct Program {
  std::string name;                    // Last component of the path that all links lead to.
  std::vector<std::string> same_file;  // Of the rules' programs, those that are this very file.
};

class ProgramResolver {
 public:
  virtual ~ProgramResolver() = default;
  // `name` with a slash starts at `cwd`, else it is looked up in `search_path` (PATH's syntax).
  virtual std::optional<Program> Find(std::string_view name, std::string_view search_path,
                                      std::string_view cwd) const = 0;
  // The guest can write there, so that what is there was not there when it was judged.
  virtual bool Writable(std::string_view path) const = 0;
};

// Knows no file: names are what they look like.
class NoResolver final : public ProgramResolver {
 public:
  std::optional<Program> Find(std::string_view, std::string_view, std::string_view) const override {
    return std::nullopt;
  }
  bool Writable(std::string_view path) const override;
};

struct Request {
  std::vector<std::string> argv;
  std::vector<std::string> env = {};  // "NAME=value"; the whole environment.
  std::string cwd = "/work";
};

// With mode off the decision is empty.
model::PolicyDecision Judge(const Request& request, const model::CommandPolicy& policy,
                            const ProgramResolver& resolver);

// The decision as the error of a refused request: kPermissionDenied, reason "command_blocked".
Error Refusal(const model::PolicyDecision& decision);

// The ids of the rules of a preset, and the programs that `@seed` and `@coreutils` stand for.
std::vector<std::string_view> RuleIds();
std::vector<std::string_view> AllowGroup(std::string_view group);

// That `blocked` and `allowed` can be read: unknown groups, empty entries, open quotes.
// kInvalidArgument, "policy_invalid"; the message begins with the entry.
Status CheckPolicy(const model::CommandPolicy& policy);

}  // namespace fabro::jail::command_policy
