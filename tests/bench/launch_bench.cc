// What a launch costs, as ratios to bare posix_spawn(3) and wait of the same static program,
// measured in one run where all take turns: a busy or slow machine slows them alike.
//
//   launch_bench [--out FILE] [--quick]
//
// Ours: `strict` and `sealed` are Jails of a running faber-jailer from connect to stopped; `cli` is
// `faber run` with that jailer, `cli_cold` without. Peers are what is installed, set up with as
// many of our layers as they have; nsjail and isolate only when PEER_NSJAIL or PEER_ISOLATE names a
// program. A ratio is the median over the rounds of (their median / bare median of that round); a
// p99 ratio is their p99 over the bare p99 of the whole run. Needs root and busybox-static.
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fabro/codec/model_json.h"
#include "fabro/jail/jail.h"
#include "fabro/jail/relay.h"
#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/socket.h"
#include "fabro/linux/spawn.h"
#include "tests/bench/peers.h"

extern char** environ;

namespace fabro::bench {
namespace {

using std::chrono::steady_clock;
using Words = std::vector<std::string>;

constexpr char kSocket[] = "/run/faber/jailer.sock";

struct Scale {
  int rounds = 15;
  int launches = 20;  // A round, of what takes less than a millisecond or two.
  int rate_launches = 200;
};

std::string Beside(const std::string& name) {
  std::string path(PATH_MAX, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  path.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return path.substr(0, path.rfind('/') + 1) + name;
}

Status ExpectSuccess(int wait_status, const std::string& name) {
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) return {};
  return Failure(Code::kInternal, name + " failed with wait status " + std::to_string(wait_status));
}

// Standard streams are /dev/null, as for the others.
Status SpawnAndWait(const Words& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  }
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return SysFailureOf(error, "posix_spawn", words[0]);
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return SysFailure("waitpid");
  return ExpectSuccess(status, words[0]);
}

Status LaunchJail(model::Launch launch) {
  model::SandboxSpec sandbox;
  sandbox.launch = launch;
  sandbox.network =
      launch == model::Launch::kSealed ? model::NetworkMode::kNone : model::NetworkMode::kLoopback;
  model::ExecSpec exec;
  exec.argv = StaticTrue();
  exec.env = {"PATH=/usr/bin:/bin"};
  exec.limits = model::DefaultLimits();
  jail::Jailer::Options options;
  options.mode = jail::Jailer::Options::Mode::kRunning;
  jail::Jailer jailer = TRY(jail::Jailer::Open(options));
  jail::Jail jail = TRY(jail::Jail::Create(std::move(jailer), sandbox));
  const jail::Relayed relayed = TRY(jail::RunRelayed(jail, exec, {}));
  TRY(jail.Stop());
  if (model::ExitCodeOf(relayed.outcome) == 0) return {};
  return Failure(Code::kInternal, "the command ended as " +
                                      std::string(model::ToString(relayed.outcome.fate)) + ": " +
                                      relayed.outcome.message);
}

struct Contender {
  std::string name;
  std::function<Status()> launch;
  int share = 1;              // One launch in so many of the bare ones, for what is slow.
  bool needs_jailer = false;  // Else it must not find one.
  std::optional<Error> failed = std::nullopt;
  std::vector<double> round_medians = {};  // Microseconds.
  std::vector<double> all = {};
};

double Percentile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

// The jailer that `strict`, `sealed` and `cli` use; it keeps its slots while the others take turns.
class RunningJailer {
 public:
  static Result<RunningJailer> Start() {
    SpawnRequest request;
    request.argv = {Beside("faber"), "jailer", "--slots", "4"};
    request.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    request.err = STDERR_FILENO;
    Process process = TRY(Spawn(request));
    const auto deadline = steady_clock::now() + std::chrono::seconds(10);
    while (!ConnectUnix(kSocket, SocketType::kSeqPacket).ok()) {
      // Ended already, or not yet there: the pidfd tells which, and is the pause between two looks.
      const short ended = TRY(
          PollOne(process.pidfd(), POLLIN, steady_clock::now() + std::chrono::milliseconds(10)));
      if (ended != 0 || steady_clock::now() > deadline) {
        return Failure(Code::kUnavailable, "faber jailer did not start to listen");
      }
    }
    return RunningJailer(std::move(process));
  }
  RunningJailer(RunningJailer&&) = default;
  RunningJailer& operator=(RunningJailer&&) = delete;
  ~RunningJailer() {
    if (process_.pid() < 0) return;
    (void)process_.Kill(SIGTERM);  // So that it removes its groups; then the destructor's SIGKILL.
    (void)PollOne(process_.pidfd(), POLLIN, steady_clock::now() + std::chrono::seconds(10));
  }

 private:
  explicit RunningJailer(Process process) : process_(std::move(process)) {}
  Process process_;
};

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

void MeasureRound(Contender& contender, int launches) {
  if (contender.failed) return;
  std::optional<HiddenSocket> hidden;
  if (!contender.needs_jailer) hidden.emplace();
  std::vector<double> round;
  for (int i = 0; i < std::max(3, launches / contender.share); ++i) {
    const auto start = steady_clock::now();
    Status done = contender.launch();
    const std::chrono::duration<double, std::micro> took = steady_clock::now() - start;
    if (!done) {
      contender.failed = done.error();
      return;
    }
    round.push_back(took.count());
  }
  contender.all.insert(contender.all.end(), round.begin(), round.end());
  contender.round_medians.push_back(Percentile(round, 0.5));
}

// Launches a second of two processes that launch in a closed loop at the same time.
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

double MedianRatio(const Contender& contender, const Contender& bare) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < contender.round_medians.size(); ++i) {
    ratios.push_back(contender.round_medians[i] / bare.round_medians[i]);
  }
  return Percentile(ratios, 0.5);
}

struct Report {
  model::Json json = model::Json::MakeObject();
  model::Json peers = model::Json::MakeObject();

  void Row(const Contender& contender, const Contender& bare) {
    if (contender.failed) {
      std::printf("%-16s  failed: %s\n", contender.name.c_str(),
                  contender.failed->ToString().c_str());
      return;
    }
    std::printf("%-16s  %8.0f us  %8.0f us  %6.2fx  %6.2fx\n", contender.name.c_str(),
                Percentile(contender.all, 0.5), Percentile(contender.all, 0.99),
                MedianRatio(contender, bare),
                Percentile(contender.all, 0.99) / Percentile(bare.all, 0.99));
  }

  void Ours(const Contender& contender, const Contender& bare, bool tail) {
    Row(contender, bare);
    const std::string p50 = contender.name + "_p50_ratio";
    if (contender.failed) {
      json.Set(p50, "failed: " + contender.failed->message);
      return;
    }
    json.Set(p50, MedianRatio(contender, bare));
    if (!tail) return;
    json.Set(contender.name + "_p99_ratio",
             Percentile(contender.all, 0.99) / Percentile(bare.all, 0.99));
  }
};

Status MeasureRates(std::vector<Contender>& ours, const Contender& bare, const Scale& scale,
                    Report& report) {
  double baseline = 0;
  for (int round = 0; round < 3; ++round) {
    const double rate = TRY(RateOfTwo(bare, scale.rate_launches * 2));
    baseline = std::max(baseline, rate);
  }
  for (Contender& contender : ours) {
    if (!contender.needs_jailer || contender.failed || contender.name == "cli") continue;
    const double rate = TRY(RateOfTwo(contender, scale.rate_launches));
    report.json.Set(contender.name + "_rate_ratio_2", rate / baseline);
    std::printf("%-16s  %8.0f /s with 2 drivers, %.2fx of bare (%.0f /s)\n", contender.name.c_str(),
                rate, rate / baseline, baseline);
  }
  return {};
}

Status Measure(const Scale& scale, const std::string& out) {
  if (ConnectUnix(kSocket, SocketType::kSeqPacket).ok()) {
    return Failure(Code::kFailedPrecondition, "a faber jailer is running already", {},
                   "stop it for the time of the measurement");
  }
  const TempDir scratch = TRY(TempDir::Make("faber-bench"));
  const RunningJailer jailer = TRY(RunningJailer::Start());
  Contender bare{.name = "posix_spawn", .launch = [] { return SpawnAndWait(StaticTrue()); }};
  const std::string faber = Beside("faber");
  Words cli = {faber, "run", "--"};
  const Words program = StaticTrue();
  cli.insert(cli.end(), program.begin(), program.end());
  const auto run_cli = [&] { return SpawnAndWait(cli); };
  std::vector<Contender> ours;
  ours.push_back({"strict", [] { return LaunchJail(model::Launch::kStrict); }, 1, true});
  ours.push_back({"sealed", [] { return LaunchJail(model::Launch::kSealed); }, 1, true});
  ours.push_back({"cli", run_cli, 1, true});
  ours.push_back({"cli_cold", run_cli, 2, false});
  std::vector<Contender> peers;
  std::vector<Peer> known = FindPeers(scratch.path());
  for (const Peer& peer : known) {
    if (peer.argv.empty()) continue;
    peers.push_back({peer.name, [&peer] { return SpawnAndWait(peer.argv); }, 4, false});
  }

  for (int round = 0; round < scale.rounds; ++round) {
    MeasureRound(bare, scale.launches);
    for (Contender& contender : ours) MeasureRound(contender, scale.launches);
    for (Contender& contender : peers) MeasureRound(contender, scale.launches);
  }
  if (bare.failed) return *bare.failed;

  Report report;
  std::printf("%-16s  %11s  %11s  %7s  %7s\n", "", "p50", "p99", "p50", "p99");
  report.Row(bare, bare);
  for (const Contender& contender : ours) report.Ours(contender, bare, contender.needs_jailer);
  for (const Contender& contender : peers) {
    report.Row(contender, bare);
    report.peers.Set(contender.name + "_p50_ratio",
                     contender.failed ? model::Json("failed: " + contender.failed->message)
                                      : model::Json(MedianRatio(contender, bare)));
  }
  for (const Peer& peer : known) {
    if (peer.argv.empty()) report.peers.Set(peer.name + "_p50_ratio", "absent");
  }
  report.json.Set("peers", report.peers);
  TRY(MeasureRates(ours, bare, scale, report));
  if (out.empty()) return {};
  return ReplaceFile(out, codec::Indented(report.json) + "\n");
}

int Main(int argc, char** argv) {
  Scale scale;
  std::string out;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--quick") {
      scale = {.rounds = 5, .launches = 8, .rate_launches = 50};
    } else if (word == "--out" && i + 1 < argc) {
      out = argv[++i];
    } else {
      std::fprintf(stderr, "usage: launch_bench [--out FILE] [--quick]\n");
      return 2;
    }
  }
  const Status measured = Measure(scale, out);
  if (measured) return 0;
  std::fprintf(stderr, "launch_bench: %s\n", measured.error().ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace fabro::bench

int main(int argc, char** argv) { return fabro::bench::Main(argc, argv); }
