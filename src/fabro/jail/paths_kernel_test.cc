// Roots, writable places, masks and byte limits as a guest meets them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fabro/jail/testing/in_jail.h"
#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/spawn.h"

namespace fabro::jail::testing {
namespace {

using model::Fate;

std::string Output(const model::SandboxSpec& sandbox, const std::string& script) {
  const Ran ran = RunOnce(sandbox, Shell(script));
  EXPECT_EQ(ran.outcome.fate, Fate::kExited)
      << ToString(ran.outcome.fate) << ran.outcome.message << ran.err;
  return ran.out;
}

void Allow(model::SandboxSpec& spec, const std::vector<std::string>& paths) {
  spec.allowed_paths.emplace();
  for (const std::string& path : paths) spec.allowed_paths->emplace_back(path);
}

void Block(model::SandboxSpec& spec, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) spec.blocked_paths.emplace_back(path);
}

TEST(PathsTest, TheSeedsDevelopmentProfileWritesToTwoPlacesAndTheWorkspace) {
  model::SandboxSpec spec;
  Allow(spec, {"/tmp", "/var/tmp"});
  Block(spec, {"/proc", "/sys", "/dev", "/boot"});
  EXPECT_EQ(Output(spec,
                   "for d in /work /tmp /var/tmp; do touch $d/x || echo bad $d; done\n"
                   "for d in / /usr /etc /dev/shm /home/agent /sys /boot /proc; do "
                   "touch $d/x 2>/dev/null && echo bad $d; done\n"
                   "echo > /dev/null; ls /sys; test -d /proc/self || echo no proc; "
                   "echo $TMPDIR"),
            "\n");
}

TEST(PathsTest, WithoutAllowedPathsTheWorkspaceAloneIsWritable) {
  model::SandboxSpec spec;
  Allow(spec, {});
  Block(spec, {"/proc", "/sys", "/dev", "/boot", "/etc"});
  EXPECT_EQ(Output(spec,
                   "for d in /tmp /var/tmp /dev/shm /home/agent; do touch $d/x 2>/dev/null && "
                   "echo bad $d; done; touch x && echo $TMPDIR; cat /etc/hostname; ls /etc/ssl "
                   "2>/dev/null; id -un; mktemp >/dev/null && echo made"),
            "/work\nsandbox\nagent\nmade\n");
}

TEST(PathsTest, TheSeedsHighProfileLoadsAndSaysThatNoProgramIsReachable) {
  model::SandboxSpec spec;
  Allow(spec, {});
  Block(spec, {"/proc", "/sys", "/dev", "/boot", "/etc", "/var", "/usr"});
  auto jail = MakeJail(spec);
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  ASSERT_EQ(jail->info().notices.size(), 1U);
  EXPECT_NE(jail->info().notices[0].find("no_program_reachable"), std::string::npos);
  EXPECT_NE(jail->info().notices[0].find("sandbox.rootfs"), std::string::npos);
  EXPECT_EQ(RunIn(*jail, Shell("true"))->outcome.fate, Fate::kNotExecuted);
}

TEST(PathsTest, BlockedContentIsNotVisibleByAnyName) {
  model::SandboxSpec spec;
  Block(spec, {"/usr/share", "/usr/bin/env", "/sbin"});
  EXPECT_EQ(Output(spec,
                   "ls /usr/share 2>/dev/null; cat /usr/bin/env 2>/dev/null; /usr/bin/env 2>&1 "
                   "| grep -c denied; ls /sbin /usr/sbin 2>/dev/null; "
                   "touch /usr/share/x 2>/dev/null; ls -d /usr/lib"),
            "1\n/usr/lib\n");
}

TEST(PathsTest, AnAllowedPathInsideABlockedOneIsPrivate) {
  model::SandboxSpec spec;
  Block(spec, {"/usr/share"});
  Allow(spec, {"/usr/share/mine", "/tmp"});
  EXPECT_EQ(Output(spec,
                   "touch /usr/share/mine/x && ls /usr/share/mine; ls /usr/share 2>/dev/null; "
                   "touch /usr/share/y 2>/dev/null || echo sealed"),
            "x\nsealed\n");
}

TEST(PathsTest, AllWritablePlacesShareOneTotal) {
  model::SandboxSpec spec;
  spec.workspace.size = 8_MiB;
  Allow(spec, {"/tmp", "/opt/data"});
  EXPECT_EQ(
      Output(spec,
             "head -c 5M /dev/zero > /tmp/a && head -c 5M /dev/zero > /opt/data/b 2>/dev/null "
             "|| echo full; rm /tmp/a; head -c 5M /dev/zero > /opt/data/b && echo fits"),
      "full\nfits\n");
}

TEST(PathsTest, InodesOfAllWritablePlacesHaveOneTotal) {
  model::SandboxSpec spec;
  spec.workspace.size = 8_MiB;  // 1024 inodes.
  EXPECT_EQ(
      Output(spec,
             "python3 -c 'import os\nn=0\ntry:\n  for i in range(5000):\n"
             "    open([\"/tmp/\",\"/work/\",\"/var/tmp/\"][i%3]+str(i),\"w\").close(); n+=1\n"
             "except OSError as e: print(e.errno, 900 < n <= 1024)'"),
      "28 True\n");
}

// A small root of programs of this machine: a shell and what it needs.
class RootDirTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"/bin", "/etc/opt", "/lib64", "/usr/lib", "/home/user", "/root"}) {
      ASSERT_TRUE(MakeDirs(root_ + name).ok());
    }
    if (::access("/bin/busybox", X_OK) != 0) GTEST_SKIP() << "busybox is not installed";
    const auto program = ReadFile("/bin/busybox", 16_MiB);
    ASSERT_TRUE(program.ok());
    ASSERT_TRUE(WriteFile(root_ + "/bin/busybox", *program, 0755).ok());
    for (const char* name : {"sh", "cat", "ls", "stat", "id", "touch", "echo"}) {
      ASSERT_EQ(::symlink("busybox", (root_ + "/bin/" + name).c_str()), 0);
    }
    ASSERT_TRUE(WriteFile(root_ + "/etc/marker", "image\n").ok());
    ASSERT_TRUE(WriteFile(root_ + "/etc/private", "secret\n", 0600).ok());
    ASSERT_TRUE(WriteFile(root_ + "/etc/mine", "mine\n", 0600).ok());
    ASSERT_EQ(::chown((root_ + "/etc/mine").c_str(), 1000, 1000), 0);
    spec_.root = {.kind = model::RootSource::Kind::kDir, .dir = HostPath(root_), .tag = {}};
  }
  void FillEtc() {
    for (const char* name :
         {"passwd", "group", "hosts", "hostname", "nsswitch.conf", "resolv.conf"}) {
      ASSERT_TRUE(WriteFile(root_ + "/etc/" + name, "of the image\n").ok());
    }
  }
  TempDir dir_ = TempDir::Make("root").value();
  std::string root_ = dir_.path() + "/root";
  model::SandboxSpec spec_;
};

TEST_F(RootDirTest, TheImagesEtcIsShownWithTheGeneratedFilesOverIt) {
  FillEtc();
  EXPECT_EQ(Output(spec_, "cat /etc/marker /etc/hostname; id -un; touch /etc/x 2>&1 | cat"),
            "image\nsandbox\nagent\ntouch: /etc/x: Read-only file system\n");
  EXPECT_EQ(ReadFile(root_ + "/etc/hostname").value(), "of the image\n");
}

TEST_F(RootDirTest, AnEtcWithoutMountPointsIsShownEntryByEntry) {
  EXPECT_EQ(Output(spec_, "cat /etc/marker /etc/hostname; id -un"), "image\nsandbox\nagent\n");
}

TEST_F(RootDirTest, OwnersOfTheImageAreTheTwoIdsOfTheSandbox) {
  FillEtc();
  EXPECT_EQ(Output(spec_,
                   "stat -c '%U' /bin/busybox /etc/mine; cat /etc/mine; cat /etc/private "
                   "2>/dev/null || echo denied"),
            "root\nagent\nmine\ndenied\n");
}

TEST_F(RootDirTest, TwoJailsShareTheRootReadOnly) {
  auto first = MakeJail(spec_);
  auto second = MakeJail(spec_);
  ASSERT_TRUE(first.ok()) << first.error().ToString();
  ASSERT_TRUE(second.ok()) << second.error().ToString();
  EXPECT_EQ(RunIn(*first, Shell("echo x > /bin/sh; echo done"))->out, "done\n");
  EXPECT_EQ(RunIn(*second, Shell("echo alive"))->out, "alive\n");
}

TEST_F(RootDirTest, ARootWithoutTheProgramSaysSo) {
  const Ran ran = RunOnce(spec_, Command({"python3", "-c", "1"}));
  EXPECT_EQ(ran.outcome.fate, Fate::kNotExecuted);
  EXPECT_EQ(ran.outcome.sys_errno, ENOENT);
}

TEST_F(RootDirTest, ABlockedLinkOfTheImageMasksItsTargetInTheImage) {
  FillEtc();
  ASSERT_TRUE(MakeDirs(root_ + "/usr/lib/secret").ok());
  ASSERT_TRUE(WriteFile(root_ + "/usr/lib/secret/f", "x").ok());
  ASSERT_EQ(::symlink("/usr/lib/secret", (root_ + "/usr/alias").c_str()), 0);
  Block(spec_, {"/usr/alias"});
  EXPECT_EQ(Output(spec_, "cat /usr/alias/f /usr/lib/secret/f 2>/dev/null; echo done"), "done\n");
}

class DiskLimitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/dev/loop-control", F_OK) != 0) GTEST_SKIP() << "no loop devices";
    if (::access("/sbin/mkfs.ext4", X_OK) != 0) GTEST_SKIP() << "no mkfs.ext4 (e2fsprogs)";
  }
  DiskLimitTest() {
    spec_.workspace.kind = model::WorkspaceKind::kDisk;
    spec_.workspace.dir = HostPath(dir_.path());
    spec_.workspace.size = 32_MiB;
  }
  TempDir dir_ = TempDir::Make("disk").value();
  model::SandboxSpec spec_;
};

TEST_F(DiskLimitTest, ALoopImageLimitsAllPlacesTogetherAndOutlivesTheJail) {
  {
    auto jail = MakeJail(spec_);
    ASSERT_TRUE(jail.ok()) << jail.error().ToString();
    EXPECT_EQ(jail->info().workspace_limit, "loop");
    EXPECT_EQ(RunIn(*jail, Shell("echo kept > /work/f; head -c 20M /dev/zero > /tmp/a && "
                                 "head -c 20M /dev/zero > /work/b 2>/dev/null || echo full; "
                                 "rm /work/b; stat -c %U /work/f"))
                  ->out,
              "full\nagent\n");
    EXPECT_TRUE(jail->Stop().ok());
  }
  EXPECT_EQ(Output(spec_, "cat /work/f; stat -c %s /tmp/a"), "kept\n20971520\n");
}

TEST_F(DiskLimitTest, InodesOfALoopImageHaveALimit) {
  EXPECT_EQ(Output(spec_,
                   "python3 -c 'import os\nn=0\ntry:\n  for i in range(9000):\n"
                   "    open(\"/work/\"+str(i),\"w\").close(); n+=1\n"
                   "except OSError as e: print(e.errno, 1500 < n <= 2100)'"),
            "28 True\n");
}

TEST_F(DiskLimitTest, HighTakesADiskWorkspaceWithALimitAndRefusesOneWithout) {
  spec_.level = model::Level::kHigh;
  EXPECT_EQ(Output(spec_, "echo high > f; cat f"), "high\n");
  spec_.workspace.size.reset();
  const TempDir other = TempDir::Make("disk").value();
  spec_.workspace.dir = HostPath(other.path());
  const auto refused = MakeJail(spec_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "workspace_refused");
}

TEST_F(DiskLimitTest, AnImageOfAnotherSizeIsRefused) {
  ASSERT_TRUE(MakeJail(spec_).ok());
  spec_.workspace.size = 64_MiB;
  const auto refused = MakeJail(spec_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "workspace_refused");
}

TEST_F(DiskLimitTest, ADamagedImageIsNamedWithItsCheck) {
  ASSERT_TRUE(WriteFile(dir_.path() + "/workspace.ext4", std::string(32 << 20, 'x'), 0600).ok());
  const auto refused = MakeJail(spec_);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().fix.find("e2fsck"), std::string::npos) << refused.error().ToString();
}

}  // namespace
}  // namespace fabro::jail::testing
