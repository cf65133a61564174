// What one Jail of a slot may leave to the next one, or to one beside it: rows of the matrix that
// want a jailer with several Jails, and all rows of the tables once more in a slot that was used.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>

#include "fabro/linux/process.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/socket.h"
#include "fabro/linux/spawn.h"
#include "harness.h"
#include "raw_caller.h"

namespace fabro::security {
namespace {

using model::Fate;
using model::Level;

class Recycled : public ::testing::TestWithParam<Level> {
 protected:
  void SetUp() override {
    auto dir = TempDir::Make("jailer");
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
    SpawnRequest request;
    request.argv = {FABER_JAILER, "--listen", dir_->path(), "--slots", "2"};
    auto jailer = Spawn(request);
    ASSERT_TRUE(jailer.ok()) << jailer.error().ToString();
    jailer_.emplace(*std::move(jailer));
    ASSERT_TRUE(Connect().ok());  // Before that a SIGTERM is no orderly end.
  }
  void TearDown() override {
    ASSERT_TRUE(jailer_->Kill(SIGTERM).ok());
    EXPECT_EQ(*jailer_->Wait(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
  }
  Result<UniqueFd> Connect() {
    const auto limit = Patience();
    for (;;) {
      auto connection = ConnectUnix(dir_->path() + "/jailer.sock", SocketType::kSeqPacket);
      if (connection || std::chrono::steady_clock::now() > *limit) return connection;
      (void)PollOne(jailer_->pidfd(), POLLIN,
                    std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
    }
  }
  Result<jail::Jail> Make(const model::SandboxSpec& spec) {
    UniqueFd connection = TRY(Connect());
    return jail::Jail::Create(jail::Jailer::Adopt(std::move(connection)), spec);
  }
  static model::SandboxSpec Spec() { return Sandbox::SpecOf(GetParam()); }
  // Level medium with network none is sealed as high is.
  static model::SandboxSpec Sealed() {
    model::SandboxSpec spec = Spec();
    spec.network = model::NetworkMode::kNone;
    return spec;
  }
  Ran ProbeOnce(const model::SandboxSpec& spec, std::vector<std::string> args,
                const model::Limits& limits = {}) {
    auto jail = Make(spec);
    EXPECT_TRUE(jail.ok()) << jail.error().ToString();
    if (!jail) return {};
    Ran ran = RunInJail(*jail, Sandbox::ProbeSpec(std::move(args), limits));
    EXPECT_TRUE(jail->Stop().ok());
    return ran;
  }
  std::optional<TempDir> dir_;
  std::optional<Process> jailer_;
};
INSTANTIATE_TEST_SUITE_P(Matrix, Recycled, ::testing::Values(Level::kMedium, Level::kHigh),
                         [](const auto& each) { return std::string(ToString(each.param)); });

// All rows, each twice one after the other: neither the first run nor the row before has left
// anything that makes the second come out otherwise.
TEST_P(Recycled, EveryRowTwiceInOneSlot) {
  for (const RowAtLevel& at : AllRows()) {
    if (at.level != GetParam()) continue;
    for (int i = 0; i < 2; ++i) {
      SCOPED_TRACE(at.row.name);
      Check(ProbeOnce(Spec(), at.row.args), at.Wanted());
      if (HasFailure()) return;
    }
  }
}

// C13, C15: what is in flight in sockets belongs to no process, and may outlive them all.
TEST_P(Recycled, C13_sockets_sent_into_themselves) {
  for (int i = 0; i < 6; ++i) {
    Check(ProbeOnce(Sealed(), {"C13"}), A("left"));
    Check(ProbeOnce(Sealed(), {"C15check"}), A("clean"));
  }
}
TEST_P(Recycled, C15_descriptors_in_flight) {
  for (int i = 0; i < 3; ++i) {
    Check(ProbeOnce(Sealed(), {"C15"}), A("left"));
    Check(ProbeOnce(Sealed(), {"C15check"}), A("clean"));
    model::Limits limits;
    limits.memory = 64_MiB;
    Check(ProbeOnce(Sealed(), {"R28", "48"}, limits), A("eaten"));
  }
}
// The same where each Jail has a network of its own: a backlog of namespaces that cannot go must
// not use up what the slot may have.
TEST_P(Recycled, C13_networks_that_something_in_flight_keeps) {
  if (GetParam() == Level::kHigh) return;  // Its network is the sealed one of above.
  for (int i = 0; i < 70; ++i) {
    const Ran ran = ProbeOnce(Spec(), {"C13"});
    ASSERT_EQ(ran.outcome.fate, Fate::kExited) << "Jail " << i << ": " << Describe(ran);
  }
}

TEST_P(Recycled, R29_caches_of_the_run_before) {
  Check(ProbeOnce(Spec(), {"R29"}), A("filled"));
  const Ran next = ProbeOnce(Spec(), {"R28", "1"});
  Check(next, A("eaten"));
  ASSERT_TRUE(next.outcome.usage.memory_peak.has_value());
  EXPECT_LT(next.outcome.usage.memory_peak->bytes(), (8_MiB).bytes());
}

TEST_P(Recycled, A32_locks_on_files_that_all_see) {
  auto one = Make(Spec());
  auto two = Make(Spec());
  ASSERT_TRUE(one.ok() && two.ok());
  std::string line;
  Running holder = StartIn(*one, Sandbox::ProbeSpec({"A32", "hold"}), &line);
  EXPECT_EQ(line.rfind("PASS locked", 0), 0U) << line;
  // A channel of one bit between sandboxes that work together, as the page on threats says.
  Check(RunInJail(*two, Sandbox::ProbeSpec({"A32"})), S("EAGAIN"));
  EXPECT_TRUE(one->Stop().ok());
  Check(RunInJail(*two, Sandbox::ProbeSpec({"A32"})), A("locked"));
}

// B46: one guest's flood of refused calls is answered in the loop that serves the other's too.
TEST_P(Recycled, B46_flood_of_refused_calls) {
  auto flooder = Make(Spec());
  auto other = Make(Spec());
  ASSERT_TRUE(flooder.ok() && other.ok());
  model::Limits limits;
  limits.pids = 64;
  long nanos[2] = {0, 0};
  for (const bool spin : {true, false}) {
    std::string line;
    Running flood =
        StartIn(*flooder, Sandbox::ProbeSpec({"B46flood", spin ? "spin" : "flood"}, limits), &line);
    ASSERT_EQ(line.rfind("PASS", 0), 0U) << line;
    const Ran timed = RunInJail(*other, Sandbox::ProbeSpec({"B46time"}));
    ASSERT_EQ(timed.out.rfind("PASS refused ", 0), 0U) << Describe(timed);
    nanos[spin ? 0 : 1] = std::stol(timed.out.substr(13));
    EXPECT_LE(timed.outcome.violations.size(), 64U);
    EXPECT_EQ(timed.outcome.violations.size() + timed.outcome.violations_dropped, 101U);
    for (const model::Violation& violation : timed.outcome.violations) {
      EXPECT_EQ(violation.syscall, "socket");
      EXPECT_EQ(violation.comm, "faber-probe");
    }
    ASSERT_TRUE(flood.exec.Terminate(Fate::kCancelled, std::chrono::milliseconds(0)).ok());
    const auto ended = flood.exec.Wait();
    EXPECT_EQ(ended->fate, Fate::kCancelled);
    EXPECT_LE(ended->violations.size(), 64U);
    EXPECT_EQ(ended->violations.empty(), spin);
  }
  RecordProperty("p50_ns_beside_spinning", std::to_string(nanos[0]));
  RecordProperty("p50_ns_beside_flood", std::to_string(nanos[1]));
}

}  // namespace
}  // namespace fabro::security
