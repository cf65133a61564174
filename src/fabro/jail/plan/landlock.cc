#include "fabro/jail/plan/landlock.h"

#include <algorithm>
#include <cerrno>

#include "fabro/jail/child/landlock_wire.h"
#include "fabro/jail/plan/check.h"
#include "fabro/jail/plan/plan.h"

namespace fabro::jail::plan {
namespace {

using namespace landlock;  // NOLINT(google-build-using-namespace): this file is about its rights.

constexpr int kNewestAbi = 7;

std::uint64_t FileRights(int abi) {
  std::uint64_t rights = kMakeSym | (kMakeSym - 1);
  if (abi >= 2) rights |= kRefer;
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= kIoctlDev;
  return rights;
}

class RuleBuilder {
 public:
  explicit RuleBuilder(LandlockPlan& plan) : plan_(plan) {}

  void Directory(const std::string& path, std::uint64_t access) {
    plan_.rules.push_back({.path = path, .access = access & plan_.handled_fs});
  }
  void File(const std::string& path, std::uint64_t access) { Directory(path, access & kOfFiles); }

 private:
  LandlockPlan& plan_;
};

constexpr std::uint64_t kRead = kReadFile | kReadDir;
constexpr std::uint64_t kChange = kWriteFile | kTruncate;

void AddMounts(RuleBuilder& rules, const JailPlan& plan, const HostFacts& facts) {
  for (const MountPlan& step : plan.mounts) {
    if (step.kind != MountPlan::Kind::kMount) continue;
    const bool bind = step.from == MountPlan::From::kBind;
    if (!bind && IsWithin(step.target, "/etc")) continue;
    const std::uint64_t access =
        step.writable ? ~(kMakeChar | kMakeBlock | kIoctlDev) : kRead | kExecute;
    const auto root_entry =
        std::find_if(facts.root_entries.begin(), facts.root_entries.end(),
                     [&](const RootEntry& entry) { return !bind && entry.path == step.target; });
    const bool directory = bind ? facts.binds[step.index].kind == SourceFacts::Kind::kDirectory
                                : root_entry != facts.root_entries.end() &&
                                      root_entry->kind == RootEntry::Kind::kDirectory;
    if (directory) {
      rules.Directory(step.target, access);
    } else {
      rules.File(step.target, access);
    }
  }
}

// One rule for all nodes: each rule costs every launch, and the sealed /dev has no others.
void AddDevices(RuleBuilder& rules, bool terminals) {
  rules.Directory("/dev", kRead | kChange);
  if (!terminals) return;  // Then opening /dev/tty is ENXIO.
  rules.File("/dev/tty", kIoctlDev);
  rules.Directory("/dev/pts", kRead | kChange | kIoctlDev);
}

LandlockPlan PlanLandlock(const JailPlan& jail, const HostFacts& facts) {
  LandlockPlan plan;
  plan.abi = std::min(facts.landlock_abi, kNewestAbi);
  plan.handled_fs = FileRights(plan.abi);
  if (plan.abi >= 4 && jail.spec.network == model::NetworkMode::kNone) {
    plan.handled_net = kBindTcp | kConnectTcp;
  }
  if (plan.abi >= 6) plan.scoped = kAbstractSocket | kSignal;
  RuleBuilder rules(plan);
  rules.Directory("/", kReadDir);
  rules.Directory("/etc", kRead);
  rules.Directory("/proc", kRead | kChange);
  AddMounts(rules, jail, facts);
  AddDevices(rules, jail.spec.tty);
  constexpr std::uint64_t kOwn = ~(kMakeChar | kMakeBlock | kIoctlDev);
  for (const WritablePlace& place : jail.places) rules.Directory(place.target, kOwn);
  if (jail.shm_size > 0) rules.Directory("/dev/shm", kOwn);
  return plan;
}

Error Unavailable(const HostFacts& facts) {
  const bool old = facts.landlock_abi > 0;
  Error error = Failure(
      Code::kFailedPrecondition,
      old ? "isolation: Landlock of this kernel has ABI " + std::to_string(facts.landlock_abi) +
                ", level high (--level) wants " + std::to_string(kLeastLandlockAbi)
          : "isolation: this kernel gives no Landlock, which level high (--level) wants",
      "isolation_unavailable", LandlockFix(facts));
  error.sys_errno = facts.landlock_errno;
  return error;
}

}  // namespace

std::string LandlockFix(const HostFacts& facts) {
  const std::string accept = ", or accept it: --degrade landlock";
  if (facts.landlock_abi > 0) return "use Linux 5.19 or newer" + accept;
  if (facts.landlock_errno == EOPNOTSUPP) {
    return "boot with landlock in the lsm= list of the kernel's command line" + accept;
  }
  if (facts.landlock_errno == EPERM) {
    return "a seccomp filter around us (a container's?) forbids it: allow landlock_* there" +
           accept;
  }
  return "use Linux 5.19 or newer with CONFIG_SECURITY_LANDLOCK=y, and no seccomp filter around "
         "that hides it" +
         accept;
}

Status ChooseLandlock(JailPlan& plan, const HostFacts& facts) {
  if (plan.spec.level == model::Level::kLow) return {};
  const bool high = plan.spec.level == model::Level::kHigh;
  if (facts.landlock_abi >= (high ? kLeastLandlockAbi : 1)) {
    plan.landlock = PlanLandlock(plan, facts);
    return {};
  }
  if (high && !MayLack(plan.spec, "landlock")) return Unavailable(facts);
  if (facts.landlock_abi > 0) plan.landlock = PlanLandlock(plan, facts);
  plan.degraded.emplace_back("landlock");
  return {};
}

}  // namespace fabro::jail::plan
