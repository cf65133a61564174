// The guest's side as a whole, with real namespaces: what a program inside can see and do.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sstream>

#include "fabro/jail/child/testing/small_jailer.h"

namespace fabro::jail {
namespace {

using testing::DefaultJail;
using testing::ExecRequest;
using testing::ExecResult;
using testing::RunExec;
using testing::RunShell;
using testing::Slot;
using testing::SpawnJail;
using testing::TestJail;

// One slot with one Jail for all tests that only look.
class JailTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    auto slot = Slot::Start({});
    ASSERT_TRUE(slot.ok()) << slot.error().ToString();
    slot_ = new Slot(*std::move(slot));
    auto jail = SpawnJail(*slot_, DefaultJail());
    ASSERT_TRUE(jail.ok()) << jail.error().ToString();
    jail_ = new TestJail(*std::move(jail));
  }
  static void TearDownTestSuite() {
    delete jail_;
    delete slot_;
    jail_ = nullptr;
    slot_ = nullptr;
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_NE(jail_, nullptr);
  }

  // What the script printed; a failure of the Exec itself is a failure of the test.
  static std::string Shell(const std::string& script) {
    auto result = RunShell(*jail_, script);
    EXPECT_TRUE(result.ok()) << result.error().ToString();
    if (!result.ok()) return "";
    EXPECT_FALSE(result->failed.has_value())
        << "step " << result->failed->step << " errno " << result->failed->sys_errno << " "
        << result->failed->object;
    return result->out;
  }

  static inline Slot* slot_ = nullptr;
  static inline TestJail* jail_ = nullptr;
};

TEST_F(JailTest, RunsACommandAndReportsItsEnd) {
  ExecRequest request;
  request.argv = {"/bin/echo", "hello"};
  auto result = RunExec(*jail_, request);
  ASSERT_TRUE(result.ok()) << result.error().ToString();
  EXPECT_FALSE(result->failed.has_value())
      << result->failed->step << " " << result->failed->object << " " << result->failed->sys_errno;
  EXPECT_EQ(result->out, "hello\n");
  EXPECT_TRUE(result->had_listener);
  EXPECT_EQ(result->ended.si_code, CLD_EXITED);
  EXPECT_EQ(result->ended.status, 0);
}

TEST_F(JailTest, TheProgramHasNoCapabilityAndCannotGainOne) {
  const std::string status = Shell("cat /proc/self/status");
  for (const char* line :
       {"CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n",
        "CapBnd:\t0000000000000000\n", "CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n",
        "Seccomp:\t2\n", "Uid:\t1000\t1000\t1000\t1000\n", "Gid:\t1000\t1000\t1000\t1000\n",
        "Groups:\t \n", "SigBlk:\t0000000000000000\n", "SigIgn:\t0000000000000000\n"}) {
    EXPECT_NE(status.find(line), std::string::npos) << line << status;
  }
  EXPECT_EQ(Shell("perl -e '$< = $> = 0; print \"$< $>\"'"), "1000 1000");
}

TEST_F(JailTest, TheIdsAreTwoOfTheHostAndSetgroupsIsDenied) {
  const std::string setup = std::to_string(slot_->host_setup_id());
  const std::string task = std::to_string(slot_->host_task_id());
  std::istringstream map(Shell("cat /proc/self/uid_map"));
  std::string inner, outer, count;
  map >> inner >> outer >> count;
  EXPECT_EQ(inner + " " + outer + " " + count, "0 " + setup + " 1");
  map >> inner >> outer >> count;
  EXPECT_EQ(inner + " " + outer + " " + count, "1000 " + task + " 1");
  EXPECT_FALSE(map >> inner);
  EXPECT_EQ(Shell("cat /proc/self/setgroups"), "deny\n");
}

TEST_F(JailTest, EveryNamespaceIsAnotherOneThanTheHosts) {
  for (const char* kind : {"pid", "mnt", "net", "ipc", "uts", "user", "time", "cgroup"}) {
    char host[64] = {};
    const std::string path = std::string("/proc/self/ns/") + kind;
    ASSERT_GT(::readlink(path.c_str(), host, sizeof(host) - 1), 0);
    const std::string inside = Shell("readlink " + path);
    EXPECT_EQ(inside.rfind(std::string(kind) + ":[", 0), 0u) << inside;
    EXPECT_NE(inside, std::string(host) + "\n");
  }
}

TEST_F(JailTest, ClocksStartNearZero) {
  EXPECT_LT(std::stod(Shell("python3 -c 'import time; print(time.clock_gettime(7))' 2>/dev/null || "
                            "perl -MPOSIX -e 'print 0'")),
            60.0);
  EXPECT_NE(Shell("cat /proc/self/timens_offsets").find("boottime"), std::string::npos);
}

TEST_F(JailTest, OnlyTheWorkspaceCanBeWritten) {
  EXPECT_EQ(Shell("for d in / /usr /etc /dev /home /var /proc /sys /usr/bin; do "
                  "touch $d/x 2>/dev/null && echo wrote $d; done; echo done"),
            "done\n");
  EXPECT_EQ(Shell("for d in /work /tmp /var/tmp /home/user /dev/shm; do "
                  "touch $d/probe && rm $d/probe || echo $d; done; echo done"),
            "done\n");
}

TEST_F(JailTest, MountsArePrivateAndTheirFlagsAreTheStrictOnes) {
  const std::string mounts = Shell("cat /proc/self/mountinfo");
  EXPECT_EQ(mounts.find("shared:"), std::string::npos) << mounts;
  EXPECT_EQ(mounts.find("master:"), std::string::npos) << mounts;
  std::istringstream lines(mounts);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    std::istringstream fields(line);
    std::string id, parent, device, root, place, flags;
    fields >> id >> parent >> device >> root >> place >> flags;
    EXPECT_NE(flags.find("nosuid"), std::string::npos) << line;
    const bool writable = place == "/work" || place == "/tmp" || place == "/var/tmp" ||
                          place == "/home/user" || place == "/dev/shm" || place == "/proc" ||
                          place == "/dev/pts";
    const bool node = place.rfind("/dev/", 0) == 0 && !writable;
    // Below our /proc lies the empty one that the zygote left, read-only.
    const bool covered = place == "/proc" && flags.rfind("ro", 0) == 0;
    EXPECT_EQ(flags.rfind("rw", 0) == 0, (writable || node) && !covered) << line;
    const bool devices = node || place == "/dev" || place == "/dev/pts";
    EXPECT_EQ(flags.find("nodev") == std::string::npos, devices) << line;
  }
  EXPECT_GT(count, 10) << mounts;
}

TEST_F(JailTest, MountingAndNewUserNamespacesFail) {
  EXPECT_EQ(Shell("perl -e '$d = q(/tmp); $t = q(tmpfs); print syscall(165, $t, $d, $t, 0, 0); "
                  "print q( ), $!+0'"),
            "-1 1");  // mount(2): EPERM.
  EXPECT_EQ(Shell("umount /tmp 2>/dev/null && echo yes; unshare -U true 2>/dev/null && echo yes; "
                  "unshare -n true 2>/dev/null && echo yes; echo no"),
            "no\n");
  // A limit of the namespace and not the filter: No space left on device.
  EXPECT_NE(Shell("unshare -U true 2>&1").find("No space left"), std::string::npos);
}

TEST_F(JailTest, DevHasSixNodesAndLinksAlone) {
  EXPECT_EQ(Shell("cd /dev; for n in $(ls -A); do if [ -L $n ]; then echo $n link; elif [ -c $n ]; "
                  "then echo $n node; else echo $n other; fi; done"),
            "fd link\nfull node\nnull node\nptmx link\npts other\nrandom node\nshm other\n"
            "stderr link\nstdin link\nstdout link\ntty node\nurandom node\nzero node\n");
  EXPECT_EQ(Shell("head -c 4 /dev/zero | od -An -tx1; echo x > /dev/null; echo x > /dev/full"
                  " 2>/dev/null || echo full; head -c 8 /dev/urandom | wc -c"),
            " 00 00 00 00\nfull\n8\n");
}

TEST_F(JailTest, ProcHasItsOwnProcessesAndNothingOfTheKernel) {
  EXPECT_EQ(Shell("ls -d /proc/sys /proc/sysrq-trigger /proc/meminfo /proc/kallsyms 2>/dev/null"),
            "");
  EXPECT_EQ(Shell("(echo x > /proc/sys/kernel/hostname) 2>/dev/null || echo no"), "no\n");
  EXPECT_LE(std::stoi(Shell("echo /proc/[0-9]* | wc -w")), 4);  // init, sh, wc, its subshell
}

TEST_F(JailTest, InitCannotBeReadOrSignalled) {
  EXPECT_EQ(Shell("for f in root cwd exe fd environ mem maps; do ls /proc/1/$f >/dev/null 2>&1 && "
                  "echo listed $f; cat /proc/1/$f >/dev/null 2>&1 && echo read $f; done; echo end"),
            "end\n");
  EXPECT_EQ(Shell("kill -9 1 2>/dev/null; kill -TERM 1 2>/dev/null; echo alive"), "alive\n");
  EXPECT_EQ(Shell("echo again"), "again\n");
}

TEST_F(JailTest, HostNameIsTheJails) {
  EXPECT_EQ(Shell("uname -n; hostname other 2>/dev/null || echo no"), "sandbox\nno\n");
}

TEST_F(JailTest, OnlyLoopbackIsThereAndUp) {
  EXPECT_EQ(Shell("cut -d: -f1 /proc/self/net/dev | tail -n +3 | tr -d ' '"), "lo\n");
  EXPECT_EQ(Shell("perl -MSocket -e 'socket(S,PF_INET,SOCK_DGRAM,0); print connect(S, "
                  "sockaddr_in(9, inet_aton(\"127.0.0.1\"))) ? \"up\" : \"down\"; print connect(S, "
                  "sockaddr_in(9, inet_aton(\"8.8.8.8\"))) ? \"out\" : \" closed\"'"),
            "up closed");
}

TEST_F(JailTest, TheWorkingDirectoryHasANameInsideAndIsWhereWeAre) {
  EXPECT_EQ(Shell("/bin/pwd; umask"), "/work\n0022\n");
}

TEST_F(JailTest, DescriptorsAreThreeAndNothingElse) {
  // ls has one of its own for the directory.
  EXPECT_EQ(Shell("ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3 ");
}

TEST_F(JailTest, OrphansAreReaped) {
  // The pipe closes when both orphans have ended; a zombie that stays would make the second Exec
  // wait for ever.
  EXPECT_EQ(Shell("(setsid sh -c 'exit 0' &) ; (sh -c 'exit 3' &) ; echo end"), "end\n");
  EXPECT_EQ(
      Shell("while grep -q '^State:.Z' /proc/[0-9]*/status 2>/dev/null; do :; done; echo end"),
      "end\n");
}

TEST_F(JailTest, TheExecVolunteersForTheOutOfMemoryKiller) {
  EXPECT_EQ(Shell("cat /proc/self/oom_score_adj"), "1000\n");
}

TEST_F(JailTest, WhatCannotBeExecutedIsNamedWithItsErrno) {
  const struct {
    std::vector<std::string> argv;
    int error;
  } cases[] = {
      {{"no-such-program"}, ENOENT},  {{"/no/such/program"}, ENOENT},
      {{"/etc/passwd"}, EACCES},      {{"/usr"}, EACCES},
      {{"passwd-not-there"}, ENOENT}, {{"/etc/passwd/x"}, ENOTDIR},
  };
  for (const auto& each : cases) {
    ExecRequest request;
    request.argv = each.argv;
    auto result = RunExec(*jail_, request);
    ASSERT_TRUE(result.ok()) << result.error().ToString();
    ASSERT_TRUE(result->failed.has_value()) << each.argv[0];
    EXPECT_EQ(result->failed->step, static_cast<int>(wire::Step::kExecve));
    EXPECT_EQ(result->failed->sys_errno, each.error) << each.argv[0];
    EXPECT_EQ(std::string(result->failed->object), each.argv[0]);
    EXPECT_EQ(result->ended.status, 125);
  }
}

TEST_F(JailTest, AFileInPathThatMayNotBeExecutedIsSaidBeforeOneNotThere) {
  Shell(
      "mkdir -p /tmp/denied && echo > /tmp/denied/tool && mkdir -p /tmp/found && "
      "printf '#!/bin/sh\\necho found\\n' > /tmp/found/tool && chmod +x /tmp/found/tool");
  ExecRequest request;
  request.argv = {"tool"};
  request.path = "/nowhere:/tmp/denied:/usr/bin";
  auto denied = RunExec(*jail_, request);
  request.path = "/tmp/denied:/tmp/found";
  auto found = RunExec(*jail_, request);
  ASSERT_TRUE(denied.ok() && denied->failed.has_value());
  EXPECT_EQ(denied->failed->sys_errno, EACCES);
  EXPECT_EQ(std::string(denied->failed->object), "/tmp/denied/tool");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->out, "found\n");
}

TEST_F(JailTest, AWorkingDirectoryThatIsNotThereIsAFailedStep) {
  ExecRequest request;
  request.argv = {"true"};
  request.cwd = "/nowhere";
  auto result = RunExec(*jail_, request);
  ASSERT_TRUE(result.ok() && result->failed.has_value());
  EXPECT_EQ(result->failed->step, static_cast<int>(wire::Step::kWorkdir));
  EXPECT_EQ(result->failed->sys_errno, ENOENT);
  EXPECT_EQ(std::string(result->failed->object), "/nowhere");
}

TEST_F(JailTest, RlimitsHoldAndAWishAboveTheHardLimitIsCut) {
  ExecRequest request;
  request.argv = {"sh", "-c", "ulimit -n; ulimit -c; ulimit -f"};
  request.rlimits = {
      {RLIMIT_NOFILE, 100, 100}, {RLIMIT_CORE, 0, 0}, {RLIMIT_FSIZE, 1 << 20, 1 << 20}};
  auto result = RunExec(*jail_, request);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->out, "100\n0\n2048\n");
  request.argv = {"sh", "-c", "ulimit -n"};
  request.rlimits = {{RLIMIT_NOFILE, RLIM_INFINITY, RLIM_INFINITY}};
  auto cut = RunExec(*jail_, request);
  ASSERT_TRUE(cut.ok());
  EXPECT_FALSE(cut->failed.has_value());
  EXPECT_GT(std::stoll(cut->out), 100);
}

TEST_F(JailTest, TheFilterIsOnBeforeTheProgram) {
  ExecRequest request;
  request.argv = {"uname", "-n"};
  request.filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_uname, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  request.want_listener = false;
  auto result = RunExec(*jail_, request);
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->had_listener);
  EXPECT_NE(result->out.find("Numerical argument out of domain"), std::string::npos) << result->out;
}

TEST_F(JailTest, ATerminalIsTheControllingOneAndOfItsSize) {
  ExecRequest request;
  request.argv = {"sh", "-c", "tty; stty size; : > /dev/tty && echo own"};
  request.tty = true;
  auto result = RunExec(*jail_, request);
  ASSERT_TRUE(result.ok()) << result.error().ToString();
  EXPECT_EQ(result->out, "/dev/pts/0\r\n24 80\r\nown\r\n");
}

TEST_F(JailTest, ASignalReachesTheWholeGroup) {
  ExecRequest request;
  request.argv = {"sh", "-c",
                  "trap 'echo got; exit 7' USR1; echo ready; while :; do sleep 5; done"};
  auto started = testing::StartExec(*jail_, request);
  ASSERT_TRUE(started.ok());
  char ready[6] = {};
  ASSERT_EQ(::read(started->out.get(), ready, 6), 6);
  ASSERT_EQ(testing::ReceiveWire(jail_->socket.get()).type, wire::Type::kExecForked);
  wire::SignalExec order;
  order.exec_id = started->id;
  order.signal = SIGUSR1;
  ASSERT_TRUE(
      testing::SendWire(jail_->socket.get(), wire::Type::kSignalExec, testing::BytesOf(order))
          .ok());
  const auto ended = testing::ReceiveWire(jail_->socket.get());
  ASSERT_EQ(ended.type, wire::Type::kExecEnded);
  EXPECT_EQ(ended.As<wire::ExecEnded>().status, 7);
}

TEST_F(JailTest, UsageOfTheLeaderIsReported) {
  auto result = RunShell(*jail_, "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
  ASSERT_TRUE(result.ok());
  EXPECT_GT(result->ended.user_ns, 1'000'000u);
}

TEST_F(JailTest, TheWorkspaceHasOneSizeForAllItsPlaces) {
  const std::string out = Shell(
      "head -c 9000000 /dev/zero > /tmp/a 2>/dev/null && echo first; "
      "head -c 9000000 /dev/zero > /work/b 2>/dev/null || echo full; rm -f /tmp/a /work/b");
  EXPECT_EQ(out, "first\nfull\n");
}

// Possession gives rights whatever the ids are: what the caller holds must not come along.
TEST(SessionKeyringTest, TheCallersKeyringStaysOutside) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const long ours = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  if (ours < 0) GTEST_SKIP() << "no keyrings here";
  auto slot = Slot::Start({});
  ASSERT_TRUE(slot.ok()) << slot.error().ToString();
  auto jail = SpawnJail(*slot, DefaultJail());
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  const auto get_keyring_id =
      "perl -e 'print syscall(" + std::to_string(SYS_keyctl) + ", 0, -3, 0)'";
  auto theirs = RunShell(*jail, get_keyring_id);
  ASSERT_TRUE(theirs.ok()) << theirs.error().ToString();
  EXPECT_FALSE(theirs->out.empty());
  EXPECT_NE(theirs->out, std::to_string(ours));
}

}  // namespace
}  // namespace fabro::jail
