#include "fabro/jail/plan/syscalls.h"

#include <algorithm>

#include "fabro/linux/seccomp/explain.h"

namespace fabro::jail::plan {
namespace {

seccomp::Level LevelOf(model::Level level) {
  switch (level) {
    case model::Level::kLow:
      return seccomp::Level::kLow;
    case model::Level::kMedium:
      return seccomp::Level::kMedium;
    case model::Level::kHigh:
      break;
  }
  return seccomp::Level::kHigh;
}

}  // namespace

seccomp::FilterOptions FilterOf(const model::SandboxSpec& spec, bool tty) {
  const bool none =
      spec.network.value_or(spec.level == model::Level::kHigh
                                ? model::NetworkMode::kNone
                                : model::NetworkMode::kLoopback) == model::NetworkMode::kNone;
  seccomp::FilterOptions options;
  options.level = LevelOf(spec.level);
  options.sockets = none ? seccomp::Sockets::kNone : seccomp::Sockets::kFamilies;
  options.tty = tty;
  options.allow_ptrace = spec.syscalls.allow_ptrace;
  options.deny_file_locks = spec.syscalls.deny_file_locks;
  options.deny_process_creation = spec.syscalls.deny_process_creation;
  options.allow = spec.syscalls.allow;
  // A right to a call that the filter kills for would be none.
  const bool may_chroot =
      std::ranges::find(spec.capabilities, "CAP_SYS_CHROOT") != spec.capabilities.end();
  if (may_chroot && spec.level == model::Level::kMedium) options.allow.emplace_back("chroot");
  options.deny = spec.syscalls.deny;
  if (spec.syscalls.learn) options.learn = LevelOf(*spec.syscalls.learn);
  return options;
}

Status CheckSyscalls(const model::SandboxSpec& spec) {
  if (spec.syscalls.learn && spec.level != model::Level::kLow) {
    return Failure(Code::kInvalidArgument,
                   "learning lets calls go on that level " +
                       std::string(model::ToString(spec.level)) + " (--level) refuses",
                   "learn_refused", "it is for trusted programs, at level low");
  }
  return seccomp::CheckOptions(FilterOf(spec, false));
}

}  // namespace fabro::jail::plan
