// Files in and out, and what is bound, while somebody changes names under our hands.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "fabro/jail/files.h"
#include "fabro/jail/testing/in_jail.h"
#include "fabro/linux/file.h"
#include "fabro/linux/process.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::jail::testing {
namespace {

constexpr int kRounds = 12;

// Four loops in the guest: a file and a link out change places, a directory and a link to /etc, a
// file and a FIFO, and a name that comes and goes. They end with the Jail.
constexpr char kHostile[] = R"(
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
def swap(a, b): libc.renameat2(-100, a.encode(), -100, b.encode(), 2)
os.chdir("/work")
open("f", "w").write("inside"); os.symlink("/etc/passwd", "f2")
os.mkdir("d"); os.symlink("/etc", "d2")
open("p", "w").write("inside")
os.mkfifo("p2")
os.link("f", "hard")
for job in range(4):
    if os.fork() == 0:
        while True:
            if job == 0: swap("f", "f2")
            if job == 1: swap("d", "d2")
            if job == 2: swap("p", "p2")
            if job == 3:
                try: open("d/new", "w").close(); os.unlink("d/new")
                except OSError: pass
os.write(1, b"ready\n")
)";

Result<std::string> Get(Jail& jail, std::string_view path) {
  std::string all;
  const Status status = ReadFile(jail, path, 1 << 20, [&](std::string_view bytes) {
    all += bytes;
    return Status();
  });
  if (!status.ok()) return status.error();
  return all;
}

Status Put(Jail& jail, std::string_view path, std::string text) {
  return WriteFile(jail, path, 0644,
                   [&](std::size_t) { return Result<std::string>(std::exchange(text, {})); });
}

TEST(HostileFilesTest, NothingOfTheHostIsReadOrWrittenWhileNamesChange) {
  const std::string before = fabro::ReadFile("/etc/passwd").value();
  model::SandboxSpec spec;
  spec.limits.pids = 64;
  auto jail = MakeJail(spec);
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  model::ExecSpec hostile = Command({"python3", "-c", kHostile});
  hostile.keep_background = true;
  ASSERT_EQ(RunIn(*jail, hostile)->out, "ready\n");

  const std::set<std::string> known = {
      "", "file_not_found", "file_is_directory", "file_denied", "file_not_regular", "no_space"};
  for (int i = 0; i < kRounds; ++i) {
    for (const char* path : {"/work/f", "/work/p", "/work/d/passwd"}) {
      const auto read = Get(*jail, path);
      // The sandbox's own /etc/passwd is what its guest sees itself.
      EXPECT_TRUE(!read.ok() || *read != before) << path;
      EXPECT_TRUE(known.contains(read.ok() ? "" : read.error().reason)) << read.error().ToString();
    }
    for (const char* path : {"/work/f", "/work/d/put", "/work/p"}) {
      const Status put = Put(*jail, path, "written");
      EXPECT_TRUE(known.contains(put.ok() ? "" : put.error().reason)) << put.error().ToString();
    }
  }
  EXPECT_EQ(fabro::ReadFile("/etc/passwd").value(), before);
  struct stat there{};
  EXPECT_NE(::stat("/etc/put", &there), 0);
}

TEST(HostileFilesTest, NamesThatNoFileSystemTakesAreAnswered) {
  auto jail = MakeJail({});
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  const std::string endless = "/work/" + std::string(10'000'000, 'x');
  EXPECT_FALSE(Get(*jail, endless).ok());
  EXPECT_FALSE(Put(*jail, endless, "x").ok());
  EXPECT_FALSE(Get(*jail, "/work/" + std::string(256, 'x')).ok());
  EXPECT_FALSE(Get(*jail, std::string("/work/a\0b", 9)).ok());
  EXPECT_EQ(RunIn(*jail, Shell("echo alive"))->out, "alive\n");
}

TEST(HostileFilesTest, AListOfMoreThanIsWantedEndsThere) {
  model::SandboxSpec spec;
  spec.workspace.size = 64_MiB;
  auto jail = MakeJail(spec);
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  ASSERT_EQ(RunIn(*jail, Command({"python3", "-c",
                                  "import os\nfor i in range(3000): os.symlink('/', f'n{i}')"}))
                ->outcome.exit_code,
            0);
  const auto listed = ListFiles(*jail, "/work", 0, 1000);
  ASSERT_FALSE(listed.ok());
  EXPECT_EQ(listed.error().code, Code::kResourceExhausted);
  EXPECT_EQ(ListFiles(*jail, "/work", 0, 10'000)->size(), 3000U);
}

TEST(HostileFilesTest, SpecialFilesOfADiskWorkspaceHaveNoEffectOutsideAndGo) {
  const TempDir dir = TempDir::Make("disk").value();
  model::SandboxSpec spec;
  spec.workspace.kind = model::WorkspaceKind::kDisk;
  spec.workspace.dir = HostPath(dir.path());
  {
    auto jail = MakeJail(spec);
    ASSERT_TRUE(jail.ok()) << jail.error().ToString();
    const Ran made = *RunIn(
        *jail, Shell("cp /bin/true su; chmod 4755 su 2>/dev/null || echo no set-id; mkfifo fifo; "
                     "mknod disk b 8 0 2>/dev/null || echo no device; ln -s /etc/shadow out; "
                     "mkdir -p $(printf 'd/%.0s' $(seq 60)); chmod 0 d; "
                     "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'"));
    EXPECT_EQ(made.out, "no set-id\nno device\n");
    ASSERT_TRUE(jail->Stop().ok());
  }
  struct stat status{};
  ASSERT_EQ(::lstat((dir.path() + "/workspace/su").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 06000, 0U);
  EXPECT_TRUE(RemoveTree(dir.path() + "/workspace").ok());
}

TEST(HostileFilesTest, ASharedRepositoryCanBeMadeAndItsBitStaysADirectorys) {
  const Ran ran = RunOnce({}, Shell("git init -q --shared r && stat -c %a r/.git; "
                                    "mkdir -m 2775 d && stat -c %a d; touch d/f && stat -c %a d/f; "
                                    "cp /bin/true x; chmod 4755 x 2>/dev/null || echo no set-id"));
  EXPECT_EQ(ran.out, "2775\n2775\n644\nno set-id\n") << ran.err;
}

TEST(HostileFilesTest, OverAWritableBindNoSetIdBitCanBeSet) {
  const TempDir dir = TempDir::Make("bind").value();
  model::SandboxSpec spec;
  spec.binds = {{HostPath(dir.path()), GuestPath("/src"), true}};
  const Ran ran = RunOnce(spec, Shell("cd /src; mkdir d; chmod 2775 d 2>/dev/null || echo no; "
                                      "cp /bin/true x; chmod 2755 x 2>/dev/null || echo no"));
  EXPECT_EQ(ran.out, "no\nno\n");
}

// A child that lets a directory and a link to another one change places until it is killed.
Process Swapper(const std::string& a, const std::string& b) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (;;) ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
  }
  return Process::Adopt(pid).value();
}

TEST(HostileFilesTest, ABindSourceThatBecomesALinkIsCaughtOrIsTheDirectoryItself) {
  const TempDir dir = TempDir::Make("swap").value();
  const std::string victim = dir.path() + "/victim";
  const std::string source = dir.path() + "/source";
  const std::string link = dir.path() + "/link";
  ASSERT_TRUE(MakeDirs(victim).ok());
  ASSERT_TRUE(MakeDirs(source).ok());
  ASSERT_TRUE(fabro::WriteFile(victim + "/secret", "secret").ok());
  ASSERT_TRUE(fabro::WriteFile(source + "/mine", "mine").ok());
  ASSERT_EQ(::symlink(victim.c_str(), link.c_str()), 0);
  const Process swapper = Swapper(source, link);
  model::SandboxSpec spec;
  spec.binds = {{HostPath(source), GuestPath("/src"), false}};
  int shown = 0;
  for (int i = 0; i < 12; ++i) {
    auto jail = MakeJail(spec);
    if (!jail.ok()) {
      EXPECT_EQ(jail.error().reason, "bind_refused") << jail.error().ToString();
      continue;
    }
    EXPECT_EQ(RunIn(*jail, Shell("cat /src/*"))->out, "mine");
    ++shown;
  }
  std::printf("shown in %d of 12 Jails\n", shown);
}

}  // namespace
}  // namespace fabro::jail::testing
