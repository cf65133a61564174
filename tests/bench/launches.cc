#include "tests/bench/launches.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <sstream>
#include <utility>

#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"

namespace fabro::bench {
namespace {

using std::chrono::steady_clock;

// `cli_cold` must not find the running jailer: the socket has another name meanwhile.
class HiddenSocket {
 public:
  HiddenSocket() { hidden_ = std::rename(kSocket, kAway) == 0; }
  HiddenSocket(const HiddenSocket&) = delete;
  HiddenSocket& operator=(const HiddenSocket&) = delete;
  ~HiddenSocket() {
    if (hidden_) std::rename(kAway, kSocket);
  }

 private:
  static constexpr char kAway[] = "/run/faber/jailer.sock.bench";
  bool hidden_ = false;
};

Result<std::vector<double>> TimeLaunches(const Contender& contender, int launches) {
  std::vector<double> round;
  for (int i = 0; i < launches; ++i) {
    const auto start = steady_clock::now();
    Status done = contender.launch();
    const std::chrono::duration<double, std::micro> took = steady_clock::now() - start;
    if (!done) return done.error();
    round.push_back(took.count());
  }
  return round;
}

// In a child whose mount namespace lacks the v2 tree.
Result<std::vector<double>> TimeWithoutV2(const Contender& contender, int launches) {
  std::vector<double> round(static_cast<std::size_t>(launches));
  const std::size_t bytes = round.size() * sizeof(double);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return SysFailure("pipe2");
  const UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return SysFailure("fork");
  if (pid == 0) {
    if (::unshare(CLONE_NEWNS) != 0) ::_exit(2);
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(2);
    (void)::umount2("/sys/fs/cgroup/unified", MNT_DETACH);  // Not there: nothing to hide.
    const auto timed = TimeLaunches(contender, launches);
    const bool told = timed && ::write(out.get(), timed->data(), bytes) == ssize_t(bytes);
    ::_exit(told ? 0 : 1);
  }
  out.reset();
  const ssize_t got = ::read(in.get(), round.data(), bytes);
  int status = 0;
  ::waitpid(pid, &status, 0);
  TRY(ExpectSuccess(status, contender.name));
  if (got != static_cast<ssize_t>(bytes)) return Failure(Code::kInternal, "short answer");
  return round;
}

// What the drivers count, in memory that they share.
struct Counts {
  std::atomic<std::int64_t> launches;
  std::atomic<std::int64_t> failures;
  std::atomic<bool> stop;
};

struct SharedCounts {
  SharedCounts()
      : at(static_cast<Counts*>(::mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  SharedCounts(const SharedCounts&) = delete;
  SharedCounts& operator=(const SharedCounts&) = delete;
  ~SharedCounts() {
    if (at != MAP_FAILED) ::munmap(at, sizeof(Counts));
  }
  Counts* at;
};

// The number behind the first `word` of a file; 0 when there is none.
std::int64_t NumberAfter(const std::string& path, const std::string& name) {
  std::istringstream text(ReadFile(path, 4_MiB).value_or(""));
  for (std::string word; text >> word;) {
    if (word != name) continue;
    std::int64_t number = 0;
    text >> number;
    return number;
  }
  return 0;
}

}  // namespace

double Percentile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

Status ExpectSuccess(int wait_status, const std::string& name) {
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) return {};
  return Failure(Code::kInternal, name + " failed with wait status " + std::to_string(wait_status));
}

void MeasureRound(Contender& contender, int launches) {
  if (contender.failed) return;
  std::optional<HiddenSocket> hidden;
  if (!contender.needs_jailer) hidden.emplace();
  const int count = std::max(3, launches / contender.share);
  const auto round =
      contender.hides_v2 ? TimeWithoutV2(contender, count) : TimeLaunches(contender, count);
  if (!round) {
    contender.failed = round.error();
    return;
  }
  contender.all.insert(contender.all.end(), round->begin(), round->end());
  contender.round_medians.push_back(Percentile(*round, 0.5));
}

Result<double> RateOfTwo(const Contender& contender, int launches) {
  const auto start = steady_clock::now();
  std::vector<pid_t> drivers;
  for (int driver = 0; driver < 2; ++driver) {
    const pid_t pid = ::fork();
    if (pid < 0) return SysFailure("fork");
    if (pid == 0) {
      for (int i = 0; i < launches; ++i) {
        if (!contender.launch()) ::_exit(1);
      }
      ::_exit(0);
    }
    drivers.push_back(pid);
  }
  Status all;
  for (const pid_t pid : drivers) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (all) all = ExpectSuccess(status, contender.name + " with two drivers");
  }
  TRY(std::move(all));
  const std::chrono::duration<double> took = steady_clock::now() - start;
  return 2.0 * launches / took.count();
}

Result<model::Json> Sustain(const Contender& contender, int seconds, pid_t jailer) {
  constexpr int kWindow = 5;
  const SharedCounts shared;
  if (shared.at == MAP_FAILED) return SysFailure("mmap");
  std::vector<pid_t> drivers;
  for (int driver = 0; driver < 2; ++driver) {
    const pid_t pid = ::fork();
    if (pid < 0) return SysFailure("fork");
    if (pid == 0) {
      while (!shared.at->stop) ++(contender.launch() ? shared.at->launches : shared.at->failures);
      ::_exit(0);
    }
    drivers.push_back(pid);
  }
  const std::string status = "/proc/" + std::to_string(jailer) + "/status";
  model::Json windows = model::Json::MakeArray();
  std::int64_t before = 0;
  for (int at = 0; at < seconds; at += kWindow) {
    TRY(Poll({}, steady_clock::now() + std::chrono::seconds(kWindow)));
    const std::int64_t now = shared.at->launches;
    const std::int64_t rate = (now - std::exchange(before, now)) / kWindow;
    const std::int64_t kilobytes = NumberAfter(status, "VmRSS:");
    const std::int64_t namespaces = NumberAfter("/proc/slabinfo", "net_namespace");
    const std::int64_t failures = shared.at->failures;
    std::printf("sustained %3d s   %8ld /s  %ld failed, jailer %ld KiB, %ld net namespaces\n",
                at + kWindow, rate, failures, kilobytes, namespaces);
    windows.Push(model::Json::MakeObject()
                     .Set("launches_per_second", rate)
                     .Set("failed", failures)
                     .Set("jailer_kib", kilobytes)
                     .Set("net_namespaces", namespaces));
  }
  shared.at->stop = true;
  for (const pid_t pid : drivers) ::waitpid(pid, nullptr, 0);
  return windows;
}

}  // namespace fabro::bench
