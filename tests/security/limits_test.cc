// Sections R and the rows of B, C and N that need more than one run of a probe: limits, what dies
// with what, what the host has and the guest must not meet.
#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"
#include "harness.h"

namespace fabro::security {
namespace {

using model::Fate;
using model::Level;
using std::chrono::milliseconds;
using std::chrono::seconds;

class LevelTest : public ::testing::TestWithParam<Level> {
 protected:
  static model::SandboxSpec Spec() { return Sandbox::SpecOf(GetParam()); }
};
class Limits : public LevelTest {};
class Host : public LevelTest {};

const auto kBothLevels = ::testing::Values(Level::kMedium, Level::kHigh);
const auto kLevelName = [](const ::testing::TestParamInfo<Level>& info) {
  return std::string(ToString(info.param));
};
INSTANTIATE_TEST_SUITE_P(Matrix, Limits, kBothLevels, kLevelName);
INSTANTIATE_TEST_SUITE_P(Matrix, Host, kBothLevels, kLevelName);

// The limits of one run, its fate, and that the next command in the same Jail runs (H11).
void ExpectFate(model::SandboxSpec spec, std::vector<std::string> probe, model::Limits limits,
                Fate fate) {
  Sandbox sandbox(spec);
  ASSERT_TRUE(sandbox.ok());
  const Ran ran = sandbox.Probe(std::move(probe), limits);
  EXPECT_EQ(ran.outcome.fate, fate) << Describe(ran);
  EXPECT_TRUE(ran.outcome.cleanup_succeeded);
  model::ExecSpec canary;
  canary.argv = {"/bin/true"};
  const Ran after = sandbox.Run(canary);
  EXPECT_EQ(after.outcome.fate, Fate::kExited) << Describe(after);
}

TEST_P(Limits, R1_memory_bomb) {
  model::Limits limits;
  limits.memory = 32_MiB;
  ExpectFate(Spec(), {"R1"}, limits, Fate::kOutOfMemory);
}
TEST_P(Limits, R2_many_processes_together) {
  model::Limits limits;
  limits.memory = 64_MiB;
  ExpectFate(Spec(), {"R2"}, limits, Fate::kOutOfMemory);
}
TEST_P(Limits, R4_files_are_one_total) {
  model::SandboxSpec spec = Spec();
  spec.workspace.size = 8_MiB;
  Sandbox sandbox(spec);
  ASSERT_TRUE(sandbox.ok());
  Check(sandbox.Probe({"R4", std::to_string((8_MiB).bytes())}), S("ENOSPC"));
}
TEST_P(Limits, R5_memory_files_are_charged) {
  model::Limits limits;
  limits.memory = 32_MiB;
  limits.open_files = 32;
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  const Ran ran = sandbox.Probe({"R5"}, limits);
  if (GetParam() == Level::kHigh) return Check(ran, S("ENOSYS"));
  EXPECT_EQ(ran.outcome.fate, Fate::kOutOfMemory) << Describe(ran);
}
TEST_P(Limits, R6_lock_memory) {
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  Check(sandbox.Probe({"R6"}), A());
}
TEST_P(Limits, R10_R11_process_and_thread_bomb) {
  model::Limits limits;
  limits.pids = 20;
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  const Ran processes = sandbox.Probe({"R10"}, limits);
  EXPECT_EQ(processes.out.rfind("PASS EAGAIN", 0), 0U) << Describe(processes);
  EXPECT_TRUE(processes.outcome.pids_limit_hit);
  const Ran threads = sandbox.Probe({"R11"}, limits);
  EXPECT_EQ(threads.out.rfind("PASS EAGAIN", 0), 0U) << Describe(threads);
}
TEST_P(Limits, R12_fork_bomb_that_ignores_signals) {
  model::Limits limits;
  limits.pids = 40;
  limits.wall_time = milliseconds(500);
  ExpectFate(Spec(), {"R12"}, limits, Fate::kTimedOut);
}
TEST_P(Limits, R13_processor_burnt) {
  model::Limits limits;
  limits.cpu_time = milliseconds(200);
  ExpectFate(Spec(), {"R13"}, limits, Fate::kCpuTimeLimit);
}
TEST_P(Limits, R14_sleeper) {
  model::Limits limits;
  limits.wall_time = milliseconds(200);
  ExpectFate(Spec(), {"pause"}, limits, Fate::kTimedOut);
}
TEST_P(Limits, R15_stops_itself) {
  model::Limits limits;
  limits.wall_time = milliseconds(200);
  ExpectFate(Spec(), {"R15"}, limits, Fate::kTimedOut);
}
TEST_P(Limits, R17_output_flood) {
  model::Limits limits;
  limits.output = 1_MiB;
  ExpectFate(Spec(), {"R17"}, limits, Fate::kOutputLimit);
}
TEST_P(Limits, R21_descriptors) {
  model::Limits limits;
  limits.open_files = 40;
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  Check(sandbox.Probe({"R21", "40"}, limits), S("EMFILE"));
}
TEST_P(Limits, R22_R23_R24_R26_inodes_sizes_timers_sync) {
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  Check(sandbox.Probe({"R23"}), S("EFBIG"));
  Check(sandbox.Probe({"R24"}), A());
  Check(sandbox.Probe({"R26"}), A());
  Check(sandbox.Probe({"R22"}), S("ENOSPC"));
}

// R31: one command ends, alone and whole, however it hid; the other is not hurt.
TEST_P(Limits, R31_timeout_of_one_command_among_two) {
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  model::Limits limits;
  limits.cpu_time = milliseconds(300);
  const Ran burner = sandbox.Probe({"R31"}, limits);
  EXPECT_EQ(burner.outcome.fate, Fate::kCpuTimeLimit) << Describe(burner);
  const Ran other = sandbox.Probe({"B1"});
  Check(other, A("own"));
  EXPECT_LT(other.outcome.usage.cpu_time, milliseconds(300));
}

TEST_P(Limits, B30_daemon_dies_with_its_command) {
  Sandbox sandbox(Spec());
  ASSERT_TRUE(sandbox.ok());
  const Ran daemon = sandbox.Probe({"B30"});
  Check(daemon, A("detached"));
  Check(sandbox.Probe({"B1"}), A("own"));
}
TEST_P(Limits, B32_no_core_is_dumped) { ExpectFate(Spec(), {"B32"}, {}, Fate::kSignaled); }

TEST_P(Limits, A11_working_directory_through_proc) {
  for (const char* cwd : {"/proc/self/fd/7", "/proc/1/cwd", "/proc/self/fd/3", "/proc/1/root"}) {
    Sandbox sandbox(Spec());
    ASSERT_TRUE(sandbox.ok());
    model::ExecSpec spec = Sandbox::ProbeSpec({"A11"});
    spec.cwd = GuestPath(cwd);
    const Ran ran = sandbox.Run(spec);
    if (ran.outcome.fate == Fate::kNotStarted || ran.outcome.fate == Fate::kNotExecuted) continue;
    Check(ran, A("inside"));
  }
}

TEST_P(Limits, A27_mountinfo_names_no_place_of_the_host) {
  model::SandboxSpec spec = Spec();
  spec.binds.clear();  // A bind's source is named by the kernel: a limit that is documented.
  Sandbox sandbox(spec);
  ASSERT_TRUE(sandbox.ok());
  model::ExecSpec cat;
  cat.argv = {"/bin/cat", "/proc/self/mountinfo"};
  const Ran ran = sandbox.Run(cat);
  EXPECT_NE(ran.out.find(" /work "), std::string::npos);
  for (const char* word : {"shared:", "master:", "cgroup", "/home/agent/", "/root", "/build/"}) {
    EXPECT_EQ(ran.out.find(word), std::string::npos) << word << "\n" << ran.out;
  }
}

TEST_P(Limits, A34_shared_memory_of_two_sandboxes) {
  Sandbox one(Spec());
  Sandbox two(Spec());
  ASSERT_TRUE(one.ok() && two.ok());
  Check(one.Probe({"A34", "write"}), A("made"));
  Check(two.Probe({"A34", "read"}), S("ENOENT"));
  two.End();
  one.End();
}

// A40: the disk keeps what the guest left, and none of it is more than the guest's own.
TEST_P(Host, A40_disk_workspace) {
  auto scratch = TempDir::Make("fabro-security");
  ASSERT_TRUE(scratch.ok()) << scratch.error().ToString();
  model::SandboxSpec spec = Spec();
  spec.workspace.kind = model::WorkspaceKind::kDisk;
  spec.workspace.dir = HostPath(scratch->path());
  spec.degrade = {"workspace_limit"};
  {
    Sandbox sandbox(spec);
    ASSERT_TRUE(sandbox.ok());
    Check(sandbox.Probe({"A40"}), A("left"));
    Check(sandbox.Probe({"A17"}), A());
  }
  struct stat status{};
  const std::string work = scratch->path() + "/workspace";
  ASSERT_EQ(::lstat(scratch->path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 077U, 0U) << "nobody else may reach a set-id file in it";
  EXPECT_NE(::lstat((work + "/device").c_str(), &status), 0);
  EXPECT_EQ(::lstat((work + "/setid").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, ::geteuid());
}

// C1, C3, C4, N19, N23: what listens and lies on the host, under its own names, is not there.
TEST_P(Host, C1_abstract_socket) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, "security-canary", 15);
  const auto size = static_cast<socklen_t>(sizeof(sa_family_t) + 16);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  EXPECT_EQ(RunOutside({"C1", "security-canary"}).rfind("FAIL OK", 0), 0U) << "the twin";
  {
    Sandbox sandbox(Spec());
    ASSERT_TRUE(sandbox.ok());
    Check(sandbox.Probe({"C1", "security-canary"}), S("ECONNREFUSED,EAFNOSUPPORT"));
  }
  ::close(listener);
}
TEST_P(Host, C3_system_v_memory) {
  constexpr int kKey = 0x1234;
  const int segment = ::shmget(kKey, 4096, IPC_CREAT | 0666);
  ASSERT_GE(segment, 0);
  EXPECT_EQ(RunOutside({"C3", std::to_string(kKey)}).rfind("FAIL OK", 0), 0U) << "the twin";
  {
    Sandbox sandbox(Spec());
    ASSERT_TRUE(sandbox.ok());
    Check(sandbox.Probe({"C3", std::to_string(kKey)}), S("ENOENT,EINVAL,ENOSYS"));
  }
  ::shmctl(segment, IPC_RMID, nullptr);
}
TEST_P(Host, C4_message_queue) {
  const ::mode_t mask = ::umask(0);
  const mqd_t queue = ::mq_open("/security-canary", O_RDWR | O_CREAT, 0666, nullptr);
  ::umask(mask);
  ASSERT_GE(queue, 0);
  EXPECT_EQ(RunOutside({"C4", "/security-canary"}).rfind("FAIL OK", 0), 0U) << "the twin";
  {
    Sandbox sandbox(Spec());
    ASSERT_TRUE(sandbox.ok());
    Check(sandbox.Probe({"C4", "/security-canary"}), S("ENOENT,ENOSYS"));
  }
  ::mq_close(queue);
  ::mq_unlink("/security-canary");
}
TEST_P(Host, N19_N23_loopback_is_its_own) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  EXPECT_EQ(RunOutside({"connect", "127.0.0.1", port}).rfind("FAIL OK", 0), 0U) << "the twin";
  {
    Sandbox sandbox(Spec());
    ASSERT_TRUE(sandbox.ok());
    Check(sandbox.Probe({"connect", "127.0.0.1", port}), S("ECONNREFUSED,EAFNOSUPPORT"));
  }
  ::close(listener);
}

// B29, B45: whoever of the owners dies, the guest dies with it; never a success.
TEST_P(Host, B29_B45_lifelines) {
  for (const bool kill_jailer : {true, false}) {
    Sandbox sandbox(Spec());
    ASSERT_TRUE(sandbox.ok());
    model::ExecSpec spec = Sandbox::ProbeSpec({"B30", "stay"});
    jail::RelayOptions options;
    const pid_t victim = kill_jailer ? sandbox.jailer() : sandbox.traces().init;
    // Once its daemon has left: everybody that could be asked to end it is gone.
    options.on_output = [&](jail::Stream, std::string_view) {
      ::kill(victim, SIGKILL);
      return Status();
    };
    const auto relayed = jail::RunRelayed(sandbox.jail(), spec, options);
    if (relayed.ok()) {
      EXPECT_EQ(relayed->outcome.fate, Fate::kInfrastructureFailure)
          << ToString(relayed->outcome.fate);
    }
    sandbox.EndBroken();
  }
}

// The twins: outside the same probes find what they look for, so a pass inside means something.
TEST(TwinTest, OutsideTheProbesFindTheHost) {
  EXPECT_EQ(RunOutside({"A1", "/etc/ssh"}).rfind("FAIL OK", 0), 0U)
      << RunOutside({"A1", "/etc/ssh"});
  EXPECT_EQ(RunOutside({"A2"}).rfind("FAIL EACCES", 0), 0U);
  EXPECT_EQ(RunOutside({"A20"}).rfind("FAIL", 0), 0U);
  EXPECT_EQ(RunOutside({"B1"}).rfind("FAIL others", 0), 0U);
  EXPECT_EQ(RunOutside({"B25a"}).rfind("PASS", 0), 0U) << "without no_new_privs it is refused";
  EXPECT_EQ(RunOutside({"B34"}).rfind("FAIL host", 0), 0U);
  EXPECT_EQ(RunOutside({"C8"}).rfind("FAIL OK", 0), 0U);
  EXPECT_EQ(RunOutside({"A33"}).rfind("PASS own", 0), 0U);
}

}  // namespace
}  // namespace fabro::security
