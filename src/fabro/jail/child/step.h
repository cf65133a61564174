// The steps of the guest's side (steps.h has the picture), as `Failed::step` names them.
#pragma once

#include <cstdint>

namespace fabro::jail::wire {

enum class Step : std::uint16_t {
  kNone = 0,
  // zygote
  kLifeline,
  kUnshareUser,
  kBecomeSetupId,
  kForbidUserNamespaces,
  kPrivateMounts,
  kBuildRoot,
  kPivotRoot,
  kSealedNetwork,
  kDropBounding,
  kNoNewPrivs,
  // init
  kCloneInit,
  kHostname,
  kLoopback,
  kEgress,
  kTimeNamespace,
  kWorkspace,
  kTmpfs,
  kProc,
  kDevpts,
  kSys,
  kSealRoot,
  // payload
  kFork,
  kEnterCgroup,
  kCgroupNamespace,
  kTerminal,
  kRlimits,
  kStdio,
  kCloseFds,
  kWorkdir,
  kIdentity,
  kCapabilities,
  kLandlock,
  kSeccomp,
  kSendListener,
  kExecve,
};

// The word for a message: "pivot_root". "unknown" for a number that is no step.
constexpr const char* StepName(Step step) {
  switch (step) {
    case Step::kNone:
      return "none";
    case Step::kLifeline:
      return "lifeline";
    case Step::kUnshareUser:
      return "user_namespace";
    case Step::kBecomeSetupId:
      return "setup_id";
    case Step::kForbidUserNamespaces:
      return "namespace_limits";
    case Step::kPrivateMounts:
      return "private_mounts";
    case Step::kBuildRoot:
      return "root";
    case Step::kPivotRoot:
      return "pivot_root";
    case Step::kSealedNetwork:
      return "sealed_network";
    case Step::kDropBounding:
      return "bounding_set";
    case Step::kNoNewPrivs:
      return "no_new_privs";
    case Step::kCloneInit:
      return "clone_init";
    case Step::kHostname:
      return "hostname";
    case Step::kLoopback:
      return "loopback";
    case Step::kEgress:
      return "egress";
    case Step::kTimeNamespace:
      return "time_namespace";
    case Step::kWorkspace:
      return "workspace";
    case Step::kTmpfs:
      return "tmpfs";
    case Step::kProc:
      return "proc";
    case Step::kDevpts:
      return "devpts";
    case Step::kSys:
      return "sys";
    case Step::kSealRoot:
      return "seal_root";
    case Step::kFork:
      return "fork";
    case Step::kEnterCgroup:
      return "cgroup";
    case Step::kCgroupNamespace:
      return "cgroup_namespace";
    case Step::kTerminal:
      return "terminal";
    case Step::kRlimits:
      return "rlimits";
    case Step::kStdio:
      return "stdio";
    case Step::kCloseFds:
      return "close_fds";
    case Step::kWorkdir:
      return "workdir";
    case Step::kIdentity:
      return "identity";
    case Step::kCapabilities:
      return "capabilities";
    case Step::kLandlock:
      return "landlock";
    case Step::kSeccomp:
      return "seccomp";
    case Step::kSendListener:
      return "listener";
    case Step::kExecve:
      return "execve";
  }
  return "unknown";
}

}  // namespace fabro::jail::wire
