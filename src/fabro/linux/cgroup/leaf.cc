#include "fabro/linux/cgroup/leaf.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <utility>

#include "fabro/linux/file.h"

namespace fabro::cgroup {
namespace {

constexpr std::chrono::seconds kRemoveLimit{1};
constexpr char kPeak[] = "memory.peak";  // v2.

Error NotReusable(const std::string& name, const std::string& why) {
  return Failure(Code::kFailedPrecondition, "control group " + name + " is not reusable: " + why,
                 "cgroup_not_reusable");
}

}  // namespace

Result<Leaf> Leaf::Take(Group group) {
  Leaf leaf(std::move(group));
  leaf.group_.KeepFilesOpen();
  TRY(leaf.OpenFiles());
  return leaf;
}

Leaf::Leaf(Leaf&& other) noexcept
    : group_(std::move(other.group_)),
      live_(std::exchange(other.live_, false)),
      killed_(other.killed_),
      proven_empty_(other.proven_empty_),
      final_(other.final_),
      attach_owners_(std::move(other.attach_owners_)),
      attach_(std::move(other.attach_)),
      events_(std::move(other.events_)),
      reset_(std::move(other.reset_)),
      peak_(std::move(other.peak_)),
      applied_(other.applied_),
      base_(other.base_) {}

Leaf::~Leaf() {
  if (!live_) return;
  // Nobody is left to tell; the janitor of the next start takes what stays.
  (void)Kill();
  (void)Remove();
}

Status Leaf::OpenFiles() {
  for (const Member& member : group_.members()) {
    // v1 `tasks` moves the one thread that writes, and skips the lock over whole thread groups.
    const bool v2 = member.version == Version::kV2;
    UniqueFd fd = TRY(OpenAt(member.dir.get(), v2 ? "cgroup.procs" : "tasks", O_WRONLY));
    attach_.push_back(fd.get());
    attach_owners_.push_back(std::move(fd));
  }
  if (const Member* tree = group_.unified()) {
    events_ = TRY(OpenAt(tree->dir.get(), "cgroup.events", O_RDONLY));
  }
  const Member* memory = group_.Find(Controller::kMemory);
  if (memory != nullptr && memory->version == Version::kV1) {
    reset_ = TRY(OpenAt(memory->dir.get(), "memory.max_usage_in_bytes", O_WRONLY));
  }
  if (memory != nullptr && memory->version == Version::kV2) {
    // Writable, and so to be reset, since Linux 6.12. Before, the leaf serves once. By mode and not
    // by open(2), which lets root have any.
    struct stat info{};
    const bool known = ::fstatat(memory->dir.get(), kPeak, &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (known && (info.st_mode & S_IWUSR) != 0) {
      peak_ = TRY(OpenAt(memory->dir.get(), kPeak, O_RDWR));
    }
  }
  return {};
}

int Leaf::CloneIntoFd() const {
  const Member* tree = group_.unified();
  return tree != nullptr ? tree->dir.get() : -1;
}

Status Leaf::Apply(const Limits& limits) {
  if (applied_ == limits) return {};
  applied_.reset();  // Half set, should one of them fail.
  TRY(ApplyLimits(group_, limits));
  applied_ = limits;
  return {};
}

Result<Counters> Leaf::Read() const {
  Counters counters = TRY(ReadCounters(group_));
  if (!peak_) return counters;
  char text[32];
  const ssize_t got = ::pread(peak_.get(), text, sizeof text, 0);
  if (got <= 0) return SysFailure("read", kPeak);
  std::uint64_t peak = 0;
  std::from_chars(text, text + got, peak);
  counters.memory_peak = peak;
  return counters;
}

Result<Usage> Leaf::ReadUsage() {
  const Counters now = TRY(Read());
  if (proven_empty_) final_ = now;
  const Member* memory = group_.Find(Controller::kMemory);
  return UsageBetween(base_, now, memory != nullptr ? memory->version : Version::kV2);
}

Status Leaf::Kill() {
  const bool populated = TRY(Populated());
  if (populated) {
    const bool by_freezer =
        group_.unified() == nullptr || !HasControl(*group_.unified(), "cgroup.kill");
    if (by_freezer) applied_.reset();  // KillAll leaves pids.max at 0.
    killed_ = !by_freezer;
    TRY(KillAll(group_));
  }
  proven_empty_ = true;
  return {};
}

Result<bool> Leaf::BeginKill() {
  const Member* tree = group_.unified();
  if (tree == nullptr || !HasControl(*tree, "cgroup.kill")) {
    TRY(Kill());
    return true;
  }
  const bool populated = TRY(Populated());
  if (!populated) return true;
  killed_ = true;
  TRY(WriteControl(*tree, "cgroup.kill", "1"));
  return false;
}

Status Leaf::ResetPeak() {
  const Member* memory = group_.Find(Controller::kMemory);
  if (memory == nullptr) return {};
  if (memory->version == Version::kV1) {
    if (::pwrite(reset_.get(), "0", 1, 0) != 1) return SysFailure("write", "memory peak");
    return {};
  }
  if (!peak_) return NotReusable(name(), "the kernel cannot reset memory.peak (Linux 6.12 can)");
  if (::pwrite(peak_.get(), "0", 1, 0) != 1) return SysFailure("write", kPeak);
  return {};
}

Status Leaf::ResetForReuse() {
  if (!proven_empty_) {
    const bool populated = TRY(Populated());
    if (populated) return NotReusable(name(), "it still has processes");
  }
  // The kernel counts the kills of a group, and one that was killed once kills what is cloned into
  // it: clone3 compares with the count of the cloner's own group (seen on 6.18).
  if (killed_) return NotReusable(name(), "it was killed");
  TRY(ResetPeak());
  Counters now;
  if (final_) {
    now = *final_;
    TRY(ReadCurrent(group_, now));
  } else {
    now = TRY(Read());
  }
  if (now.pids_current != 0)
    return NotReusable(name(), "it still has pids: a zombie is not reaped");
  if (now.memory_current > kReuseResidual.bytes()) {
    return NotReusable(name(),
                       HumanBytes(ByteSize(now.memory_current)) + " are still charged to it");
  }
  base_ = now;
  return {};
}

Status Leaf::Remove() {
  TRY(group_.Remove(std::chrono::steady_clock::now() + kRemoveLimit));
  live_ = false;
  return {};
}

}  // namespace fabro::cgroup
