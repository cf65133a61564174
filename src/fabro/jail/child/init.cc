#include "fabro/jail/child/init.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "fabro/jail/child/channel.h"
#include "fabro/jail/child/egress.h"
#include "fabro/jail/child/payload.h"
#include "fabro/jail/child/steps.h"
#include "fabro/jail/child/system_files.h"
#include "fabro/jail/child/workspace.h"

namespace fabro::jail::child {
namespace {

using wire::Step;
using wire::Type;

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr unsigned kProcFlags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr int kMaxExecs = 256;  // Leaders that live at the same time.
// Ends of processes that are taken in one go: a guest that makes orphans without end must not keep
// us from the jailer's orders.
constexpr int kReapAtOnce = 64;

struct Leader {
  std::uint32_t exec_id = 0;  // 0: the place is free.
  pid_t pid = -1;
};

struct Init {
  wire::SpawnInit plan;
  const Landlock* landlock = nullptr;
  const wire::EgressNet* egress = nullptr;  // Until it is set up.
  int socket = -1;
  int lifeline = -1;
  int workspace = -1;  // The detached tree, for good (workspace.h).
  int proc = -1;      // The Jail's procfs, writable: for us and for payloads, out of guests' reach.
  int children = -1;  // signalfd of SIGCHLD.
  Covers covers;      // While they are placed.
  int clocks = -1;    // timens_offsets, until the first command starts.
  Leader leaders[kMaxExecs];
};

// PDEATHSIG is cleared for the child of a fork, dumpable is inherited; both are said again.
int HoldLifeline(Init&) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
  return ErrnoOf(::prctl(PR_SET_DUMPABLE, 0));
}

int SetHostname(Init& init) {
  if (!Terminated(init.plan.hostname)) return EPROTO;
  if (::sethostname(init.plan.hostname, std::strlen(init.plan.hostname)) != 0) return errno;
  About("domain name");
  return ErrnoOf(::setdomainname("(none)", 6));  // The kernel's own word; else the host's stays.
}

int RaiseLoopback(Init& init) {
  if (init.plan.loopback_up == 0) return 0;
  int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return errno;
  ifreq request = {};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const int error = ErrnoOf(::ioctl(socket, SIOCSIFFLAGS, &request));
  CloseFd(socket);
  return error;
}

int OpenEgress(Init& init) {
  return init.egress == nullptr ? 0 : SetUpEgress(*init.egress, init.socket);
}

// Without subset=pid the host's /proc/sys and its like would be there, which only level low covers:
// a kernel that does not know the word gives no Jail.
int MakeProc(Init& init) {
  About("/proc");
  const FsOption options[] = {{"hidepid", "ptraceable"}, {"subset", "pid"}};
  init.proc = NewMount("proc", options, init.plan.system_files != 0 ? 1 : 2, kProcFlags);
  return ErrnoOf(init.proc);
}

// `start` is what the clock is to say now.
void AddClock(Path& line, const char* clock, clockid_t id, std::int64_t start) {
  timespec now = {};
  ::clock_gettime(id, &now);
  const std::int64_t offset = start - (now.tv_sec * kNanosPerSecond + now.tv_nsec);
  // Nanoseconds are 0..999999999 also for a negative offset (time_namespaces(7)).
  std::int64_t seconds = offset / kNanosPerSecond;
  std::int64_t nanos = offset % kNanosPerSecond;
  if (nanos < 0) {
    nanos += kNanosPerSecond;
    --seconds;
  }
  line.Add(clock).Add(seconds < 0 ? " -" : " ");
  line.AddNumber(static_cast<std::uint64_t>(seconds < 0 ? -seconds : seconds));
  line.Add(" ").AddNumber(static_cast<std::uint64_t>(nanos)).Add("\n");
}

// Only children enter it, so the offsets are still open to us afterwards.
int MakeTimeNamespace(Init& init) {
  if (::unshare(CLONE_NEWTIME) != 0) return errno;
  About("/proc/self/timens_offsets");
  // The files in /proc of a process that is not dumpable belong to the host's root. No guest exists
  // yet, and none will ever have the set-up id.
  if (::prctl(PR_SET_DUMPABLE, 1) != 0) return errno;
  init.clocks = ::openat(init.proc, "self/timens_offsets", O_WRONLY | O_CLOEXEC);
  const int error = ErrnoOf(init.clocks);
  if (int sealed = ErrnoOf(::prctl(PR_SET_DUMPABLE, 0))) return sealed;
  return error;
}

// Right before the first process enters it; the kernel lets nobody change them later.
int SetClocks(Init& init) {
  if (init.clocks < 0) return 0;
  About("/proc/self/timens_offsets");
  Path offsets;
  AddClock(offsets, "monotonic", CLOCK_MONOTONIC, init.plan.monotonic_start_ns);
  AddClock(offsets, "boottime", CLOCK_BOOTTIME, init.plan.boottime_start_ns);
  const int error = ErrnoOf(::write(init.clocks, offsets.c_str(), std::strlen(offsets.c_str())));
  CloseFd(init.clocks);
  return error;
}

int PlaceWorkspace(Init& init) { return MountWorkspace(init.plan, init.workspace); }
int PlaceSharedMemory(Init& init) { return MountSharedMemory(init.plan); }

// Over the zygote's placeholder, an empty procfs, and over that the same read-only, which is the
// one that a guest sees: it could lower its oom_score_adj to ours, or to that of a protected
// service that started us. The lower ones stay for good: nobody inside can take the upper one away,
// and an unmount would wait for the kernel's readers (RCU).
int PlaceProc(Init& init) {
  About("/proc");
  int place = ::open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (place < 0) return errno;
  int error = AttachMount(init.proc, place);
  CloseFd(place);
  if (error != 0) return error;
  // Level low has user namespaces within its own, whose maps are written there.
  if (init.plan.system_files != 0) return 0;
  int upper = CloneMount(AT_FDCWD, "/proc");
  if (upper < 0) return errno;
  error = SetMountAttributes(upper, MOUNT_ATTR_RDONLY | kProcFlags);
  if (error == 0) error = AttachMount(upper, init.proc);
  CloseFd(upper);
  return error;
}

int MakeCoversFirst(Init& init) {
  return init.plan.system_files == 0 ? 0 : MakeCovers(init.covers);
}

int CoverSystemFiles(Init& init) {
  if (init.plan.system_files == 0) return 0;
  if (int error = CoverProc(init.covers)) return error;
  const int error = MountSys(init.covers);
  CloseCovers(init.covers);
  return error;
}

int MountTerminals(Init& init) {
  if (init.plan.devpts == 0) return 0;
  About("/dev/pts");
  const FsOption options[] = {{"newinstance", nullptr}, {"ptmxmode", "0666"}, {"mode", "0620"}};
  int pts = NewMount("devpts", options, 3, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  if (pts < 0) return errno;
  int place = ::open("/dev/pts", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  const int error = place < 0 ? errno : AttachMount(pts, place);
  CloseFd(place);
  CloseFd(pts);
  return error;
}

// All signals stay blocked here: those of the guest have no effect on a pid 1 anyway, and SIGCHLD
// comes through the descriptor. Payloads unblock them before the exec.
int WatchChildren(Init& init) {
  About("signalfd");
  sigset_t all;
  sigfillset(&all);
  if (::sigprocmask(SIG_SETMASK, &all, nullptr) != 0) return errno;
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  init.children = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  return ErrnoOf(init.children);
}

// Last: no mount can be made afterwards.
int Restrict(Init& init) { return EnterLandlock(*init.landlock); }

constexpr StepOf<Init> kJailSteps[] = {
    {Step::kLifeline, HoldLifeline},
    {Step::kHostname, SetHostname},
    {Step::kLoopback, RaiseLoopback},
    {Step::kEgress, OpenEgress},
    {Step::kProc, MakeProc},
    {Step::kTimeNamespace, MakeTimeNamespace},
    {Step::kWorkspace, PlaceWorkspace},
    {Step::kTmpfs, PlaceSharedMemory},
    {Step::kProc, MakeCoversFirst},
    {Step::kProc, PlaceProc},
    {Step::kSys, CoverSystemFiles},
    {Step::kDevpts, MountTerminals},
    {Step::kLifeline, WatchChildren},
    {Step::kLandlock, Restrict},
};

Leader* FindLeader(Init& init, std::uint32_t exec_id) {
  for (Leader& leader : init.leaders) {
    if (leader.exec_id == exec_id) return &leader;
  }
  return nullptr;
}

void StartExec(Init& init, Packet& packet) {
  static Payload payload;
  About("Exec");
  if (const int error = ReadPayload(packet, payload); error != 0) {
    SendFailed(payload.status >= 0 ? payload.status : init.socket, Step::kFork, error,
               payload.exec.exec_id);
    ClosePayload(payload);
    return;
  }
  Leader* leader = FindLeader(init, 0);
  if (leader == nullptr || FindLeader(init, payload.exec.exec_id) != nullptr) {
    SendFailed(payload.status, Step::kFork, leader == nullptr ? EAGAIN : EEXIST,
               payload.exec.exec_id);
    ClosePayload(payload);
    return;
  }
  payload.proc = init.proc;
  int terminal = -1;
  Trouble trouble = {Step::kTimeNamespace, SetClocks(init)};
  // kFork like all that ends a command before it has a process.
  if (trouble.error == 0) trouble = {Step::kFork, OpenTerminal(payload, &terminal)};
  long pid = -1;
  if (trouble.error == 0) {
    // fork without its handlers. The child enters the time namespace, which vfork's would not
    // before its exec, and has memory of its own.
    clone_args args = {};
    args.exit_signal = SIGCHLD;
    if (payload.leaf_dir >= 0) {
      args.flags = CLONE_INTO_CGROUP;
      args.cgroup = static_cast<std::uint64_t>(payload.leaf_dir);
    }
    pid = ::syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) PayloadMain(payload);
    trouble = {Step::kFork, ErrnoOf(pid)};
  }
  if (trouble.error != 0) {
    SendFailed(payload.status, trouble.step, trouble.error, payload.exec.exec_id);
  } else {
    *leader = {payload.exec.exec_id, static_cast<pid_t>(pid)};
    wire::ExecForked forked;
    forked.exec_id = leader->exec_id;
    forked.inner_pid = leader->pid;
    const bool tell = payload.exec.tell_fork != 0;
    if (tell && Send(init.socket, Type::kExecForked, forked, terminal) != 0) ::_exit(1);
  }
  CloseFd(terminal);
  ClosePayload(payload);
  packet.Wipe();  // Environments carry secrets; the next payload is a copy of this memory.
}

void SignalExec(Init& init, const wire::SignalExec& order) {
  Leader* leader = order.exec_id == 0 ? nullptr : FindLeader(init, order.exec_id);
  if (leader == nullptr) return;  // Already reaped: its end is on the way to the jailer.
  // Before its setsid the payload leads no group yet.
  if (::kill(-leader->pid, order.signal) != 0) ::kill(leader->pid, order.signal);
}

std::uint64_t Nanos(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * kNanosPerSecond +
         static_cast<std::uint64_t>(time.tv_usec) * 1000;
}

// Orphans of the guest become our children and are reaped like its leaders, without a word. True:
// there may be more.
bool ReapSome(Init& init) {
  signalfd_siginfo drained;
  while (::read(init.children, &drained, sizeof(drained)) > 0) {
  }
  for (int reaped = 0; reaped < kReapAtOnce; ++reaped) {
    siginfo_t info = {};
    rusage usage = {};
    // The call itself gives the rusage, glibc's wrapper does not.
    if (::syscall(SYS_waitid, P_ALL, 0, &info, WEXITED | WNOHANG, &usage) != 0) return false;
    if (info.si_pid == 0) return false;
    for (Leader& leader : init.leaders) {
      if (leader.exec_id == 0 || leader.pid != info.si_pid) continue;
      wire::ExecEnded ended;
      ended.exec_id = leader.exec_id;
      ended.si_code = info.si_code;
      ended.status = info.si_status;
      ended.user_ns = Nanos(usage.ru_utime);
      ended.system_ns = Nanos(usage.ru_stime);
      leader = {};
      if (Send(init.socket, Type::kExecEnded, ended) != 0) ::_exit(1);
    }
  }
  return true;
}

void HandleMessage(Init& init) {
  static Packet packet;
  const int error = Receive(init.socket, packet);
  if (error == ECONNRESET) ::_exit(0);
  wire::SignalExec order;
  if (error == 0 && packet.type == Type::kExec) {
    StartExec(init, packet);
  } else if (error == 0 && packet.type == Type::kSignalExec && packet.Read(order)) {
    SignalExec(init, order);
  } else {
    About("message");
    SendFailed(init.socket, Step::kFork, EPROTO);
    ::_exit(1);
  }
  packet.CloseFds();
}

// Every way out of here ends the process, and with it everything in the Jail.
[[noreturn]] void Serve(Init& init) {
  for (bool more = false;;) {
    pollfd watched[3] = {
        {init.socket, POLLIN, 0}, {init.lifeline, 0, 0}, {init.children, POLLIN, 0}};
    if (::poll(watched, 3, more ? 0 : -1) < 0) {
      if (errno == EINTR) continue;
      ::_exit(1);
    }
    if (watched[1].revents != 0) ::_exit(0);
    if (watched[2].revents != 0 || more) more = ReapSome(init);
    if ((watched[0].revents & POLLIN) != 0) {
      HandleMessage(init);
    } else if (watched[0].revents != 0) {
      ::_exit(0);
    }
  }
}

}  // namespace

void InitMain(const wire::SpawnInit& plan, const Landlock& landlock, const wire::EgressNet* egress,
              int socket, int lifeline, int workspace) {
  static Init init;
  init.plan = plan;
  init.landlock = &landlock;
  init.egress = egress;
  init.socket = socket;
  init.lifeline = lifeline;
  init.workspace = workspace;
  const Trouble trouble = RunSteps(kJailSteps, init);
  if (trouble.error != 0) {
    SendFailed(init.socket, trouble.step, trouble.error);
    ::_exit(1);
  }
  if (Send(init.socket, Type::kJailReady, nullptr, 0) != 0) ::_exit(1);
  Serve(init);
}

}  // namespace fabro::jail::child
