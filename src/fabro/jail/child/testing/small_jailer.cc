#include "fabro/jail/child/testing/small_jailer.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <utility>

#include "fabro/base/check.h"
#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/socket.h"

namespace fabro::jail::testing {
namespace {

using std::chrono::steady_clock;
using wire::MountStep;
using wire::Type;

constexpr auto kPatience = std::chrono::seconds(10);

// Ids that no account has, and other ones for each slot of each test program.
uid_t NextId() {
  static std::atomic<uid_t> next{1'500'000'000U + static_cast<uid_t>(::getpid()) * 64U};
  return next.fetch_add(2);
}

UniqueFd DetachedMount(const char* path, bool read_only) {
  UniqueFd mount(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  CHECK(mount);
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_NOSUID | (read_only ? MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV : 0);
  CHECK(::syscall(SYS_mount_setattr, mount.get(), "", AT_EMPTY_PATH, &change, sizeof(change)) == 0);
  return mount;
}

MountStep StepTo(MountStep::Kind kind, const char* target) {
  MountStep step;
  step.kind = kind;
  std::strncpy(step.target, target, sizeof(step.target) - 1);
  return step;
}

UniqueFd Memfd(std::string_view text) {
  UniqueFd file(::memfd_create("content", MFD_CLOEXEC));
  CHECK(file && WriteFd(file.get(), text).ok());
  return file;
}

struct Build {
  std::vector<MountStep> steps;
  std::vector<UniqueFd> fds;

  void Add(MountStep step, UniqueFd fd = UniqueFd()) {
    if (fd) {
      step.fd = static_cast<std::int16_t>(fds.size());
      fds.push_back(std::move(fd));
    }
    steps.push_back(step);
  }
};

// The host's programs, read-only, and the places that a Jail mounts on.
Build HostRoot() {
  Build build;
  for (const char* directory :
       {"usr", "etc", "dev", "sys", "work", "tmp", "var/tmp", "home/user"}) {
    build.Add(StepTo(MountStep::kDirectory, directory));
  }
  build.Add(StepTo(MountStep::kMount, "/usr"), DetachedMount("/usr", true));
  for (const char* link : {"bin", "sbin", "lib", "lib64"}) {
    MountStep step = StepTo(MountStep::kSymlink, link);
    std::snprintf(step.text, sizeof(step.text), "usr/%s", link);
    build.Add(step);
  }
  MountStep passwd = StepTo(MountStep::kFile, "etc/passwd");
  passwd.mode = 0644;
  build.Add(passwd, Memfd("root:x:0:0::/:/bin/false\nuser:x:1000:1000::/home/user:/bin/sh\n"));
  MountStep devices = StepTo(MountStep::kDevices, "/dev");
  devices.fd = static_cast<std::int16_t>(build.fds.size());
  for (const char* node : {"null", "zero", "full", "random", "urandom", "tty"}) {
    build.fds.push_back(DetachedMount((std::string("/dev/") + node).c_str(), false));
  }
  build.Add(devices);
  return build;
}

Error Unexpected(const char* wanted, const Received& got) {
  if (got.closed) return Failure(Code::kUnavailable, std::string(wanted) + ": hung up");
  const auto failed = got.As<wire::Failed>();
  return Failure(Code::kInternal, std::string(wanted) + ": got message " +
                                      std::to_string(static_cast<int>(got.type)) + ", step " +
                                      std::to_string(failed.step) + ", " +
                                      ErrnoName(failed.sys_errno) + ", " + failed.object);
}

Result<Received> Expect(int socket, Type type, const char* name) {
  Received got = ReceiveWire(socket);
  if (got.closed || got.type != type) return Unexpected(name, got);
  return got;
}

std::string JoinStrings(const std::vector<std::string>& strings) {
  std::string joined;
  for (const std::string& each : strings) joined.append(each.c_str(), each.size() + 1);
  return joined;
}

// A terminal says EIO once the last process has closed its other side, a pipe gives 0.
std::string ReadToEnd(int fd) {
  std::string all;
  char block[4096];
  for (;;) {
    const ssize_t got = ::read(fd, block, sizeof(block));
    if (got <= 0) return all;
    all.append(block, static_cast<std::size_t>(got));
  }
}

}  // namespace

Received ReceiveWire(int socket) {
  Received got;
  auto ready = PollOne(socket, POLLIN, steady_clock::now() + kPatience);
  if (!ready.ok() || *ready == 0) {
    got.closed = true;
    return got;
  }
  auto message = ReceiveMessage(socket, wire::kMaxMessage, wire::kMaxFds);
  if (!message.ok() || message->closed || message->bytes.size() < sizeof(wire::Header)) {
    got.closed = true;
    return got;
  }
  wire::Header header;
  std::memcpy(&header, message->bytes.data(), sizeof(header));
  CHECK(header.magic == wire::kMagic && header.version == wire::kVersion);
  got.type = static_cast<Type>(header.type);
  got.body = message->bytes.substr(sizeof(header));
  got.fds = std::move(message->fds);
  return got;
}

Status SendWire(int socket, Type type, std::string_view body, const std::vector<int>& fds) {
  wire::Header header;
  header.type = static_cast<std::uint16_t>(type);
  header.length = static_cast<std::uint32_t>(body.size());
  return SendMessage(socket, BytesOf(header).append(body), fds);
}

Result<BareZygote> StartZygote() {
  SocketPair pair = TRY(MakeSocketPair(SocketType::kSeqPacket));
  Lifeline lifeline = TRY(MakeLifeline());
  const uid_t id = NextId();
  const pid_t pid = ::fork();
  if (pid < 0) return SysFailure("fork");
  if (pid == 0) {
    // Above the targets first: a source may be 3 or 4 itself.
    const int socket = ::fcntl(pair.second.get(), F_DUPFD, 64);
    const int watcher = ::fcntl(lifeline.watcher.get(), F_DUPFD, 64);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 0);
    ::dup2(null, 1);
    ::dup2(socket, wire::kZygoteSocketFd);
    ::dup2(watcher, wire::kLifelineFd);
    ::syscall(SYS_close_range, wire::kLifelineFd + 1, ~0U, 0);
    ::execl(FABER_INIT, "faber-init", "zygote", nullptr);
    ::_exit(127);
  }
  Process process = TRY(Process::Adopt(pid));
  return BareZygote{std::move(process), std::move(pair.first), std::move(lifeline), id};
}

Status WriteMaps(const BareZygote& zygote) {
  TRY(Expect(zygote.socket.get(), Type::kUserNamespaceMade, "user namespace"));
  const std::string proc = "/proc/" + std::to_string(zygote.process.pid());
  const std::string map = "0 " + std::to_string(zygote.host_setup_id) + " 1\n1000 " +
                          std::to_string(zygote.host_setup_id + 1) + " 1\n";
  TRY(WriteControl(proc + "/setgroups", "deny"));
  TRY(WriteControl(proc + "/uid_map", map));
  TRY(WriteControl(proc + "/gid_map", map));
  return SendWire(zygote.socket.get(), Type::kMapsWritten, {});
}

Status SendBuildSlot(int socket, const Slot::Options& options) {
  Build build = HostRoot();
  for (const MountStep& step : options.more_steps) build.Add(step);
  wire::BuildSlot plan;
  plan.sealed_network = options.sealed_network ? 1 : 0;
  plan.forbid_user_ns = options.forbid_user_ns ? 1 : 0;
  plan.mount_count = static_cast<std::uint16_t>(build.steps.size());
  std::string body = BytesOf(plan);
  for (const MountStep& step : build.steps) body += BytesOf(step);
  std::vector<int> fds;
  for (const UniqueFd& fd : build.fds) fds.push_back(fd.get());
  return SendWire(socket, Type::kBuildSlot, body, fds);
}

Result<Slot> Slot::Start(const Options& options) {
  BareZygote bare = TRY(StartZygote());
  TRY(WriteMaps(bare));
  TRY(SendBuildSlot(bare.socket.get(), options));
  TRY(Expect(bare.socket.get(), Type::kSlotReady, "slot"));
  return Slot(std::move(bare.process), std::move(bare.socket), std::move(bare.lifeline),
              bare.host_setup_id);
}

void SetPlaces(wire::SpawnInit& plan,
               std::initializer_list<std::pair<std::string_view, std::string_view>> places) {
  std::string text;
  for (const auto& [name, target] : places) {
    const bool scratch = target.ends_with("tmp") || target.ends_with("shm");
    text.push_back(scratch ? '\1' : '\0');
    text.append(name).push_back('\0');
    text.append(target).push_back('\0');
  }
  std::memcpy(plan.places, text.data(), text.size());
  plan.place_count = static_cast<std::uint16_t>(places.size());
}

wire::SpawnInit DefaultJail() {
  wire::SpawnInit plan;
  plan.loopback_up = 1;
  plan.tmpfs_size = 16 << 20;
  plan.shm_size = 1 << 20;
  plan.devpts = 1;
  std::strncpy(plan.hostname, "sandbox", sizeof(plan.hostname) - 1);
  SetPlaces(plan, {{"workspace", "/work"},
                   {"tmp", "/tmp"},
                   {"var-tmp", "/var/tmp"},
                   {"home", "/home/user"},
                   {"shm", "/dev/shm"}});
  return plan;
}

Result<TestJail> SendSpawnInit(const Slot& slot, const wire::SpawnInit& plan, int workspace) {
  SocketPair pair = TRY(MakeSocketPair(SocketType::kSeqPacket));
  Lifeline lifeline = TRY(MakeLifeline());
  std::vector<int> fds = {pair.second.get(), lifeline.watcher.get()};
  if (workspace >= 0) fds.push_back(workspace);
  TRY(SendWire(slot.socket(), Type::kSpawnInit, BytesOf(plan), fds));
  return TestJail{std::move(pair.first), UniqueFd(), -1, std::move(lifeline)};
}

Result<TestJail> SpawnJail(const Slot& slot, const wire::SpawnInit& plan, int workspace) {
  TestJail jail = TRY(SendSpawnInit(slot, plan, workspace));
  Received spawned = TRY(Expect(slot.socket(), Type::kInitSpawned, "init"));
  if (spawned.fds.size() != 1) return Failure(Code::kInternal, "init: no pidfd");
  jail.pid = spawned.As<wire::InitSpawned>().pid;
  jail.pidfd = std::move(spawned.fds[0]);
  TRY(Expect(jail.socket.get(), Type::kJailReady, "jail"));
  return jail;
}

Result<StartedExec> StartExec(const TestJail& jail, const ExecRequest& request) {
  static std::atomic<std::uint32_t> next_id{1};
  SocketPair status = TRY(MakeSocketPair(SocketType::kSeqPacket));
  int in[2];
  int out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return SysFailure("pipe2");
  UniqueFd in_read(in[0]);
  UniqueFd in_write(in[1]);
  UniqueFd out_read(out[0]);
  UniqueFd out_write(out[1]);

  std::vector<sock_filter> filter = request.filter;
  if (filter.empty()) filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  wire::Exec exec;
  exec.exec_id = next_id.fetch_add(1);
  exec.argc = static_cast<std::uint32_t>(request.argv.size());
  exec.envc = static_cast<std::uint32_t>(request.env.size());
  exec.filter_count = static_cast<std::uint32_t>(filter.size());
  exec.tty = request.tty ? 1 : 0;
  exec.has_program = request.program >= 0 ? 1 : 0;
  exec.want_listener = request.want_listener ? 1 : 0;
  exec.leaf_fds = static_cast<std::uint8_t>(request.leaf_fds.size());
  exec.rlimit_count = static_cast<std::uint8_t>(request.rlimits.size());
  for (std::size_t i = 0; i < request.rlimits.size(); ++i) exec.rlimits[i] = request.rlimits[i];
  std::strncpy(exec.cwd, request.cwd.c_str(), sizeof(exec.cwd) - 1);
  std::strncpy(exec.path, request.path.c_str(), sizeof(exec.path) - 1);
  std::string tail = JoinStrings(request.argv) + JoinStrings(request.env);
  exec.string_bytes = static_cast<std::uint32_t>(tail.size());
  tail.resize((tail.size() + 7) / 8 * 8);
  tail.append(reinterpret_cast<const char*>(filter.data()), filter.size() * sizeof(sock_filter));

  std::vector<int> fds = {status.second.get()};
  if (!request.tty) {
    for (int fd : {in_read.get(), out_write.get(), out_write.get()}) fds.push_back(fd);
  }
  for (int fd : request.leaf_fds) fds.push_back(fd);
  if (request.program >= 0) fds.push_back(request.program);
  TRY(SendWire(jail.socket.get(), Type::kExec, BytesOf(exec) + tail, fds));
  return StartedExec{exec.exec_id, std::move(status.first), std::move(in_write),
                     std::move(out_read)};
}

Result<ExecResult> RunExec(const TestJail& jail, const ExecRequest& request) {
  StartedExec started = TRY(StartExec(jail, request));
  ExecResult result;
  std::vector<UniqueFd> listeners;  // Closed only at the end: a closed one fails the calls.
  for (Received got = ReceiveWire(started.status.get()); !got.closed;
       got = ReceiveWire(started.status.get())) {
    if (got.type == Type::kListener && got.fds.size() == 1) {
      result.had_listener = true;
      listeners.push_back(std::move(got.fds[0]));
    } else if (got.type == Type::kFailed) {
      result.failed = got.As<wire::Failed>();
    }
  }
  if (result.failed.has_value() && result.failed->step == static_cast<int>(wire::Step::kFork)) {
    return result;  // No process came of it.
  }
  Received forked = TRY(Expect(jail.socket.get(), Type::kExecForked, "fork"));
  result.forked = forked.As<wire::ExecForked>();
  if (request.tty && !result.failed.has_value()) {
    if (forked.fds.size() != 1) return Failure(Code::kInternal, "fork: no pty");
    started.out = std::move(forked.fds[0]);
    TRY(WriteFd(started.out.get(), request.input));
  } else {
    TRY(WriteFd(started.in.get(), request.input));
  }
  started.in.reset();
  result.out = ReadToEnd(started.out.get());
  Received ended = TRY(Expect(jail.socket.get(), Type::kExecEnded, "end"));
  result.ended = ended.As<wire::ExecEnded>();
  return result;
}

Result<ExecResult> RunShell(const TestJail& jail, const std::string& script) {
  ExecRequest request;
  request.argv = {"sh", "-c", script};
  request.env = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/home/user"};
  return RunExec(jail, request);
}

}  // namespace fabro::jail::testing
