#include "fabro/jail/child/landlock.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

namespace fabro::jail::child {
namespace {

constexpr int kPathBeneath = 1;  // LANDLOCK_RULE_PATH_BENEATH
// LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF, ABI 7: a guest that makes domains of its own must not
// fill the host's audit log with what they deny.
constexpr unsigned kLogSubdomainsOff = 1U << 2U;
constexpr std::uint32_t kLogFlagsAbi = 7;

// struct landlock_ruleset_attr as of ABI 6. A kernel that knows less of it takes the rest when that
// is zero, which the plan sees to.
struct RulesetAttr {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

struct [[gnu::packed]] PathBeneathAttr {
  std::uint64_t allowed_access;
  std::int32_t parent_fd;
};

int AddRule(int ruleset, const wire::LandlockRule& rule) {
  About("rule for ", rule.path);
  int place = ::open(rule.path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (place < 0) return errno;
  const PathBeneathAttr beneath = {rule.access, place};
  const int error = ErrnoOf(::syscall(SYS_landlock_add_rule, ruleset, kPathBeneath, &beneath, 0));
  CloseFd(place);
  return error;
}

}  // namespace

int ReadLandlock(const Packet& packet, std::size_t at, const wire::Landlock& order,
                 Landlock& landlock) {
  if (order.rule_count > wire::kMaxLandlockRules) return E2BIG;
  const std::size_t bytes = order.rule_count * sizeof(wire::LandlockRule);
  if (packet.length != at + bytes) return EPROTO;
  landlock.order = order;
  std::memcpy(landlock.rules, packet.body + at, bytes);
  for (std::uint16_t i = 0; i < order.rule_count; ++i) {
    if (!Terminated(landlock.rules[i].path)) return EPROTO;
  }
  return 0;
}

int EnterLandlock(const Landlock& landlock) {
  const wire::Landlock& order = landlock.order;
  if (order.abi == 0) return 0;
  About("ruleset");
  const RulesetAttr attributes = {order.handled_fs, order.handled_net, order.scoped};
  int ruleset =
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0));
  if (ruleset < 0) return errno;
  int error = 0;
  for (std::uint16_t i = 0; error == 0 && i < order.rule_count; ++i) {
    error = AddRule(ruleset, landlock.rules[i]);
  }
  if (error == 0) {
    About("restricting");
    const unsigned flags = order.abi >= kLogFlagsAbi ? kLogSubdomainsOff : 0;
    error = ErrnoOf(::syscall(SYS_landlock_restrict_self, ruleset, flags));
  }
  CloseFd(ruleset);
  return error;
}

}  // namespace fabro::jail::child
