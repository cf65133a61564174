// What a guest sees and can reach: root, network, ids, binds and workspaces.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "fabro/jail/testing/in_jail.h"
#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::jail::testing {
namespace {

using model::Fate;

std::string Output(const model::SandboxSpec& sandbox, const std::string& script) {
  const Ran ran = RunOnce(sandbox, Shell(script));
  EXPECT_EQ(ran.outcome.fate, Fate::kExited)
      << ToString(ran.outcome.fate) << ran.outcome.message << ran.err;
  return ran.out;
}

TEST(SandboxTest, TheGuestIsAgentWithoutCapabilitiesInItsOwnNamespaces) {
  EXPECT_EQ(
      Output({},
             "id -un; id -u; pwd; hostname; echo $HOME; grep -E 'Cap|NoNewPrivs' "
             "/proc/self/status | tr -d '\\t0:'; cat /proc/self/cgroup | grep -vc ':/$'"),
      "agent\n1000\n/work\nsandbox\n\nCapInh\nCapPrm\nCapEff\nCapBnd\nCapAmb\nNoNewPrivs1\n0\n");
}

TEST(SandboxTest, RootIsReadOnlyAndTheWritablePlacesAreNot) {
  EXPECT_EQ(Output({},
                   "for d in / /usr /etc /proc /dev /sys /var; do touch $d/x 2>/dev/null && "
                   "echo bad $d; done; for d in /work /tmp /var/tmp /home/agent /dev/shm; do "
                   "touch $d/x || echo bad $d; done; echo done"),
            "done\n");
}

TEST(SandboxTest, NetworkNoneHasNoSocketAndLoopbackReachesItself) {
  const std::string probe =
      "python3 -c 'import socket\ntry:\n s = socket.socket(); s.bind((\"127.0.0.1\", 0)); "
      "s.listen()\n c = socket.create_connection(s.getsockname()); print(\"loopback\")\n"
      "except OSError as e: print(e.errno)'";
  EXPECT_EQ(Output({}, probe), "loopback\n");
  model::SandboxSpec none;
  none.network = model::NetworkMode::kNone;
  EXPECT_EQ(Output(none, probe), "97\n");  // EAFNOSUPPORT
}

TEST(SandboxTest, HighRunsSealedAndLacksNothing) {
  model::SandboxSpec spec;
  spec.level = model::Level::kHigh;
  auto jail = MakeJail(spec);
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  EXPECT_EQ(jail->info().launch, model::Launch::kSealed);
  EXPECT_TRUE(jail->info().degraded.empty());
  EXPECT_EQ(jail->info().workspace_limit, "tmpfs");
  EXPECT_EQ(RunIn(*jail, Shell("echo high"))->out, "high\n");
}

TEST(SandboxTest, MemoryWorkspaceHasATotalSize) {
  model::SandboxSpec spec;
  spec.workspace.size = 1_MiB;
  EXPECT_EQ(Output(spec, "head -c 2000000 /dev/zero > /work/a 2>/dev/null; wc -c < /work/a"),
            "1048576\n");
}

TEST(SandboxTest, BindsKeepOwnersOutsideAndAreReadOnlyUnlessAsked) {
  const auto dir = TempDir::Make("bind");
  ASSERT_TRUE(dir.ok());
  ASSERT_TRUE(WriteFile(dir->path() + "/secret", "word", 0600).ok());
  ASSERT_EQ(::chown(dir->path().c_str(), 12345, 12345), 0);
  ASSERT_EQ(::chown((dir->path() + "/secret").c_str(), 12345, 12345), 0);
  model::SandboxSpec spec;
  spec.binds = {{.source = HostPath(dir->path()), .target = GuestPath("/src"), .writable = false}};
  EXPECT_EQ(Output(spec,
                   "cat /src/secret; stat -c ' %u' /src/secret; touch /src/x 2>/dev/null || "
                   "echo read-only"),
            "word 1000\nread-only\n");
  spec.binds[0].writable = true;
  EXPECT_EQ(Output(spec, "echo new > /src/new; echo ok"), "ok\n");
  struct stat made{};
  ASSERT_EQ(::stat((dir->path() + "/new").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, 12345U);
  EXPECT_EQ(made.st_gid, 12345U);
}

// Outside, such a file would be a program that runs as the directory's owner.
TEST(SandboxTest, NoSetIdBitReachesAFileOutside) {
  const auto dir = TempDir::Make("setid");
  ASSERT_TRUE(dir.ok());
  for (const auto level : {model::Level::kMedium, model::Level::kHigh}) {
    model::SandboxSpec spec;
    spec.level = level;
    spec.binds = {{.source = HostPath(dir->path()), .target = GuestPath("/out"), .writable = true}};
    EXPECT_EQ(
        Output(spec,
               "cd /out; touch f; chmod 4755 f; chmod 2755 f; chmod u+s f; install -m 6755 "
               "/bin/true i; mkdir -m 2775 d; install -m 755 /bin/true plain; "
               "python3 -c 'import os\nfor call in (lambda: os.open(\"o\", os.O_CREAT, 0o4755),"
               "lambda: os.open(\".\", os.O_TMPFILE | os.O_RDWR, 0o6755),"
               "lambda: os.mknod(\"n\", 0o104755)):\n try: call(); print(\"made\")\n "
               "except PermissionError: print(\"refused\")' 2>&1; "
               "find . -perm /6000; stat -c %a plain; rm -rf f i d plain"),
        "refused\nrefused\nrefused\n755\n");
    EXPECT_NE(::access((dir->path() + "/o").c_str(), F_OK), 0);
    EXPECT_NE(::access((dir->path() + "/n").c_str(), F_OK), 0);
  }
}

TEST(SandboxTest, ToolsThatMakeFilesStillWork) {
  EXPECT_EQ(Output({},
                   "exec 2>&1; export PATH=/usr/bin:/bin; mkdir a; echo text > a/f; chmod 640 a/f; "
                   "chmod 1777 a; tar cf t a; rm -r a; "
                   "tar xf t; stat -c %a a/f; printf 'b: a/f\n\tcp a/f b\n' > Makefile; "
                   "make -s; cat b; git init -q . && git add b && git -c user.name=n -c "
                   "user.email=e commit -qm one && git log --format=%s"),
            "640\ntext\none\n");
}

TEST(SandboxTest, AFileCanBeBound) {
  const auto dir = TempDir::Make("bind");
  ASSERT_TRUE(dir.ok());
  ASSERT_TRUE(WriteFile(dir->path() + "/one", "text", 0600).ok());
  model::SandboxSpec spec;
  spec.binds = {{.source = HostPath(dir->path() + "/one"), .target = GuestPath("/in/file")}};
  EXPECT_EQ(Output(spec, "cat /in/file"), "text");
}

TEST(SandboxTest, BindsThatCannotBeAreRefusedBeforeAnythingRuns) {
  const auto dir = TempDir::Make("bind");
  ASSERT_TRUE(dir.ok());
  ASSERT_EQ(::symlink("/etc", (dir->path() + "/link").c_str()), 0);
  for (const std::string& source :
       {std::string("/"), std::string("/proc"), std::string("/sys/kernel"), std::string("/dev"),
        std::string("/no/such"), dir->path() + "/link"}) {
    model::SandboxSpec spec;
    spec.binds = {{.source = HostPath(source), .target = GuestPath("/src")}};
    const auto jail = MakeJail(spec);
    ASSERT_FALSE(jail.ok()) << source;
    EXPECT_EQ(jail.error().reason, "bind_refused") << jail.error().ToString();
  }
}

TEST(SandboxTest, DiskWorkspacePersistsAndBelongsToTheCaller) {
  const auto dir = TempDir::Make("disk");
  ASSERT_TRUE(dir.ok());
  model::SandboxSpec spec;
  spec.workspace.kind = model::WorkspaceKind::kDisk;
  spec.workspace.dir = HostPath(dir->path());
  EXPECT_EQ(Output(spec, "echo kept > f; echo h > ~/g; stat -c %u f"), "1000\n");
  EXPECT_EQ(Output(spec, "cat f"), "kept\n");
  struct stat made{};
  ASSERT_EQ(::stat((dir->path() + "/workspace/f").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, ::getuid());
}

model::SandboxSpec OnDisk(const TempDir& dir) {
  model::SandboxSpec spec;
  spec.workspace.kind = model::WorkspaceKind::kDisk;
  spec.workspace.dir = HostPath(dir.path());
  return spec;
}

TEST(SandboxTest, ADiskWorkspaceHasOneJailAtATime) {
  const auto dir = TempDir::Make("disk");
  ASSERT_TRUE(dir.ok());
  auto first = MakeJail(OnDisk(*dir));
  ASSERT_TRUE(first.ok()) << first.error().ToString();
  const auto second = MakeJail(OnDisk(*dir));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().reason, "workspace_refused") << second.error().ToString();
  EXPECT_NE(second.error().message.find(dir->path()), std::string::npos);
  EXPECT_NE(second.error().message.find("jailer process"), std::string::npos)
      << second.error().message;
  EXPECT_EQ(RunIn(*first, Shell("echo still here"))->out, "still here\n");
  ASSERT_TRUE(first->Stop().ok());
  const auto third = MakeJail(OnDisk(*dir));
  EXPECT_TRUE(third.ok()) << third.error().ToString();
}

TEST(SandboxTest, AKilledJailerLosesItsWorkspace) {
  const auto dir = TempDir::Make("disk");
  ASSERT_TRUE(dir.ok());
  auto first = MakeJail(OnDisk(*dir));
  ASSERT_TRUE(first.ok()) << first.error().ToString();
  // The parent of init is the zygote, whose parent is the jailer.
  const auto parent = [](pid_t pid) {
    const std::string status = ReadFile("/proc/" + std::to_string(pid) + "/status").value_or("");
    return std::stoi("0" + status.substr(status.find("PPid:") + 6));
  };
  const pid_t init = first->info().init_pid;
  const pid_t jailer = parent(parent(init));
  ASSERT_EQ(parent(jailer), ::getpid());
  ASSERT_EQ(::kill(jailer, SIGKILL), 0);
  const auto second = MakeJail(OnDisk(*dir));
  ASSERT_TRUE(second.ok()) << second.error().ToString();
  // Gone, or dead and not yet reaped by whoever got it.
  const std::string status = ReadFile("/proc/" + std::to_string(init) + "/status").value_or("");
  EXPECT_TRUE(status.empty() || status.find("State:\tZ") != std::string::npos) << status;
}

TEST(SandboxTest, AnUnpackedTreeCanBeTheRoot) {
  const auto dir = TempDir::Make("root");
  ASSERT_TRUE(dir.ok());
  for (const char* name : {"/bin", "/etc", "/opt"}) {
    ASSERT_TRUE(MakeDirs(dir->path() + name).ok());
  }
  const auto busybox = ReadFile("/bin/busybox");
  if (!busybox) GTEST_SKIP() << "no busybox-static here";
  ASSERT_TRUE(WriteFile(dir->path() + "/bin/sh", *busybox, 0755).ok());
  ASSERT_TRUE(WriteFile(dir->path() + "/opt/mark", "tree", 0644).ok());
  model::SandboxSpec spec;
  spec.root.kind = model::RootSource::Kind::kDir;
  spec.root.dir = HostPath(dir->path());
  EXPECT_EQ(Output(spec, "read x < /opt/mark; echo $x; [ -e /usr ] || echo no usr"),
            "tree\nno usr\n");
}

TEST(SandboxTest, TheLeaseIsTheConnection) {
  auto jail = MakeJail({});
  ASSERT_TRUE(jail.ok());
  UniqueFd lease = jail->ReleaseLease();
  auto again = Jail::Reattach(Jailer::Adopt(std::move(lease)));
  ASSERT_TRUE(again.ok()) << again.error().ToString();
  EXPECT_EQ(RunIn(*again, Shell("echo back"))->out, "back\n");
}

TEST(SandboxTest, TwoLiveSandboxesHaveDifferentIds) {
  auto first = MakeJail({});
  auto second = MakeJail({});
  ASSERT_TRUE(first.ok() && second.ok());
  const auto map = [](Jail& jail) {
    return ReadFile("/proc/" + std::to_string(jail.info().init_pid) + "/uid_map").value_or("");
  };
  EXPECT_NE(map(*first), "");
  EXPECT_NE(map(*first), map(*second));
}

}  // namespace
}  // namespace fabro::jail::testing
