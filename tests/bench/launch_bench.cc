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
#include "tests/bench/launches.h"
#include "tests/bench/peers.h"

extern char** environ;

namespace fabro::bench {
namespace {

using std::chrono::steady_clock;
using Words = std::vector<std::string>;

struct Scale {
  int rounds = 15;
  int launches = 20;  // A round, of what takes less than a millisecond or two.
  int rate_launches = 200;
  int sustained_seconds = 30;
};

constexpr int kRateRounds = 3;

std::string Beside(const std::string& name) {
  std::string path(PATH_MAX, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  path.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return path.substr(0, path.rfind('/') + 1) + name;
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
  const jail::RanAlone ran = TRY(jail::RunAlone(std::move(jailer), sandbox, exec, {}));
  const jail::Relayed& relayed = ran.relayed;
  if (model::ExitCodeOf(relayed.outcome) == 0) return {};
  return Failure(Code::kInternal, "the command ended as " +
                                      std::string(model::ToString(relayed.outcome.fate)) + ": " +
                                      relayed.outcome.message);
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
  pid_t pid() const { return process_.pid(); }
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
  model::Json rows = model::Json::MakeArray();

  void Row(const Contender& contender, const Contender& bare) {
    if (contender.failed) {
      std::printf("%-16s  failed: %s\n", contender.name.c_str(),
                  contender.failed->ToString().c_str());
      return;
    }
    const double p50 = Percentile(contender.all, 0.5);
    const double p99 = Percentile(contender.all, 0.99);
    const double ratio = MedianRatio(contender, bare);
    const double tail = p99 / Percentile(bare.all, 0.99);
    std::printf("%-16s  %8.0f us  %8.0f us  %8.0f us  %6.2fx  %6.2fx\n", contender.name.c_str(),
                Percentile(contender.all, 0.1), p50, p99, ratio, tail);
    rows.Push(model::Json::MakeObject()
                  .Set("name", contender.name)
                  .Set("launches", static_cast<std::int64_t>(contender.all.size()))
                  .Set("p10_us", Percentile(contender.all, 0.1))
                  .Set("p50_us", p50)
                  .Set("p99_us", p99)
                  .Set("p50_ratio", ratio)
                  .Set("p99_ratio", tail));
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

// The bare rate is measured anew beside each of ours.
Status MeasureRates(std::vector<Contender>& ours, const Contender& bare, const Scale& scale,
                    Report& report) {
  for (Contender& contender : ours) {
    if (!contender.needs_jailer || contender.failed || contender.name == "cli") continue;
    std::vector<double> ratios;
    std::vector<double> rates;
    for (int round = 0; round < kRateRounds; ++round) {
      const double baseline = TRY(RateOfTwo(bare, scale.rate_launches * 2));
      const double rate = TRY(RateOfTwo(contender, scale.rate_launches));
      rates.push_back(rate);
      ratios.push_back(rate / baseline);
    }
    report.json.Set(contender.name + "_rate_ratio_2", Percentile(ratios, 0.5));
    std::printf("%-16s  %8.0f /s with 2 drivers, %.2fx of bare\n", contender.name.c_str(),
                Percentile(rates, 0.5), Percentile(ratios, 0.5));
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
    peers.push_back({.name = peer.name,
                     .launch = [&peer] { return SpawnAndWait(peer.argv); },
                     .share = 4,
                     .hides_v2 = peer.hides_v2});
  }

  for (int round = 0; round < scale.rounds; ++round) {
    MeasureRound(bare, scale.launches);
    for (Contender& contender : ours) MeasureRound(contender, scale.launches);
    for (Contender& contender : peers) MeasureRound(contender, scale.launches);
  }
  if (bare.failed) return *bare.failed;

  Report report;
  std::printf("%-16s  %11s  %11s  %11s  %7s  %7s\n", "", "p10", "p50", "p99", "p50", "p99");
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
  report.json.Set("launches", report.rows);
  TRY(MeasureRates(ours, bare, scale, report));
  if (scale.sustained_seconds > 0) {
    const model::Json sustained = TRY(Sustain(ours.front(), scale.sustained_seconds, jailer.pid()));
    report.json.Set("sustained", sustained);
  }
  if (out.empty()) return {};
  return ReplaceFile(out, codec::Indented(report.json) + "\n");
}

int Main(int argc, char** argv) {
  Scale scale;
  std::string out;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--quick") {
      scale = {.rounds = 5, .launches = 8, .rate_launches = 50, .sustained_seconds = 0};
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
