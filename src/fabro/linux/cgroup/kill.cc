#include "fabro/linux/cgroup/kill.h"

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <ctime>
#include <set>
#include <string>
#include <vector>

#include "fabro/linux/unique_fd.h"

namespace fabro::cgroup {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

void Pause(milliseconds span) {
  const timespec pause{.tv_sec = 0, .tv_nsec = span.count() * 1'000'000};
  ::nanosleep(&pause, nullptr);
}

Result<std::set<pid_t>> ReadPids(const Member& member) {
  const std::string text = TRY(ReadControl(member, "cgroup.procs"));
  std::set<pid_t> pids;
  for (const char *at = text.data(), *end = at + text.size(); at < end;) {
    pid_t pid = 0;
    const auto [next, error] = std::from_chars(at, end, pid);
    if (error != std::errc()) break;
    if (pid > 0) pids.insert(pid);  // 0: a process that our pid namespace does not show.
    at = next + 1;
  }
  return pids;
}

// By pidfd, and only what is still in the group once the pidfd is held: a pid that was given out
// again in between is a stranger's.
Status SignalAll(const Member& member) {
  constexpr std::size_t kAtOnce = 128;
  const std::set<pid_t> pids = TRY(ReadPids(member));
  const std::vector<pid_t> list(pids.begin(), pids.end());
  for (std::size_t begin = 0; begin < list.size(); begin += kAtOnce) {
    const std::size_t end = std::min(begin + kAtOnce, list.size());
    std::vector<UniqueFd> pidfds;
    for (std::size_t i = begin; i < end; ++i) {
      pidfds.emplace_back(static_cast<int>(::syscall(SYS_pidfd_open, list[i], 0)));
    }
    const std::set<pid_t> still = TRY(ReadPids(member));
    for (std::size_t i = begin; i < end; ++i) {
      const UniqueFd& pidfd = pidfds[i - begin];
      if (!pidfd || !still.contains(list[i])) continue;
      // Fails only for one that has just ended.
      ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
    }
  }
  return {};
}

// The two freezers, seen alike.
struct Freezer {
  const Member* member;

  Status Set(bool frozen) const {
    if (member->version == Version::kV2)
      return WriteControl(*member, "cgroup.freeze", frozen ? "1" : "0");
    return WriteControl(*member, "freezer.state", frozen ? "FROZEN" : "THAWED");
  }
  Result<bool> IsFrozen() const {
    if (member->version == Version::kV2) {
      const std::string events = TRY(ReadControl(*member, "cgroup.events"));
      return FindKey(events, "frozen").value_or(0) != 0;
    }
    const std::string state = TRY(ReadControl(*member, "freezer.state"));
    return state.starts_with("FROZEN");
  }
};

Status FreezeAndSignal(const Freezer& freezer) {
  TRY(freezer.Set(true));
  const auto patience = steady_clock::now() + milliseconds(500);
  for (milliseconds span(1);; span = std::min(span * 2, milliseconds(20))) {
    const bool frozen = TRY(freezer.IsFrozen());
    // What does not freeze in time (a vfork parent, an uninterruptible wait) is signalled all the
    // same.
    if (frozen || steady_clock::now() >= patience) break;
    Pause(span);
    TRY(freezer.Set(true));
  }
  const Status signalled = SignalAll(*freezer.member);
  // A frozen v1 task takes its SIGKILL only once thawed.
  TRY(freezer.Set(false));
  return signalled;
}

// One round over the trees that have no freezer: what a crash left in some of them only.
Status SignalEverywhere(const Group& group) {
  for (const Member& member : group.members()) TRY(SignalAll(member));
  return {};
}

Status KillOneByOne(const Group& group, steady_clock::time_point deadline) {
  const Member* freezer = group.unified();
  if (freezer == nullptr) freezer = group.Find(Controller::kFreezer);
  // A fork bomb must not refill the group while it is emptied.
  if (const Member* pids = group.Find(Controller::kPids)) TRY(WriteControl(*pids, "pids.max", "0"));
  for (milliseconds span(2);; span = std::min(span * 2, milliseconds(100))) {
    TRY(freezer != nullptr ? FreezeAndSignal(Freezer{freezer}) : SignalEverywhere(group));
    const Status empty = group.WaitEmpty(std::min(steady_clock::now() + span, deadline));
    if (empty || empty.error().code != Code::kDeadlineExceeded) return empty;
    if (steady_clock::now() >= deadline) return empty;
  }
}

}  // namespace

Status KillAll(const Group& group) {
  const auto deadline = steady_clock::now() + kKillLimit;
  const Member* tree = group.unified();
  if (tree == nullptr || !HasControl(*tree, "cgroup.kill")) return KillOneByOne(group, deadline);
  for (;;) {
    // One write kills all, forks in flight included. It is repeated for one that enters the group
    // later: a child whose first act comes after the kill.
    TRY(WriteControl(*tree, "cgroup.kill", "1"));
    const Status empty =
        group.WaitEmpty(std::min(steady_clock::now() + milliseconds(50), deadline));
    if (empty || empty.error().code != Code::kDeadlineExceeded) return empty;
    if (steady_clock::now() >= deadline) return empty;
  }
}

}  // namespace fabro::cgroup
