#include "fabro/model/capability.h"

#include <algorithm>
#include <array>
#include <vector>

#include "fabro/base/nearest.h"

namespace fabro::model {
namespace {

constexpr std::array kCapabilities = {
    Capability{"CAP_CHOWN", 0},
    Capability{"CAP_DAC_OVERRIDE", 1},
    Capability{"CAP_FOWNER", 3},
    Capability{"CAP_FSETID", 4},
    Capability{"CAP_KILL", 5},
    Capability{"CAP_NET_BIND_SERVICE", 10},
    Capability{"CAP_NET_ADMIN", 12, Level::kLow},
    Capability{"CAP_SYS_CHROOT", 18},
    Capability{"CAP_SYS_PTRACE", 19, Level::kLow},
    Capability{"CAP_SYS_NICE", 23, Level::kLow},
    Capability{"CAP_MKNOD", 27, Level::kLow},
    Capability{"CAP_AUDIT_WRITE", 29, Level::kLow},
};

// Known ones that no sandbox gets, and why.
struct Never {
  std::string_view name;
  std::string_view why;
  std::string_view fix;
};
constexpr std::string_view kOfTheMachine = "it is a right over the whole machine";
constexpr std::array kNever = {
    Never{"CAP_SETUID", "a sandbox has one id for commands, and no other to change to", ""},
    Never{"CAP_SETGID", "a sandbox has one id for commands, and no other to change to", ""},
    Never{"CAP_SYS_ADMIN", "it could undo the sandbox's own mounts: covers, and what is read-only",
          "at level low a command can have it in a namespace of its own: unshare -Urm"},
    Never{"CAP_NET_RAW", "no level lets a command make raw sockets", ""},
    Never{"CAP_SYS_MODULE", kOfTheMachine, ""},
    Never{"CAP_SYS_RAWIO", kOfTheMachine, ""},
    Never{"CAP_SYS_BOOT", kOfTheMachine, ""},
    Never{"CAP_SYS_TIME", kOfTheMachine, ""},
    Never{"CAP_MAC_ADMIN", kOfTheMachine, ""},
    Never{"CAP_MAC_OVERRIDE", kOfTheMachine, ""},
    Never{"CAP_BPF", kOfTheMachine, ""},
    Never{"CAP_PERFMON", kOfTheMachine, ""},
    Never{"CAP_CHECKPOINT_RESTORE", "it looks into processes past their owners", ""},
    Never{"CAP_DAC_READ_SEARCH", "it opens files by handles, past every mount", ""},
    Never{"CAP_SYSLOG", kOfTheMachine, ""},
    Never{"CAP_WAKE_ALARM", kOfTheMachine, ""},
    Never{"CAP_BLOCK_SUSPEND", kOfTheMachine, ""},
};

Error Refused(std::string_view where, std::string_view name, std::string_view why,
              std::string fix) {
  return Failure(Code::kInvalidArgument,
                 std::string(where) + ": " + std::string(name) + ": " + std::string(why),
                 "capability_refused", std::move(fix));
}

Error Unknown(std::string_view where, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Capability& each : kCapabilities) names.push_back(each.name);
  const std::string_view near = NearestWord(name, names);
  return Refused(where, name, "is no capability that a command may have",
                 !near.empty() ? "did you mean " + std::string(near) + "?"
                               : "write for example CAP_CHOWN, or take it out");
}

}  // namespace

std::span<const Capability> Capabilities() { return kCapabilities; }

Result<std::uint64_t> CapabilityMask(std::string_view where, std::span<const std::string> names,
                                     Level level) {
  std::uint64_t mask = 0;
  for (const std::string& name : names) {
    const auto never = std::ranges::find(kNever, name, &Never::name);
    if (never != kNever.end()) {
      return Refused(where, name, never->why,
                     never->fix.empty() ? "take it out" : std::string(never->fix));
    }
    const auto* const found = std::ranges::find(kCapabilities, name, &Capability::name);
    if (found == kCapabilities.end()) return Unknown(where, name);
    if (level == Level::kHigh) {
      return Refused(where, name, "level high has no capabilities", "use level medium");
    }
    if (level > found->strictest) {
      return Refused(where, name, "it is for level low only", "use level low, or take it out");
    }
    mask |= std::uint64_t{1} << found->number;
  }
  return mask;
}

}  // namespace fabro::model
