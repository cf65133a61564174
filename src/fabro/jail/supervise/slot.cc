#include "fabro/jail/supervise/slot.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <utility>
#include <vector>

#include "fabro/jail/child/egress_wire.h"
#include "fabro/jail/supervise/channel.h"
#include "fabro/jail/supervise/proof.h"
#include "fabro/linux/file.h"
#include "fabro/linux/lifeline.h"
#include "fabro/linux/socket.h"

namespace fabro::jail::supervise {
namespace {

using std::chrono::steady_clock;
using wire::Type;

constexpr auto kStartLimit = std::chrono::seconds(10);
constexpr auto kEndLimit = std::chrono::seconds(5);

// fork(2), into a v2 control group unless that is -1. Without fork's handlers: the child only
// execs.
pid_t ForkInto(int group) {
  clone_args args = {};
  args.exit_signal = SIGCHLD;
  if (group >= 0) {
    args.flags = CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(group);
  }
  return static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof(args)));
}

// Between fork and exec: enters the `sup` leaf before anything else, then becomes the zygote.
[[noreturn]] void BecomeZygote(std::span<const int> leaf, int socket, int lifeline,
                               const Slot::Program& program) {
  constexpr int kAbove = 16;
  // A guest of real-time priority could take the machine, and groups of the cpu controller refuse
  // its tasks (EINVAL).
  const int policy = ::sched_getscheduler(0);
  constexpr sched_param kNone = {};
  if ((policy == SCHED_FIFO || policy == SCHED_RR) &&
      ::sched_setscheduler(0, SCHED_OTHER, &kNone) != 0) {
    ::_exit(1);
  }
  for (const int fd : leaf) {
    if (::write(fd, "0", 1) != 1) ::_exit(1);
  }
  // Above both targets first, so that neither dup2 overwrites the other's source.
  const int high_socket = ::fcntl(socket, F_DUPFD, kAbove);
  const int high_lifeline = ::fcntl(lifeline, F_DUPFD, kAbove);
  const int high_program = ::fcntl(program.file, F_DUPFD_CLOEXEC, kAbove);
  if (high_socket < 0 || high_lifeline < 0 || high_program < 0) ::_exit(1);
  if (::dup2(high_socket, wire::kZygoteSocketFd) < 0) ::_exit(1);
  if (::dup2(high_lifeline, wire::kLifelineFd) < 0) ::_exit(1);
  ::close(high_socket);
  ::close(high_lifeline);
  if (::setrlimit(RLIMIT_NOFILE, &program.files) != 0) ::_exit(1);
  char name[] = "faber-init";
  char role[] = "zygote";
  char* argv[] = {name, role, nullptr};
  char* env[] = {nullptr};
  ::syscall(SYS_execveat, high_program, "", argv, env, AT_EMPTY_PATH);
  ::_exit(1);
}

Error PlacesTooLong() {
  return Failure(Code::kInvalidArgument,
                 "allowed_paths (--allow-path) have more than " +
                     std::to_string(wire::kPlaceBytes) + " bytes together",
                 "spec_invalid", "allow fewer or shorter paths");
}

bool AddPlaces(const std::vector<plan::WritablePlace>& places, wire::SpawnInit& init) {
  std::string text;
  for (const plan::WritablePlace& place : places) {
    text += place.mode == 01777 ? '\1' : '\0';
    text.append(place.name).push_back('\0');
    text.append(place.target).push_back('\0');
  }
  if (text.size() > sizeof(init.places) || places.size() > wire::kMaxPlaces) return false;
  std::copy(text.begin(), text.end(), init.places);
  init.place_count = static_cast<std::uint16_t>(places.size());
  return true;
}

Result<wire::SpawnInit> PlanInit(const plan::JailPlan& plan) {
  const model::SandboxSpec& spec = plan.spec;
  wire::SpawnInit init;
  const bool sealed = spec.launch == model::Launch::kSealed;
  const bool egress = spec.network == model::NetworkMode::kEgress;
  init.new_network = sealed ? wire::SpawnInit::kSlots : wire::SpawnInit::kNew;
  init.loopback_up = egress || spec.network == model::NetworkMode::kLoopback ? 1 : 0;
  init.egress = egress ? 1 : 0;
  init.workspace = spec.workspace.kind == model::WorkspaceKind::kDisk ? wire::SpawnInit::kDisk
                                                                      : wire::SpawnInit::kMemory;
  init.devpts = spec.tty ? 1 : 0;
  init.system_files = spec.level == model::Level::kLow ? 1 : 0;
  init.task_id = plan::kTaskId;
  if (spec.workspace.size) init.tmpfs_size = spec.workspace.size->bytes();
  init.tmpfs_inodes = plan.tmpfs_inodes;
  init.shm_size = plan.shm_size;
  init.monotonic_start_ns = spec.monotonic_start.count();
  init.boottime_start_ns = spec.boottime_start.count();
  CopyText(init.hostname, spec.hostname);
  return AddPlaces(plan.places, init) ? Result<wire::SpawnInit>(init) : PlacesTooLong();
}

wire::Landlock LandlockOrder(const plan::LandlockPlan& plan) {
  wire::Landlock order;
  order.abi = static_cast<std::uint32_t>(plan.abi);
  order.handled_fs = plan.handled_fs;
  order.handled_net = plan.handled_net;
  order.scoped = plan.scoped;
  order.rule_count = static_cast<std::uint16_t>(plan.rules.size());
  return order;
}

// The plan's lists fit: it was checked against the same limits.
wire::EgressNet PlanEgress(const plan::JailPlan& plan) {
  wire::EgressNet net;
  const model::IpAddress server = model::NameServerOf(plan.spec.egress);
  std::copy_n(server.bytes.begin(), sizeof(net.name_server), net.name_server);
  for (const std::uint16_t port : model::PortsOf(plan.spec.egress)) {
    net.ports[net.port_count++] = port;
  }
  for (const model::IpRange& range : plan.local_routes) {
    wire::EgressNet::Route& route = net.routes[net.route_count++];
    route.v6 = range.base.v6 ? 1 : 0;
    route.prefix = range.prefix;
    std::copy(range.base.bytes.begin(), range.base.bytes.end(), route.address);
  }
  return net;
}

cgroup::Limits GroupLimits(const model::Limits& limits) {
  cgroup::Limits group;
  group.memory = limits.memory;
  // The group holds zygote, init and one payload on its way into its leaf as well.
  constexpr std::uint64_t kOurs = 8;
  if (limits.pids) group.pids = *limits.pids + kOurs;
  group.cpu_milli = limits.cpu_millis;
  group.kill_together = false;  // The zygote and init live on to tell of it.
  return group;
}

}  // namespace

cgroup::MoreLimits MoreLimitsOf(const model::Limits& limits) {
  return {.cpus = limits.cpu_set, .io_read = limits.io_read_rate, .io_write = limits.io_write_rate};
}

Result<std::unique_ptr<Slot>> Slot::Start(cgroup::JobRoot& jobs, const std::string& id,
                                          IdLease lease, bool mappable, const Program& program,
                                          const plan::JailPlan& plan, const plan::HostFacts& facts,
                                          const Sources& sources) {
  cgroup::SlotGroup group = TRY_IN("making the slot's control group", jobs.CreateSlot(id));
  std::unique_ptr<Slot> slot(new Slot(std::move(group), std::move(lease), mappable));
  // Who may not give files away (not root) has the payload write itself into its leaf.
  const Status placed = slot->group_.LetPlace(slot->ids_.setup);
  if (!placed && placed.error().sys_errno != EPERM) return placed.error();
  TRY(slot->StartZygote(program));
  TRY_IN("starting the slot's zygote", ExpectWire(slot->socket_.get(), Type::kUserNamespaceMade,
                                                  steady_clock::now() + kStartLimit));
  TRY(slot->WriteMaps());
  TRY(slot->BuildRoot(plan, facts, sources));
  slot->policy_ = plan.policy;
  return slot;
}

Status Slot::StartZygote(const Program& program) {
  SocketPair pair = TRY(MakeSocketPair(SocketType::kSeqPacket));
  Lifeline line = TRY(MakeLifeline());
  const int into = group_.sup().CloneIntoFd();
  const std::span<const int> leaf = group_.sup().AttachFdsAfterClone();
  const pid_t pid = ForkInto(into);
  if (pid < 0) return SysFailure("clone3", "zygote");
  if (pid == 0) BecomeZygote(leaf, pair.second.get(), line.watcher.get(), program);
  Process zygote = TRY(Process::Adopt(pid));
  zygote_.emplace(std::move(zygote));
  socket_ = std::move(pair.first);
  lifeline_ = std::move(line.owner);
  return {};
}

Status Slot::WriteMaps() {
  const std::string proc = "/proc/" + std::to_string(zygote_->pid());
  std::string map = std::to_string(plan::kTaskId) + " " + std::to_string(ids_.task) + " 1\n";
  if (!ids_.one()) {
    map = std::to_string(plan::kSetupId) + " " + std::to_string(ids_.setup) + " 1\n" + map;
  }
  TRY(WriteControl(proc + "/setgroups", "deny"));
  TRY_IN("mapping the leased ids", WriteControl(proc + "/uid_map", map));
  TRY_IN("mapping the leased ids", WriteControl(proc + "/gid_map", map));
  return SendWire(socket_.get(), Type::kMapsWritten);
}

Status Slot::BuildRoot(const plan::JailPlan& plan, const plan::HostFacts& facts,
                       const Sources& sources) {
  const BuiltSteps built = TRY(BuildSteps(plan, facts, sources, ids_));
  wire::BuildSlot order;
  order.setup_id = ids_.one() ? plan::kTaskId : plan::kSetupId;
  order.task_id = plan::kTaskId;
  order.sealed_network = plan.spec.launch == model::Launch::kSealed ? 1 : 0;
  order.forbid_user_ns = plan.spec.level == model::Level::kLow ? 0 : 1;
  order.system_files = plan.spec.level == model::Level::kLow ? 1 : 0;
  order.capabilities = plan.capabilities;
  order.mount_count = static_cast<std::uint16_t>(built.steps.size());
  order.landlock = LandlockOrder(plan.landlock);
  std::string body(BytesOf(order));
  for (const wire::MountStep& step : built.steps) body.append(BytesOf(step));
  for (const plan::LandlockRule& each : plan.landlock.rules) {
    wire::LandlockRule rule;
    rule.access = each.access;
    CopyText(rule.path, each.path);
    body.append(BytesOf(rule));
  }
  std::vector<int> fds;
  for (const UniqueFd& fd : built.fds) fds.push_back(fd.get());
  TRY(SendWire(socket_.get(), Type::kBuildSlot, body, fds));
  TRY_IN("building the slot's root",
         ExpectWire(socket_.get(), Type::kSlotReady, steady_clock::now() + kStartLimit));
  unmapped_ = built.unmapped;
  if (plan.spec.launch == model::Launch::kSealed) {
    std::string sockets = TRY(SocketsOf(zygote_->pid()));
    sockets_ = std::move(sockets);
  }
  return {};
}

Status Slot::ProveClean() {
  if (init_ || !zygote_) {
    return Failure(Code::kFailedPrecondition, "a Jail is in the slot", "slot_not_reusable");
  }
  const std::uint64_t pids = TRY(group_.sup().ReadPidsCurrent());
  if (pids != 1) {
    return Failure(Code::kFailedPrecondition, "more than the zygote is in the slot",
                   "slot_not_reusable");
  }
  return sockets_.empty() ? Status() : ProveSealed(zygote_->pid(), sockets_);
}

bool Slot::Idle() const {
  // A prepared Jail's answer may wait in the socket; a zygote that ended has hung up.
  const auto events = PollOne(socket_.get(), coming_ ? 0 : POLLIN, steady_clock::now());
  return !init_ && events && *events == 0;
}

Slot::~Slot() { (void)Destroy(); }

Status Slot::OrderInit(const wire::SpawnInit& order, std::string_view tail, int workspace) {
  SocketPair pair = TRY(MakeSocketPair(SocketType::kSeqPacket));
  Lifeline line = TRY(MakeLifeline());
  std::vector<int> fds = {pair.second.get(), line.watcher.get()};
  if (workspace >= 0) fds.push_back(workspace);
  TRY(SendWire(socket_.get(), Type::kSpawnInit, std::string(BytesOf(order)).append(tail), fds));
  coming_.emplace(Coming{order, std::move(pair.first), std::move(line.owner)});
  return {};
}

Status Slot::AwaitInit() {
  const auto deadline = steady_clock::now() + kStartLimit;
  const bool egress = coming_->order.egress != 0;
  // Init's word comes last, and its end closes when there is none to come: one wait for both.
  TRY(PollOne(coming_->socket.get(), POLLIN, deadline));
  WireMessage spawned =
      TRY_IN("starting init", ExpectWire(socket_.get(), Type::kInitSpawned, deadline));
  wire::InitSpawned answer;
  if (!spawned.Read(answer) || spawned.fds.size() != 1) {
    return Failure(Code::kInternal, "malformed answer of the zygote");
  }
  init_.emplace();
  init_->pid = answer.pid;
  init_->pidfd = std::move(spawned.fds[0]);
  init_->socket = std::move(coming_->socket);
  init_->lifeline = std::move(coming_->lifeline);
  coming_.reset();
  if (egress) {
    WireMessage network =
        TRY_IN("starting init", ExpectWire(init_->socket.get(), Type::kNetworkReady, deadline));
    wire::NetworkReady ready;
    if (!network.Read(ready)) return Failure(Code::kInternal, "malformed answer of init");
    network_ = {.ipv6 = ready.ipv6 != 0, .fds = std::move(network.fds)};
  }
  TRY_IN("starting init", ExpectWire(init_->socket.get(), Type::kJailReady, deadline));
  // From here on nobody waits for it: it may be given little of the processor.
  const int flags = ::fcntl(init_->socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(init_->socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return SysFailure("F_SETFL", "init");
  }
  return {};
}

// The prepared Jail is not the one that is wanted.
Status Slot::DropComing() {
  if (!coming_) return {};
  TRY(AwaitInit());
  return EndJail();
}

Status Slot::PrepareInit(const plan::JailPlan& plan) {
  // Those with something of the host's in them are made when they are wanted.
  if (plan.spec.workspace.kind == model::WorkspaceKind::kDisk) return {};
  if (plan.spec.network == model::NetworkMode::kEgress) return {};
  const wire::SpawnInit order = TRY(PlanInit(plan));
  return OrderInit(order, {}, -1);
}

bool Slot::Prepared() const {
  if (!coming_) return false;
  const auto events = PollOne(coming_->socket.get(), POLLIN, steady_clock::now());
  return events && *events != 0;
}

Status Slot::SpawnInit(const plan::JailPlan& plan, const plan::HostFacts& facts,
                       const Sources& sources) {
  TRY_IN("limiting the sandbox", group_.Apply(GroupLimits(plan.spec.limits)));
  TRY_IN("limiting the sandbox", group_.Apply(MoreLimitsOf(plan.spec.limits)));
  const wire::SpawnInit order = TRY(PlanInit(plan));
  const bool disk = plan.spec.workspace.kind == model::WorkspaceKind::kDisk;
  if (!coming_ || disk || coming_->order != order) {
    TRY(DropComing());
    UniqueFd workspace;
    if (disk) workspace = TRY(MountDiskWorkspace(plan, facts, sources, ids_));
    const wire::EgressNet net = order.egress != 0 ? PlanEgress(plan) : wire::EgressNet();
    TRY(OrderInit(order, order.egress != 0 ? BytesOf(net) : std::string_view(), workspace.get()));
  }
  ++jails_;
  return AwaitInit();
}

void Slot::KillInit() {
  if (!init_) return;
  // Not by the zygote's good will alone: the pidfd reaches init whatever became of the others.
  ::syscall(SYS_pidfd_send_signal, init_->pidfd.get(), SIGKILL, nullptr, 0);
  init_->lifeline.reset();
}

Status Slot::TakeEnd() {
  const auto deadline = steady_clock::now() + kEndLimit;
  for (;;) {
    WireMessage message = TRY(ReceiveWire(socket_.get(), deadline));
    if (message.closed) {
      return Failure(Code::kUnavailable, "the zygote ended before its init was reaped");
    }
    if (message.type == Type::kInitGone) break;
  }
  init_.reset();
  return {};
}

Status Slot::EndJail() {
  if (!init_) return {};
  KillInit();
  return TakeEnd();
}

Status Slot::Destroy() {
  if (!zygote_) return {};
  // All at once and by the kernel: the slot's processes are all in its groups.
  const Status ended = EndJail();
  coming_.reset();
  lifeline_.reset();
  socket_.reset();
  (void)zygote_->Kill(SIGKILL);
  const Status removed = group_.KillAndRemove();
  TRY(zygote_->Wait());
  zygote_.reset();
  init_.reset();
  if (!removed) return removed;
  return ended;
}

}  // namespace fabro::jail::supervise
