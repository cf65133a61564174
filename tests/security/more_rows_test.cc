// Rows that want more than one run of a probe: attributes and locks of files, set-up calls after
// the exec, ids, and the rows of section R about streams and sums.
#include <fcntl.h>
#include <linux/audit.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/seccomp/seccomp.h"
#include "harness.h"
#include "raw_caller.h"

namespace fabro::security {
namespace {

using model::Fate;
using model::Level;
using std::chrono::milliseconds;

class More : public ::testing::TestWithParam<Level> {
 protected:
  static model::SandboxSpec Spec() { return Sandbox::SpecOf(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Matrix, More, ::testing::ValuesIn(Levels()),
                         [](const auto& each) { return std::string(ToString(each.param)); });

TEST_P(More, A35_attributes_in_memory_and_on_disk) {
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  Check(sandbox.Probe({"A35"}), S("EPERM,ENOTTY,EOPNOTSUPP"));
  const auto dir = TempDir::Make("fabro-security");
  ASSERT_TRUE(dir.ok());
  model::SandboxSpec spec = Spec();
  spec.workspace.kind = model::WorkspaceKind::kDisk;
  spec.workspace.dir = HostPath(dir->path());
  spec.degrade = {"workspace_limit"};
  Sandbox disk(spec);
  ASSERT_TRUE(disk.ok());
  Check(disk.Probe({"A35"}), S("EPERM,ENOTTY,EOPNOTSUPP"));
  disk.End();
  sandbox.End();
  EXPECT_TRUE(RemoveTree(dir->path()).ok()) << "the host can take it away";
}

// The limit itself, without the filter before it: as the host's root, in the guest's namespace.
int NestedUserNamespace(pid_t init) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int space = ::open(("/proc/" + std::to_string(init) + "/ns/user").c_str(), O_RDONLY);
    if (::setns(space, CLONE_NEWUSER) != 0) ::_exit(255);
    ::_exit(::unshare(CLONE_NEWUSER) == 0 ? 0 : errno);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}
TEST_P(More, B42_quota_of_namespaces) {
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  if (GetParam() == Level::kLow) return Check(sandbox.Probe({"L1"}), A("works"));
  Check(sandbox.Probe({"A21"}), S("ENOENT"));
  EXPECT_EQ(NestedUserNamespace(sandbox.traces().init), ENOSPC);
}

seccomp::FilterOptions Options(Level level) {
  seccomp::FilterOptions options;
  options.level = level == Level::kLow      ? seccomp::Level::kLow
                  : level == Level::kMedium ? seccomp::Level::kMedium
                                            : seccomp::Level::kHigh;
  if (level == Level::kHigh) options.sockets = seccomp::Sockets::kNone;
  return options;
}

// B47: calls that build a sandbox, made after the exec: the table's word, whoever calls.
TEST_P(More, B47_set_up_calls_after_exec) {
  constexpr const char* kCalls[] = {"mount",
                                    "umount2",
                                    "fsopen",
                                    "fsconfig",
                                    "fsmount",
                                    "fspick",
                                    "move_mount",
                                    "open_tree",
                                    "pivot_root",
                                    "setns",
                                    "unshare",
                                    "clone3",
                                    "sethostname",
                                    "setdomainname",
                                    "capset",
                                    "setgroups",
                                    "seccomp",
                                    "mount_setattr",
                                    "landlock_create_ruleset",
                                    "landlock_add_rule",
                                    "landlock_restrict_self"};
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  std::mt19937_64 random(47);  // The same words in every run.
  for (const char* call : kCalls) {
    const int number = seccomp::SyscallNumber(seccomp::NativeArch(), call);
    ASSERT_GE(number, 0) << call;
    int sweep = 0;
    for (const char* who : {"leader", "thread", "grandchild"}) {
      seccomp_data data{};
      data.nr = number;
      data.arch = static_cast<std::uint32_t>(seccomp::NativeArch());
      std::vector<std::string> args = {"B47", std::to_string(number), who};
      for (auto& each : data.args) {
        each = sweep == 0 ? 0ULL : sweep == 1 ? ~0ULL : random();
        char text[32];
        std::snprintf(text, sizeof(text), "%llx", static_cast<unsigned long long>(each));
        args.emplace_back(text);
      }
      ++sweep;
      SCOPED_TRACE(std::string(call) + " by the " + who);
      const seccomp::Verdict verdict = seccomp::VerdictOf(Options(GetParam()), data);
      const Ran ran = sandbox.Probe(args);
      switch (verdict.kind) {
        case seccomp::Verdict::Kind::kKill:
          Check(ran, K(call));
          break;
        case seccomp::Verdict::Kind::kReported:
          Check(ran, E("went-on", call));
          break;
        default:
          Check(ran, S("went-on"));
      }
    }
  }
}

// B48: ids of live sandboxes of two jailers are nobody else's, and what is counted for an id stays
// there.
TEST_P(More, B48_ids_of_two_jailers) {
  Sandbox one(Spec());
  Sandbox two(Spec());
  ASSERT_TRUE(one.ok() && two.ok());
  for (const unsigned id : one.traces().ids) {
    EXPECT_EQ(::getpwuid(id), nullptr) << id;
    for (const unsigned other : two.traces().ids) EXPECT_NE(id, other);
  }
  {
    std::string line;
    const Running bomb = StartIn(one.jail(), Sandbox::ProbeSpec({"B46flood", "spin"}), &line);
    Check(two.Probe({"B31"}), A());
    Check(two.Probe({"B2"}), A("none"));
  }
  two.End();
  one.End();
}

TEST_P(More, R2_the_whole_command_goes_when_its_memory_is_full) {
  model::Limits limits;
  limits.memory = 32_MiB;
  limits.wall_time = std::chrono::seconds(40);
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  const Ran ran = sandbox.Probe({"R2stay"}, limits);
  EXPECT_EQ(ran.outcome.fate, Fate::kOutOfMemory) << Describe(ran);
  EXPECT_LT(ran.outcome.usage.wall_time, std::chrono::seconds(20)) << "only at its wall limit";
}

TEST_P(More, R3_big_array) {
  model::Limits limits;
  limits.memory = 32_MiB;
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  Check(sandbox.Probe({"R3"}, limits), A("untouched"));
  const Ran touched = sandbox.Probe({"R3", "touch"}, limits);
  EXPECT_EQ(touched.outcome.fate, Fate::kOutOfMemory) << Describe(touched);
}
TEST_P(More, R9_names_that_are_not_there) {
  model::Limits limits;
  limits.memory = 32_MiB;
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  const Ran ran = sandbox.Probe({"R9"}, limits);
  EXPECT_TRUE(ran.outcome.fate == Fate::kExited || ran.outcome.fate == Fate::kOutOfMemory)
      << Describe(ran);
  ASSERT_TRUE(ran.outcome.usage.memory_peak.has_value());
  EXPECT_LE(*ran.outcome.usage.memory_peak, *limits.memory);
}
TEST_P(More, R16_waits_uninterruptibly) {
  model::Limits limits;
  limits.wall_time = milliseconds(200);
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  const Ran ran = sandbox.Probe({"R16"}, limits);
  EXPECT_EQ(ran.outcome.fate, Fate::kTimedOut) << Describe(ran);
  EXPECT_TRUE(ran.outcome.cleanup_succeeded);
}
TEST_P(More, R18_both_streams_byte_by_byte) {
  model::Limits limits;
  limits.output = ByteSize(64 * 1024);
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  const Ran ran = sandbox.Probe({"R18"}, limits);
  EXPECT_EQ(ran.outcome.fate, Fate::kOutputLimit) << ToString(ran.outcome.fate);
  EXPECT_LE(ran.out.size(), limits.output->bytes());
  EXPECT_LE(ran.err.size(), limits.output->bytes());
}
TEST_P(More, R19_all_bytes) {
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(sandbox.Probe({"R19"}).out, all);
}
TEST_P(More, R20_stdin_that_nobody_reads) {
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  const UniqueFd zero(::open("/dev/zero", O_RDONLY | O_CLOEXEC));  // Never ends.
  jail::RelayOptions options;
  options.stdin_fd = zero.get();
  const auto ran = jail::RunRelayed(sandbox.jail(), True(), options);
  ASSERT_TRUE(ran.ok()) << ran.error().ToString();
  EXPECT_EQ(ran->outcome.fate, Fate::kExited);
}
// R28: each within its own limit, all together above that of the sandbox.
TEST_P(More, R28_limit_of_all_commands_together) {
  model::SandboxSpec spec = Spec();
  spec.limits.memory = 64_MiB;
  Sandbox sandbox(spec);
  ASSERT_TRUE(sandbox.ok());
  std::vector<Running> eaters;
  for (int i = 0; i < 4; ++i) {
    eaters.push_back(StartIn(sandbox.jail(), Sandbox::ProbeSpec({"R28", "24", "stay"})));
  }
  std::vector<pollfd> ends;
  for (const Running& each : eaters) ends.push_back({each.exec.fd(), POLLIN, 0});
  const auto some = Poll(ends, Patience());
  ASSERT_TRUE(some.ok() && *some > 0) << "96 MiB in 64 MiB";
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (ends[i].revents == 0) continue;
    const auto outcome = eaters[i].exec.Wait();
    EXPECT_TRUE(outcome->fate == Fate::kOutOfMemory || outcome->fate == Fate::kAncestorOutOfMemory)
        << ToString(outcome->fate);
  }
  for (Running& each : eaters) {
    (void)each.exec.Terminate(Fate::kCancelled, milliseconds(0));
    EXPECT_TRUE(each.exec.Wait().ok());
  }
  const Ran after = sandbox.Run(True());
  EXPECT_EQ(after.outcome.fate, Fate::kExited)
      << "the sandbox itself lives on: " << Describe(after);
}
// R30: what is no limit is refused, by the client and by the jailer.
TEST_P(More, R30_limits_of_zero_and_beyond) {
  std::vector<model::Limits> bad(7);
  bad[0].memory = ByteSize(0);
  bad[1].memory = ByteSize(~std::uint64_t{0});
  bad[2].pids = 0;
  bad[3].wall_time = Nanos(-1);
  bad[4].cpu_time = Nanos(0);
  bad[5].open_files = 0;
  bad[6].output = ByteSize(std::uint64_t{1} << 63U);
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  RawCaller caller(sandbox.jail().ReleaseLease());
  for (const model::Limits& limits : bad) {
    model::SandboxSpec spec = Spec();
    spec.limits = limits;
    auto jailer =
        jail::Jailer::Open({.mode = jail::Jailer::Options::Mode::kChild, .program = FABER_JAILER});
    ASSERT_TRUE(jailer.ok());
    const auto jail = jail::Jail::Create(*std::move(jailer), spec);
    ASSERT_FALSE(jail.ok());
    EXPECT_EQ(jail.error().code, Code::kInvalidArgument) << jail.error().ToString();
    model::ExecSpec exec = True();
    exec.limits = limits;
    EXPECT_EQ(caller.Refusal(exec, {null.get(), null.get(), null.get()}), "spec_invalid");
  }
  ASSERT_TRUE(caller.Send(jail::protocol::Type::kStop, {}).ok());
  EXPECT_TRUE(caller.Answers(jail::protocol::Type::kStopped));
}

}  // namespace
}  // namespace fabro::security
