// What a session may do without being asked about (agent, section 5). A call outside the level
// needs somebody's yes; where nobody can be asked it is denied, and the model is told which level
// it would have taken.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "fabro/agent/tools/tool.h"
#include "fabro/base/result.h"
#include "fabro/model/json.h"

namespace fabro::agent {

enum class Level { kReadOnly, kReadWrite, kFull };
std::string_view ToString(Level level);  // "read-write".
std::optional<Level> ParseLevel(std::string_view word);

bool Covers(Level level, Category category);
Level LevelFor(Category category);  // The smallest that covers it.

struct PermissionQuestion {
  std::string tool_name;
  Category category = Category::kShell;
  std::string arguments;  // JSON, shortened, harmless on a terminal.
  Level level = Level::kReadOnly;
};

enum class Consent { kYes, kAlways, kNo };
struct PermissionAnswer {
  Consent consent = Consent::kNo;
  std::string by;  // Who answered; empty: unknown.
};

// Blocks until somebody answered. An Error (cancelled, the store is full) denies and is passed on.
using Approver = std::function<Result<PermissionAnswer>(const PermissionQuestion&)>;

struct PermissionVerdict {
  bool allowed = false;
  bool asked = false;
  std::optional<Level> raised;  // The level after an "always".
  std::string by;
  std::string reason;  // Why it was denied.
};

// Of one session; a sub-agent's has its parent's behind it, whose later raise holds for it too.
// Questions of a family are asked one after another. Thread-safe.
class Permissions {
 public:
  // A null approver: nobody can be asked.
  Permissions(Level level, Approver approver);
  static std::shared_ptr<Permissions> ForChild(std::shared_ptr<Permissions> parent);

  Level level() const;
  void Raise(Level level);
  // Whoever answers from now on: a session that goes on in a later stage is asked through that.
  void SetApprover(Approver approver);
  // `announce` is called before anybody is asked.
  Result<PermissionVerdict> Decide(const PermissionQuestion& question,
                                   const std::function<Status()>& announce);

 private:
  Result<PermissionAnswer> Ask(const PermissionQuestion& question);

  mutable std::mutex mutex_;
  std::mutex asking_;
  Level level_;
  Approver approver_;
  std::shared_ptr<Permissions> parent_;
};

// The category of this call. A write is `shell` where the sandbox is this machine and the file is
// outside the working directory (and of /tmp), or inside a .git: such files start programs.
Category CategoryOf(const Tool& tool, const model::Json& arguments, GuardedSandbox& place);

}  // namespace fabro::agent
