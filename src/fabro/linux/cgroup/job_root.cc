#include "fabro/linux/cgroup/job_root.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <utility>

#include "fabro/linux/cgroup/own_group.h"
#include "fabro/linux/file.h"

namespace fabro::cgroup {
namespace {

constexpr char kJobs[] = "jobs";
constexpr char kSup[] = "sup";

std::string FixFor(int sys_errno, Mode mode) {
  switch (sys_errno) {
    case EROFS:
      return "mount /sys/fs/cgroup writable (docker: --privileged or --cgroupns=private with -v "
             "/sys/fs/cgroup:/sys/fs/cgroup:rw)";
    case EACCES:
    case EPERM:
      return mode == Mode::kV2
                 ? "have a group delegated: systemd-run --user --scope -p Delegate=yes faber ..."
                 : "run as root: control groups of version 1 cannot be delegated safely";
    default:
      return kScopeFix;
  }
}

Error Unavailable(Error error, Mode mode) {
  error.reason = kUnavailable;
  error.code = Code::kFailedPrecondition;
  if (error.fix.empty()) error.fix = FixFor(error.sys_errno, mode);
  return std::move(error).In("layer cgroup");
}

struct Roots {
  Group top;
  Group jobs;
};

Result<Roots> OpenRoots(const Hierarchy& hierarchy, uid_t uid, std::span<const pid_t> kin) {
  const Group own = TRY(OpenOwn(hierarchy, uid));
  TRY(EnableOwn(own, uid, kin));
  Group top = TRY(own.EnsureChild(TopName(uid)));
  TRY(top.EnableForChildren());
  Group jobs = TRY(top.EnsureChild(kJobs));
  TRY(jobs.EnableForChildren());
  return Roots{std::move(top), std::move(jobs)};
}

bool IsSlotId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

// The group `name` in those trees that have it.
Result<Group> OpenWhatIsThere(const Group& parent, const std::string& name) {
  std::vector<Member> members;
  for (const Member& member : parent.members()) {
    Result<DirFd> dir = OpenDirAt(member.dir.get(), name);
    if (!dir && (dir.error().sys_errno == ENOENT || dir.error().sys_errno == ENODEV)) continue;
    DirFd opened = TRY(std::move(dir));
    members.push_back(Member{std::move(opened), member.version, member.controllers});
  }
  return Group(name, std::move(members));
}

// The kernel asks for write access to this file, in the target and in the common ancestor.
Status GiveProcs(int dir, uid_t uid) {
  if (::fchownat(dir, "cgroup.procs", uid, static_cast<gid_t>(-1), AT_SYMLINK_NOFOLLOW) == 0) {
    return {};
  }
  return SysFailure("chown", "cgroup.procs");
}

}  // namespace

std::string SlotName(std::string_view id, const SlotOwner& owner) {
  return std::string(id) + "." + std::to_string(owner.pid_namespace) + "-" +
         std::to_string(owner.process.pid) + "-" + std::to_string(owner.process.start_time);
}

Result<SlotOwner> ParseSlotOwner(std::string_view name) {
  const Error bad = Failure(Code::kInvalidArgument, "not a slot's group: " + std::string(name));
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return bad;
  SlotOwner owner;
  const char* at = name.data() + dot + 1;
  const char* const end = name.data() + name.size();
  auto step = std::from_chars(at, end, owner.pid_namespace);
  if (step.ec != std::errc() || step.ptr == end || *step.ptr != '-') return bad;
  step = std::from_chars(step.ptr + 1, end, owner.process.pid);
  if (step.ec != std::errc() || step.ptr == end || *step.ptr != '-') return bad;
  step = std::from_chars(step.ptr + 1, end, owner.process.start_time);
  if (step.ec != std::errc() || step.ptr != end || owner.process.pid <= 0) return bad;
  return owner;
}

SlotGroup::SlotGroup(SlotGroup&& other) noexcept
    : group_(std::move(other.group_)),
      sup_(std::move(other.sup_)),
      idle_(std::move(other.idle_)),
      next_(other.next_),
      placer_(other.placer_),
      applied_(other.applied_),
      more_(std::move(other.more_)),
      live_(std::exchange(other.live_, false)) {}

SlotGroup::~SlotGroup() {
  // Nobody is left to tell; the janitor of the next start takes what stays.
  if (live_) (void)KillAndRemove();
}

Status SlotGroup::LetPlace(uid_t uid) {
  const Member* tree = group_.unified();
  if (tree == nullptr) return {};
  TRY(GiveProcs(tree->dir.get(), uid));
  placer_ = uid;
  return {};
}

Status SlotGroup::Apply(const Limits& limits) {
  if (applied_ == limits) return {};
  applied_.reset();  // Half set, should one of them fail.
  TRY(ApplyLimits(group_, limits));
  applied_ = limits;
  return {};
}

Status SlotGroup::Apply(const MoreLimits& limits) {
  if (limits.any()) TRY(EnableMore(group_, limits));
  TRY(ApplyMore(group_, limits, more_));
  more_ = limits;
  return {};
}

Result<Leaf> SlotGroup::TakeLeaf() {
  if (!idle_.empty()) {
    Leaf leaf = std::move(idle_.back());
    idle_.pop_back();
    return leaf;
  }
  Group made = TRY(group_.MakeChild("e" + std::to_string(next_++)));
  Leaf leaf = TRY(Leaf::Take(std::move(made)));
  if (placer_) TRY(GiveProcs(leaf.CloneIntoFd(), *placer_));
  return leaf;
}

Status SlotGroup::GiveBack(Leaf leaf) {
  // Each waits with all its files open.
  constexpr std::size_t kMostIdle = 4;
  if (idle_.size() >= kMostIdle) return leaf.Remove();
  const Status proven = leaf.ResetForReuse();
  if (!proven) return leaf.Remove();
  idle_.push_back(std::move(leaf));
  return {};
}

Status SlotGroup::KillAndRemove() {
  // One kill for the whole slot where there is a v2 tree; then leaf by leaf, ours or not.
  if (group_.unified() != nullptr) TRY(KillAll(group_));
  idle_.clear();
  const std::vector<std::string> leaves = TRY(group_.Children());
  for (const std::string& leaf : leaves) TRY(KillAndRemoveTree(group_, leaf));
  TRY(group_.Remove(std::chrono::steady_clock::now() + std::chrono::seconds(1)));
  live_ = false;
  return {};
}

Result<JobRoot> JobRoot::Open(const Hierarchy& hierarchy, uid_t uid, std::span<const pid_t> kin) {
  Result<Roots> roots = OpenRoots(hierarchy, uid, kin);
  if (!roots) return Unavailable(std::move(roots).error(), hierarchy.mode);
  return JobRoot(hierarchy, uid, std::move(roots->top), std::move(roots->jobs));
}

JobRoot::~JobRoot() {
  // rmdir fails as long as anything is in them, ours or another process's: then they stay.
  const auto now = std::chrono::steady_clock::now();
  if (jobs_.Remove(now)) (void)top_.Remove(now);
}

Status JobRoot::EnableMore(const MoreLimits& limits) const {
  if (!limits.any()) return {};
  const Group own = TRY(OpenOwn(hierarchy_, uid_));
  for (const Group* group : {&own, &top_, &jobs_}) TRY(cgroup::EnableMore(*group, limits));
  return {};
}

Result<SlotGroup> JobRoot::CreateSlot(std::string_view id) {
  if (!IsSlotId(id)) return Failure(Code::kInvalidArgument, "bad slot id: " + std::string(id));
  SlotOwner owner;
  owner.pid_namespace = TRY(OwnPidNamespace());
  owner.process = TRY(IdentifySelf());
  const std::string name = SlotName(id, owner);
  Result<Group> made = jobs_.MakeChild(name);
  if (!made && (made.error().sys_errno == ENOENT || made.error().sys_errno == ENODEV)) {
    // Another process of ours found `jobs` empty and removed it.
    Roots roots = TRY(OpenRoots(hierarchy_, uid_, {}));
    top_ = std::move(roots.top);
    jobs_ = std::move(roots.jobs);
    made = jobs_.MakeChild(name);
  }
  if (!made) return Unavailable(std::move(made).error(), hierarchy_.mode);
  const auto fill = [&made]() -> Result<Leaf> {
    TRY(made->EnableForChildren());
    Group sup = TRY(made->MakeChild(kSup));
    return Leaf::Take(std::move(sup));
  };
  Result<Leaf> sup = fill();
  if (!sup) {
    (void)KillAndRemoveTree(jobs_, name);
    return Unavailable(std::move(sup).error(), hierarchy_.mode);
  }
  made->KeepFilesOpen();
  return SlotGroup(*std::move(made), *std::move(sup));
}

Status KillAndRemoveTree(const Group& parent, const std::string& name) {
  const Group group = TRY(OpenWhatIsThere(parent, name));
  if (group.members().empty()) return {};
  TRY(KillAll(group));
  const std::vector<std::string> below = TRY(group.Children());
  for (const std::string& child : below) TRY(KillAndRemoveTree(group, child));
  return group.Remove(std::chrono::steady_clock::now() + std::chrono::seconds(1));
}

}  // namespace fabro::cgroup
