// What users get wrong: each is refused by name before anything runs, exit 125, nothing lost.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"
#include "tests/e2e/faber/faber_run.h"

namespace fabro::e2e {
namespace {

class BadInput : public FaberTest {
 protected:
  void SetUp() override {
    FaberTest::SetUp();
    auto dir = TempDir::Make("faber-e2e");
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
  }
  const std::string& dir() const { return dir_->path(); }

  static void ExpectRefused(const Words& options, std::string_view names) {
    Words args = {"run"};
    args.insert(args.end(), options.begin(), options.end());
    args.insert(args.end(), {"--", "echo", "ran"});
    const Done done = Faber(args);
    EXPECT_EQ(done.status, 125) << options.back() << ": " << done.err;
    EXPECT_EQ(done.out, "") << options.back();
    EXPECT_NE(done.err.find(names), std::string::npos) << done.err;
    EXPECT_NE(done.err.find("fix: "), std::string::npos) << done.err;
  }

 private:
  std::optional<TempDir> dir_;
};

TEST_F(BadInput, LimitsOutOfRangeNameTheOption) {
  ExpectRefused({"--memory", "0"}, "--memory");
  ExpectRefused({"--memory", "-1"}, "--memory");
  ExpectRefused({"--memory", "1EB"}, "--memory");
  ExpectRefused({"--memory", "abc"}, "--memory");
  ExpectRefused({"--pids", "0"}, "--pids");
  ExpectRefused({"--wall-time", "10"}, "--wall-time");
  ExpectRefused({"--level", "lowest"}, "--level");
  ExpectRefused({"--nosuch"}, "--nosuch");
}

TEST_F(BadInput, BindSourcesThatMustNotGoInAreRefused) {
  ExpectRefused({"--bind", dir() + "/missing:/x"}, "missing");
  ASSERT_EQ(::symlink("/etc", (dir() + "/link").c_str()), 0);
  ExpectRefused({"--bind", dir() + "/link:/x"}, "link");
  ExpectRefused({"--bind", "/:/x"}, "--bind");
  ExpectRefused({"--bind", "/proc:/x"}, "/proc");
  ExpectRefused({"--bind", "/sys:/x"}, "/sys");
  ExpectRefused({"--bind", "/run/faber:/x"}, "/run/faber");
}

TEST_F(BadInput, RootsAndWorkspacesThatAreNoneAreRefused) {
  ExpectRefused({"--rootfs", "dir:" + dir() + "/missing"}, "missing");
  ExpectRefused({"--workspace", "disk:" + dir() + "/missing"}, "missing");
  ASSERT_TRUE(WriteFile(dir() + "/file", "x").ok());
  ExpectRefused({"--rootfs", "dir:" + dir() + "/file"}, "file");
}

TEST_F(BadInput, AConfigurationFileIsCheckedByName) {
  const std::string path = dir() + "/faber.yaml";
  ASSERT_TRUE(WriteFile(path, "sandbox:\n  namespaces: {pid: false}\n").ok());
  ExpectRefused({"--config", path}, "faber.yaml:2:16: sandbox.namespaces.pid");
  ExpectRefused({"--config", dir() + "/none.yaml"}, "none.yaml");
}

TEST_F(BadInput, AnErrorIsJsonWhenJsonWasAskedFor) {
  const Done done = Faber({"run", "--json", "--memory", "0", "--", "true"});
  EXPECT_EQ(done.status, 125);
  const model::Json json = JsonOf(done);
  ASSERT_NE(json.Find("error"), nullptr);
  EXPECT_EQ(json.Find("error")->StringAt("reason"), "bad_option");
  EXPECT_EQ(done.err, "");
}

TEST_F(BadInput, ManagementCommandsGiveTwoForUsage) {
  EXPECT_EQ(Faber({}).status, 2);
  EXPECT_EQ(Faber({"nosuch"}).status, 2);
  EXPECT_EQ(Faber({"completion", "csh"}).status, 2);
  EXPECT_EQ(Faber({"run"}).status, 125);
  EXPECT_EQ(Faber({"run", "ls"}).status, 125);
}

// Forks, makes the machine poorer, and gives faber's exit status and errors.
Done FaberAfter(bool (*prepare)(), const Words& args) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!prepare()) ::_exit(99);
    const int nothing = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nothing, STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    std::vector<char*> argv = {const_cast<char*>(FABER)};
    for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    ::execv(FABER, argv.data());
    ::_exit(98);
  }
  ::close(ends[1]);
  const UniqueFd reading(ends[0]);
  Done done;
  done.err = ReadUntil(reading.get(), "(to the end)");
  int status = 0;
  ::waitpid(pid, &status, 0);
  done.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return done;
}

bool ForbidUserNamespaces() {
  return ::unshare(CLONE_NEWUSER) == 0 && WriteControl("/proc/self/setgroups", "deny").ok() &&
         WriteControl("/proc/self/uid_map", "0 0 1\n").ok() &&
         WriteControl("/proc/self/gid_map", "0 0 1\n").ok() &&
         WriteControl("/proc/sys/user/max_user_namespaces", "0").ok();
}

bool LockControlGroups() {
  if (::unshare(CLONE_NEWNS) != 0) return false;
  if (::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  const auto mounts = ReadFile("/proc/self/mounts");
  if (!mounts.ok()) return false;
  for (std::size_t at = 0; at < mounts->size();) {
    const std::size_t end = mounts->find('\n', at);
    const std::size_t from = mounts->find(' ', at) + 1;
    const std::string path = mounts->substr(from, mounts->find(' ', from) - from);
    constexpr unsigned long kFlags =
        MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (path.starts_with("/sys/fs/cgroup") &&
        ::mount("", path.c_str(), nullptr, kFlags, nullptr) != 0) {
      return false;
    }
    at = end + 1;
  }
  return true;
}

TEST_F(BadInput, WithoutUserNamespacesTheErrorNamesTheLayerAndTheFix) {
  const Done done = FaberAfter(ForbidUserNamespaces, {"run", "--", "true"});
  EXPECT_EQ(done.status, 125) << done.err;
  EXPECT_NE(done.err.find("fix: "), std::string::npos) << done.err;
  EXPECT_EQ(FaberAfter(ForbidUserNamespaces, {"check"}).status, 2);
}

TEST_F(BadInput, WithoutControlGroupsTheErrorNamesTheLayerAndTheFix) {
  const Done done = FaberAfter(LockControlGroups, {"run", "--", "true"});
  EXPECT_EQ(done.status, 125) << done.err;
  EXPECT_NE(done.err.find("cgroup"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("fix: "), std::string::npos) << done.err;
  EXPECT_EQ(FaberAfter(LockControlGroups, {"check"}).status, 2);
}

}  // namespace
}  // namespace fabro::e2e
