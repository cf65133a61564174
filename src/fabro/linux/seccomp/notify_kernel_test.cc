// The notifying form of the filters: what the holder of the listener sees, and that real tools
// never cause it to see anything.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <array>
#include <filesystem>

#include "fabro/linux/seccomp/guest_test.h"
#include "fabro/linux/seccomp/seccomp.h"

namespace fabro::seccomp {
namespace {

constexpr Level kLevels[] = {Level::kLow, Level::kMedium, Level::kHigh};
// Those that forbid mount(2): low lets it through, and these tests have the rights of who runs
// them.
constexpr Level kStrict[] = {Level::kMedium, Level::kHigh};

// Runs `body` in a child of the guest's leader; the leader exits 0 whatever became of it, as a
// shell does.
template <typename Body>
int InGrandchild(int pid_pipe, Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  (void)!::write(pid_pipe, &child, sizeof child);
  int status = 0;
  ::waitpid(child, &status, 0);
  return 0;
}

struct Pipe {
  std::array<int, 2> ends{-1, -1};
  Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
};

class NotifyKernelTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!ListenerAllowed()) GTEST_SKIP() << "this process is below another listener";
  }
};

TEST_F(NotifyKernelTest, TheListenerSeesTheExactCallOfAGrandchild) {
  for (const Level level : kStrict) {
    const Pipe pids;
    const FilterOptions options{.level = level};
    Guest guest(options, [&] {
      return InGrandchild(pids.ends[1],
                          [] { return ::mount("none", "/mnt", "tmpfs", 0, nullptr) == 0 ? 1 : 2; });
    });
    ASSERT_GE(guest.listener(), 0);
    seccomp_notif request{};
    ASSERT_TRUE(guest.Receive(request));

    pid_t grandchild = -1;
    ASSERT_EQ(::read(pids.ends[0], &grandchild, sizeof grandchild), ssize_t{sizeof grandchild});
    EXPECT_EQ(static_cast<pid_t>(request.pid), grandchild);
    EXPECT_EQ(request.data.nr, SYS_mount);
    EXPECT_EQ(DescribeCall(request.data), "mount");
    EXPECT_EQ(VerdictOf(options, request.data).kind, Verdict::Kind::kKill);
  }
}

TEST_F(NotifyKernelTest, AReportedCallGetsItsErrnoFromTheListener) {
  Guest guest({.level = Level::kMedium}, [] {
    const bool refused = ::ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 && errno == EPERM;
    const bool again = ::socket(AF_ALG, SOCK_SEQPACKET, 0) < 0 && errno == EAFNOSUPPORT;
    return refused && again ? 0 : 1;
  });

  EXPECT_EQ(guest.Serve(), "ptrace(PTRACE_TRACEME, 0)\nsocket(AF_ALG, SOCK_SEQPACKET, 0)\n");
  EXPECT_EQ(guest.Wait(), "exit 0");
}

TEST_F(NotifyKernelTest, ForeignAbisAreSeenAsSuch) {
#if defined(__x86_64__)
  Guest guest({.level = Level::kMedium},
              [] { return ::syscall(0x40000000 | SYS_getpid) < 0 ? 1 : 2; });

  EXPECT_EQ(guest.Serve(), "x32 getpid\n");
  EXPECT_EQ(guest.Wait(), "signal 9");
#else
  GTEST_SKIP() << "x32 is an ABI of x86_64";
#endif
}

TEST_F(NotifyKernelTest, WithoutAReaderDeniedCallsFailClosed) {
  for (const Level level : kStrict) {
    const Pipe gate;
    Guest guest({.level = level}, [&] {
      char byte = 0;
      (void)!::read(gate.ends[0], &byte, 1);
      return ::mount("none", "/mnt", "tmpfs", 0, nullptr) < 0 && errno == ENOSYS ? 0 : 1;
    });
    guest.CloseListener();
    ASSERT_EQ(::write(gate.ends[1], "", 1), 1);

    EXPECT_EQ(guest.Wait(), "exit 0");
  }
}

TEST_F(NotifyKernelTest, AGuestGetsNoListenerAndItsOwnFilterLoosensNothing) {
  Guest guest({.level = Level::kMedium}, [] {
    const sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    if (LoadFilterWithListener(allow, std::size(allow)) != -EINVAL) return 1;
    if (LoadFilter(allow, std::size(allow)) != 0) return 2;
    (void)::mount("none", "/mnt", "tmpfs", 0, nullptr);
    return 3;
  });

  EXPECT_EQ(guest.Serve(), "mount\n");
  EXPECT_EQ(guest.Wait(), "signal 9");
}

// A folder of its own for the tools; removed afterwards.
class ToolsTest : public testing::TestWithParam<std::tuple<Level, Sockets>> {
 protected:
  ToolsTest() {
    std::string name = std::filesystem::temp_directory_path() / "fabro-seccomp-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) return;
    folder_ = name;
    if (::geteuid() == 0) {
      EXPECT_EQ(::chown(folder_.c_str(), kNobody, kNobody), 0);
    }
  }
  void SetUp() override {
    if (!ListenerAllowed()) GTEST_SKIP() << "this process is below another listener";
  }
  ~ToolsTest() override { Run({"/bin/rm", "-r", folder_}); }

  // A plain child, waited for.
  static void Run(const std::vector<std::string>& command) {
    const pid_t child = ::fork();
    if (child == 0) Exec(command);
    ::waitpid(child, nullptr, 0);
  }

  static int Exec(const std::vector<std::string>& command) {
    std::vector<char*> argv;
    argv.reserve(command.size() + 1);
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }

  // Runs a shell script below the filter, in the folder: what was reported, then how it ended.
  std::string Script(const std::string& script) {
    const auto [level, sockets] = GetParam();
    Guest guest({.level = level, .sockets = sockets}, [&] {
      // A payload is never root; tar and others would try to keep owners.
      if (::geteuid() == 0 && (::setresgid(kNobody, kNobody, kNobody) != 0 ||
                               ::setresuid(kNobody, kNobody, kNobody) != 0)) {
        return 125;
      }
      if (::chdir(folder_.c_str()) != 0) return 126;
      return Exec({"/bin/sh", "-ec", script});
    });
    if (guest.listener() < 0) return "no listener, " + guest.Wait();
    const std::string reported = guest.Serve();
    return reported + guest.Wait();
  }

  static constexpr id_t kNobody = 65534;

  static bool Has(const char* tool) {
    for (const char* folder : {"/usr/bin/", "/usr/local/bin/", "/bin/"}) {
      if (::access((std::string(folder) + tool).c_str(), X_OK) == 0) return true;
    }
    return false;
  }

  std::string folder_;
};

TEST_P(ToolsTest, ShellAndCoreutils) {
  EXPECT_EQ(
      Script("ls -la / > list; sort list | head -n 3 | wc -l > count; test $(cat count) = 3;"
             "mkdir -p a/b; cp list a/b; mv a/b a/c; ln -s c a/d; touch -d yesterday a/c/list;"
             "find a -type f | grep -q list; tar czf a.tgz a; rm -r a; tar xzf a.tgz;"
             "chmod 600 a/c/list; stat a/c/list > stat; du -s a > du; sed -n 1p list > one;"
             "( true & wait ); date > date; id > id; sync; nice -n 5 true; test -s a/c/list"),
      "exit 0");
}

TEST_P(ToolsTest, Compiler) {
  if (!Has("gcc")) GTEST_SKIP() << "no gcc here";
  EXPECT_EQ(
      Script("printf '#include <pthread.h>\n#include <stdio.h>\nstatic void *f(void *p)"
             "{ puts(\"hello\"); return p; }\nint main(void)"
             "{ pthread_t t; return pthread_create(&t, 0, f, 0) || pthread_join(t, 0); }\n' > h.c;"
             "gcc -O1 -pthread h.c -o h; test $(./h) = hello"),
      "exit 0");
}

TEST_P(ToolsTest, Make) {
  if (!Has("make")) GTEST_SKIP() << "no make here";
  EXPECT_EQ(Script("printf 'all: a b\n\na b:\n\techo made $@ > $@\n' > Makefile; make -j2 > log;"
                   "test \"$(cat b)\" = 'made b'"),
            "exit 0");
}

TEST_P(ToolsTest, Git) {
  if (!Has("git")) GTEST_SKIP() << "no git here";
  EXPECT_EQ(
      Script("export HOME=$PWD GIT_CONFIG_NOSYSTEM=1; git init -q r; cd r; echo x > f; git add f;"
             "git -c user.name=n -c user.email=e commit -q -m m; git log --oneline | grep -q m;"
             "git clone -q . ../c; git gc -q; git status --short > ../s; test ! -s ../s"),
      "exit 0");
}

TEST_P(ToolsTest, Python) {
  if (!Has("python3")) GTEST_SKIP() << "no python3 here";
  EXPECT_EQ(
      Script("python3 -c 'import subprocess, threading, shutil, tempfile, os\n"
             "t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
             "assert subprocess.run([\"echo\", \"x\"], capture_output=True).stdout == b\"x\\n\"\n"
             "d = tempfile.mkdtemp(dir=\".\"); open(d + \"/f\", \"w\").write(\"x\" * 100000)\n"
             "shutil.copy(d + \"/f\", \"g\"); shutil.rmtree(d)\n"
             "import asyncio; asyncio.run(asyncio.sleep(0))'"),
      "exit 0");
}

INSTANTIATE_TEST_SUITE_P(Filters, ToolsTest,
                         testing::Combine(testing::ValuesIn(kLevels),
                                          testing::Values(Sockets::kNone, Sockets::kFamilies)),
                         [](const auto& test) {
                           return std::string(LevelName(std::get<0>(test.param))) +
                                  (std::get<1>(test.param) == Sockets::kNone ? "NoNetwork"
                                                                             : "Sockets");
                         });

}  // namespace
}  // namespace fabro::seccomp
