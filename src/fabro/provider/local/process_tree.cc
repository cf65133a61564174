#include "fabro/provider/local/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <charconv>
#include <csignal>
#include <map>

#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"

namespace fabro::provider {
namespace {

constexpr std::chrono::seconds kKillBound{5};
constexpr ByteSize kMaxEnviron = 8_MiB;

struct Stat {
  pid_t pid = 0;
  char state = '?';
  pid_t parent = 0;
  pid_t session = 0;
  std::uint64_t start_time = 0;
};

// /proc/PID/stat (proc(5)): the name stands in parentheses and may hold anything, so count from the
// last one.
bool ParseStat(std::string_view text, Stat& stat) {
  const std::size_t close = text.rfind(')');
  if (close == std::string_view::npos || close + 4 >= text.size()) return false;
  stat.state = text[close + 2];
  const char* at = text.data() + close + 3;
  const char* end = text.data() + text.size();
  std::array<std::int64_t, 19> fields{};  // Field 4, ppid, to field 22, start time.
  for (std::int64_t& field : fields) {
    while (at < end && *at == ' ') ++at;
    const auto [next, error] = std::from_chars(at, end, field);
    if (error != std::errc()) return false;
    at = next;
  }
  stat.parent = static_cast<pid_t>(fields[0]);
  stat.session = static_cast<pid_t>(fields[2]);
  stat.start_time = static_cast<std::uint64_t>(fields[18]);
  return true;
}

bool ReadStat(pid_t pid, Stat& stat) {
  stat.pid = pid;
  const auto text = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  return text.ok() && ParseStat(*text, stat);
}

Result<std::vector<Stat>> AllProcesses() {
  const DirFd proc = TRY(OpenDir("/proc"));
  const std::vector<std::string> names = TRY(ListDir(proc.get()));
  std::vector<Stat> all;
  for (const std::string& name : names) {
    Stat stat;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), stat.pid);
    if (parsed.ec != std::errc() || *parsed.ptr != '\0') continue;
    if (ReadStat(stat.pid, stat)) all.push_back(stat);
  }
  return all;
}

bool CarriesMark(pid_t pid, const MarkQuery& query) {
  const auto environ_text = ReadFile("/proc/" + std::to_string(pid) + "/environ", kMaxEnviron);
  if (!environ_text.ok()) return false;
  const std::string wanted = std::string(kExecMark) + "=" + query.mark;
  std::string_view rest = *environ_text;
  while (!rest.empty()) {
    const std::size_t nul = rest.find('\0');
    const std::string_view entry = rest.substr(0, nul);
    if (query.prefix ? entry.starts_with(wanted) : entry == wanted) return true;
    rest.remove_prefix(nul == std::string_view::npos ? rest.size() : nul + 1);
  }
  return false;
}

// Empty when it has ended, also when its pid is somebody else's by now: once the pidfd is open the
// pid cannot change hands, so the start time is compared after that.
UniqueFd OpenPidfd(const FoundProcess& process) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  Stat now;
  if (!pidfd || !ReadStat(process.pid, now) || now.start_time != process.start_time) return {};
  return pidfd;
}

}  // namespace

Result<std::vector<FoundProcess>> FindProcesses(const MarkQuery& query) {
  const std::vector<Stat> all = TRY(AllProcesses());
  std::map<pid_t, bool> ours;  // Decided so far.
  std::map<pid_t, pid_t> parents;
  for (const Stat& stat : all) {
    parents[stat.pid] = stat.parent;
    ours[stat.pid] =
        stat.pid != ::getpid() && (stat.session == query.session || CarriesMark(stat.pid, query));
  }
  std::vector<FoundProcess> found;
  for (const Stat& stat : all) {
    bool is_ours = false;
    // Up the tree until one of ours; bounded, since pids change while we read.
    pid_t at = stat.pid;
    for (std::size_t steps = 0; steps < all.size() && ours.count(at) != 0 && at > 1; ++steps) {
      is_ours = is_ours || ours[at];
      at = parents[at];
    }
    const bool live = stat.state != 'Z' && stat.state != 'X' && stat.pid != ::getpid();
    if (is_ours && live) found.push_back({stat.pid, stat.session, stat.start_time});
  }
  return found;
}

Result<UniqueFd> WatchAny(const MarkQuery& query) {
  const std::vector<FoundProcess> found = TRY(FindProcesses(query));
  for (const FoundProcess& process : found) {
    UniqueFd pidfd = OpenPidfd(process);
    if (pidfd) return pidfd;
  }
  return UniqueFd();
}

Result<std::vector<FoundProcess>> KillProcesses(const MarkQuery& query) {
  std::vector<FoundProcess> all_killed;
  const Deadline deadline = std::chrono::steady_clock::now() + kKillBound;
  // Two empty scans: in the middle of an execve a process has no environment to read.
  for (int empty_scans = 0; empty_scans < 2;) {
    const std::vector<FoundProcess> found = TRY(FindProcesses(query));
    empty_scans = found.empty() ? empty_scans + 1 : 0;
    std::vector<UniqueFd> killed;
    for (const FoundProcess& process : found) {
      UniqueFd pidfd = OpenPidfd(process);
      if (!pidfd) continue;
      (void)::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
      killed.push_back(std::move(pidfd));
      all_killed.push_back(process);
    }
    for (const UniqueFd& pidfd : killed) {
      const short ended = TRY(PollOne(pidfd.get(), POLLIN, deadline));
      if (ended == 0) {
        return Failure(Code::kDeadlineExceeded, "processes of " + query.mark + " do not end",
                       "processes_left");
      }
    }
  }
  return all_killed;
}

Status OrphanReaper::BecomeSubreaper() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    return SysFailure("prctl", "PR_SET_CHILD_SUBREAPER");
  }
  return {};
}

Result<Process> OrphanReaper::SpawnLeader(const SpawnRequest& request) {
  // Under the lock, so that Reap() cannot meet a leader that is not registered yet.
  const std::lock_guard lock(mutex_);
  Process leader = TRY(Spawn(request));
  sessions_.insert(leader.pid());
  leaders_.insert(leader.pid());
  return leader;
}

void OrphanReaper::Forget(pid_t leader) {
  const std::lock_guard lock(mutex_);
  leaders_.erase(leader);
}

void OrphanReaper::Remember(const std::vector<FoundProcess>& processes) {
  const std::lock_guard lock(mutex_);
  for (const FoundProcess& process : processes) sessions_.insert(process.session);
}

void OrphanReaper::Reap() {
  const std::lock_guard lock(mutex_);
  const auto all = AllProcesses();
  if (!all.ok()) return;
  for (const Stat& stat : *all) {
    const bool orphan = stat.state == 'Z' && stat.parent == ::getpid() &&
                        sessions_.count(stat.session) != 0 && leaders_.count(stat.pid) == 0;
    if (orphan) (void)::waitpid(stat.pid, nullptr, WNOHANG);
  }
}

}  // namespace fabro::provider
