#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <sstream>

#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"

namespace fabro::security {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);
constexpr const char* kKinds[] = {"pid", "mnt", "net", "ipc", "uts", "user", "cgroup", "time"};

std::string Slurp(const std::string& path) { return ReadFile(path, 4_MiB).value_or(""); }

std::string LinkText(const std::string& path) {
  char text[256] = {};
  return ::readlink(path.c_str(), text, sizeof(text) - 1) > 0 ? text : "";
}

std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  DIR* stream = ::opendir(directory.c_str());
  if (stream == nullptr) return names;
  const std::string own = std::to_string(::dirfd(stream));
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != ".." && name != own) names.push_back(name);
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<pid_t> AllProcesses() {
  std::vector<pid_t> pids;
  for (const std::string& name : NamesIn("/proc")) {
    if (name[0] >= '1' && name[0] <= '9') pids.push_back(std::stoi(name));
  }
  return pids;
}

// "4:memory:/a/b/sup" -> every directory that this hierarchy may be mounted at, less the leaf.
void AddGroups(const std::string& line, std::vector<std::string>& groups) {
  const std::size_t first = line.find(':');
  const std::size_t second = line.find(':', first + 1);
  if (second == std::string::npos) return;
  const std::string controllers = line.substr(first + 1, second - first - 1);
  std::string path = line.substr(second + 1);
  path = path.substr(0, path.rfind('/'));
  if (path.empty()) return;
  std::vector<std::string> tops = {"/sys/fs/cgroup/" + controllers};
  if (controllers.empty()) tops = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};
  for (const std::string& top : tops) {
    if (::access((top + path).c_str(), F_OK) == 0) groups.push_back(top + path);
  }
}

bool MapsOneOf(pid_t pid, const std::vector<unsigned>& ids) {
  std::istringstream map(Slurp("/proc/" + std::to_string(pid) + "/uid_map"));
  for (unsigned inner = 0, outer = 0, count = 0; map >> inner >> outer >> count;) {
    if (std::count(ids.begin(), ids.end(), outer) > 0) return true;
  }
  return false;
}

HostTraces TracesOf(pid_t init) {
  HostTraces traces;
  traces.init = init;
  const std::string proc = "/proc/" + std::to_string(init);
  std::istringstream map(Slurp(proc + "/uid_map"));
  for (unsigned inner = 0, outer = 0, count = 0; map >> inner >> outer >> count;) {
    traces.ids.push_back(outer);
  }
  std::istringstream groups(Slurp(proc + "/cgroup"));
  for (std::string line; std::getline(groups, line);) AddGroups(line, traces.groups);
  for (const char* kind : kKinds) {
    const std::string name = LinkText(proc + "/ns/" + kind);
    if (!name.empty() && name != LinkText(std::string("/proc/self/ns/") + kind)) {
      traces.namespaces.push_back(name);
    }
  }
  return traces;
}

pid_t ParentOf(pid_t pid) {
  const std::string status = Slurp("/proc/" + std::to_string(pid) + "/status");
  const std::size_t at = status.find("PPid:");
  return at == std::string::npos ? -1 : std::stoi(status.substr(at + 5));
}

// In clock ticks since boot (proc_pid_stat(5), field 22); 0 for one that is gone.
std::uint64_t StartOf(pid_t pid) {
  const std::string stat = Slurp("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string field;
  constexpr int kStart = 20;  // Of what follows the name.
  for (int i = 0; i < kStart; ++i) fields >> field;
  return std::stoull(field);
}

std::uint64_t TicksSinceBoot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return static_cast<std::uint64_t>(now.tv_sec) * ticks +
         static_cast<std::uint64_t>(now.tv_nsec) * ticks / 1'000'000'000U;
}

std::string HostIpc() {
  return Slurp("/proc/sysvipc/shm") + Slurp("/proc/sysvipc/sem") + Slurp("/proc/sysvipc/msg");
}

bool HasWord(const std::string& words, const std::string& word) {
  return words.empty() || ("," + words + ",").find("," + word + ",") != std::string::npos;
}

}  // namespace

std::string Describe(const Ran& ran) {
  std::string text(ToString(ran.outcome.fate));
  text += " exit " + std::to_string(ran.outcome.exit_code) + " " + ran.outcome.message;
  for (const model::Violation& violation : ran.outcome.violations) {
    text += "\n  " + violation.call + (violation.killed ? " killed" : " refused");
  }
  return text + "\n" + ran.out + ran.err;
}

HostState HostState::Now() {
  HostState state;
  state.mounts = Slurp("/proc/self/mountinfo");
  utsname name{};
  ::uname(&name);
  state.host_name = std::string(name.nodename) + " " + name.domainname;
  state.ipc = HostIpc();
  state.descriptors = NamesIn("/proc/self/fd");
  return state;
}

void ExpectNothingLeft(const HostTraces& traces, const std::string& why) {
  for (const pid_t pid : AllProcesses()) {
    const std::string proc = "/proc/" + std::to_string(pid);
    struct stat status{};
    if (::stat(proc.c_str(), &status) == 0) {
      EXPECT_EQ(std::count(traces.ids.begin(), traces.ids.end(), status.st_uid), 0)
          << "H1: pid " << pid << " has a leased id: " << why << "\n"
          << Slurp(proc + "/status");
    }
    // The number of a namespace that is gone is given out again at once: only who is older and has
    // our ids in its user namespace counts.
    if (StartOf(pid) > traces.noted || !MapsOneOf(pid, traces.ids)) continue;
    for (const char* kind : kKinds) {
      const std::string name = LinkText(proc + "/ns/" + kind);
      EXPECT_EQ(std::count(traces.namespaces.begin(), traces.namespaces.end(), name), 0)
          << "H4: pid " << pid << " is in " << name << ": " << why;
    }
  }
  for (const std::string& group : traces.groups) {
    EXPECT_NE(::access(group.c_str(), F_OK), 0) << "H2: " << group << ": " << why;
  }
}

model::SandboxSpec Sandbox::SpecOf(model::Level level) {
  model::SandboxSpec spec;
  spec.level = level;
  spec.limits.memory = 256_MiB;
  spec.limits.pids = 64;
  spec.binds.push_back(
      {.source = HostPath(FABER_PROBE), .target = GuestPath("/probe/faber-probe")});
  return spec;
}

Sandbox::Sandbox(const model::SandboxSpec& spec) : before_(HostState::Now()) {
  auto jailer =
      jail::Jailer::Open({.mode = jail::Jailer::Options::Mode::kChild, .program = FABER_JAILER});
  EXPECT_TRUE(jailer.ok()) << jailer.error().ToString();
  if (!jailer.ok()) return;
  auto jail = jail::Jail::Create(*std::move(jailer), spec);
  EXPECT_TRUE(jail.ok()) << jail.error().ToString();
  if (!jail.ok()) return;
  jail_.emplace(*std::move(jail));
  traces_ = TracesOf(jail_->info().init_pid);
  EXPECT_EQ(traces_.ids.size(), 2U);
  EXPECT_FALSE(traces_.groups.empty());
  EXPECT_GE(traces_.namespaces.size(), 6U);
  jailer_ = ParentOf(ParentOf(traces_.init));
}

Sandbox::~Sandbox() {
  if (jail_) End();
}

model::ExecSpec Sandbox::ProbeSpec(std::vector<std::string> args, model::Limits limits) {
  model::ExecSpec spec;
  spec.argv = std::move(args);
  spec.argv.insert(spec.argv.begin(), "/probe/faber-probe");
  spec.env = {"PATH=/usr/bin:/bin", "HOME=/home/agent"};
  spec.limits = limits;
  // A probe that hangs is a failure, not the end of the test program.
  if (!spec.limits.wall_time) spec.limits.wall_time = std::chrono::seconds(60);
  return spec;
}

Ran RunInJail(jail::Jail& jail, const model::ExecSpec& spec) {
  Ran ran;
  jail::RelayOptions options;
  options.on_output = [&](jail::Stream stream, std::string_view bytes) {
    std::string& text = stream == jail::Stream::kStdout ? ran.out : ran.err;
    if (text.size() < (1U << 20U)) text.append(bytes);
    return Status();
  };
  auto relayed = jail::RunRelayed(jail, spec, options);
  EXPECT_TRUE(relayed.ok()) << relayed.error().ToString();
  if (relayed.ok()) ran.outcome = relayed->outcome;
  return ran;
}

Ran Sandbox::Run(const model::ExecSpec& spec) { return RunInJail(*jail_, spec); }

Ran Sandbox::Probe(std::vector<std::string> args, model::Limits limits) {
  return Run(ProbeSpec(std::move(args), limits));
}

void Sandbox::End() {
  traces_.noted = TicksSinceBoot();
  const Status stopped = jail_->Stop();
  EXPECT_TRUE(stopped.ok()) << stopped.error().ToString();
  jail_.reset();
  AwaitJailer();
  ExpectNothingLeft(traces_, "after Stop");
  const HostState after = HostState::Now();
  EXPECT_EQ(before_.mounts, after.mounts) << "H3";
  EXPECT_EQ(before_.host_name, after.host_name) << "H6";
  EXPECT_EQ(before_.ipc, after.ipc) << "H7";
  EXPECT_EQ(before_.descriptors, after.descriptors) << "H8";
}

void Sandbox::EndBroken() {
  std::vector<UniqueFd> left;
  for (const pid_t pid : AllProcesses()) {
    struct stat status{};
    const std::string proc = "/proc/" + std::to_string(pid);
    if (::stat(proc.c_str(), &status) != 0) continue;
    if (std::count(traces_.ids.begin(), traces_.ids.end(), status.st_uid) == 0) continue;
    left.emplace_back(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  }
  for (const UniqueFd& process : left) {
    if (!process) continue;
    const auto ended = PollOne(process.get(), POLLIN, std::chrono::steady_clock::now() + kPatience);
    EXPECT_TRUE(ended.ok() && *ended != 0) << "a process of the Jail stays";
  }
  (void)jail_->Stop();  // Its jailer may be gone.
  jail_.reset();
  AwaitJailer();
}

// With its lease released nobody has waited for it yet.
void Sandbox::AwaitJailer() const {
  const UniqueFd jailer(static_cast<int>(::syscall(SYS_pidfd_open, jailer_, 0)));
  if (!jailer) return;
  const auto ended = PollOne(jailer.get(), POLLIN, std::chrono::steady_clock::now() + kPatience);
  EXPECT_TRUE(ended.ok() && *ended != 0) << "the jailer stays";
  ::waitpid(jailer_, nullptr, WNOHANG);
}

std::string RunOutside(const std::vector<std::string>& args) {
  constexpr unsigned kNobody = 65534;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return "pipe2";
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::vector<char*> argv = {const_cast<char*>("faber-probe")};
    for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    const int program = ::open(FABER_PROBE, O_RDONLY | O_CLOEXEC);  // Its folder may be closed.
    if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
        ::setresuid(kNobody, kNobody, kNobody) != 0 || ::dup2(ends[1], 1) < 0) {
      ::_exit(1);
    }
    ::fexecve(program, argv.data(), ::environ);
    ::_exit(1);
  }
  ::close(ends[1]);
  const auto text = ReadFd(ends[0], 1_MiB);
  ::close(ends[0]);
  ::waitpid(pid, nullptr, 0);
  return text.value_or("");
}

void Check(const Ran& ran, const Expected& expected) {
  using Kind = Expected::Kind;
  const model::Outcome& outcome = ran.outcome;
  EXPECT_EQ(ran.out.find("FAIL"), std::string::npos) << Describe(ran);
  const auto named = [&](const model::Violation& violation) {
    return violation.syscall == expected.syscall &&
           violation.killed == (expected.kind == Kind::kKill);
  };
  const bool reported = std::any_of(outcome.violations.begin(), outcome.violations.end(), named);
  if (expected.kind == Kind::kKill) {
    EXPECT_EQ(outcome.fate, model::Fate::kPolicyViolation) << Describe(ran);
    EXPECT_TRUE(reported) << "no killed " << expected.syscall << ": " << Describe(ran);
    return;
  }
  std::istringstream words(ran.out);
  std::string verdict, fact;
  words >> verdict >> fact;
  EXPECT_EQ(verdict, "PASS") << Describe(ran);
  EXPECT_TRUE(HasWord(expected.words, fact))
      << "wanted " << expected.words << ": " << Describe(ran);
  EXPECT_EQ(outcome.fate, model::Fate::kExited) << Describe(ran);
  if (expected.kind == Kind::kEvent) {
    EXPECT_TRUE(reported) << "no event of " << expected.syscall << ": " << Describe(ran);
  }
  if (expected.kind == Kind::kSilent) {
    EXPECT_TRUE(outcome.violations.empty()) << Describe(ran);
  }
}

void PrintTo(const RowAtLevel& row, std::ostream* out) { *out << row.row.name; }

std::string NameOf(const ::testing::TestParamInfo<RowAtLevel>& info) {
  return std::string(info.param.row.name) + "_" + std::string(ToString(info.param.level));
}

std::vector<RowAtLevel> AtBothLevels(const std::vector<Row>& rows) {
  std::vector<RowAtLevel> all;
  for (const Row& row : rows) {
    const bool medium = row.medium.kind != Expected::Kind::kSkip;
    const bool high = row.high.kind != Expected::Kind::kSkip;
    if (medium) all.push_back({row, model::Level::kMedium});
    if (high) all.push_back({row, model::Level::kHigh});
  }
  return all;
}

void RowTest::Attack() {
  const RowAtLevel& at = GetParam();
  Sandbox sandbox(Sandbox::SpecOf(at.level));
  ASSERT_TRUE(sandbox.ok());
  const Ran ran = sandbox.Probe(at.row.args);
  Check(ran, at.Wanted());
  sandbox.End();
}

namespace {

// The "host" of these tests: see the header.
bool EnterOwnHost() {
  constexpr int kNew = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;
  if (::unshare(kNew) != 0) return false;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = {};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const bool up = ::ioctl(socket, SIOCSIFFLAGS, &request) == 0;
  ::close(socket);
  return up;
}

}  // namespace
}  // namespace fabro::security

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  constexpr int kSkipped = 77;
  if (::geteuid() != 0) {
    std::puts("needs root");
    return kSkipped;
  }
  if (!fabro::security::EnterOwnHost()) {
    std::perror("namespaces of the tests' own");
    return 1;
  }
  return RUN_ALL_TESTS();
}
