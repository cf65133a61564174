#include "fabro/jail/child/zygote.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fabro/jail/child/channel.h"
#include "fabro/jail/child/init.h"
#include "fabro/jail/child/landlock.h"
#include "fabro/jail/child/root.h"
#include "fabro/jail/child/securebits.h"
#include "fabro/jail/child/steps.h"

namespace fabro::jail::child {
namespace {

using wire::Step;
using wire::Type;

constexpr int kSocket = wire::kZygoteSocketFd;
constexpr int kLifeline = wire::kLifelineFd;

struct Zygote {
  wire::BuildSlot plan;
  Packet packet;  // The BuildSlot and its tail, while the slot is built.
  Root root;
  Landlock landlock;
  int init = -1;  // pidfd of the init; -1: no Jail in the slot.
};

// Gives the message of that type, or ends the process: without its jailer a zygote has no purpose.
int ReceiveOnly(Type type, Packet& packet) {
  if (!WaitReadable(kSocket, kLifeline)) ::_exit(0);
  const int error = Receive(kSocket, packet);
  if (error == ECONNRESET) ::_exit(0);
  if (error != 0) return error;
  return packet.type == type ? 0 : EPROTO;
}

int HoldLifeline(Zygote&) {
  // 0, 1 and 2 are taken, so that no descriptor that comes later is mistaken for a stream.
  for (int fd = 0; fd <= 2; ++fd) {
    // NOLINTNEXTLINE(android-cloexec-open): a stream is there for what is executed.
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) return errno;
  }
  if (::fcntl(kSocket, F_SETFD, FD_CLOEXEC) != 0) return errno;
  if (::fcntl(kLifeline, F_SETFD, FD_CLOEXEC) != 0) return errno;
  if (::syscall(SYS_close_range, kLifeline + 1, ~0U, 0) != 0) return errno;
  ResetSignals();
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
  // Unprivileged, the maps can be written by a parent of the same user only while we are dumpable;
  // then it comes with the set-up id.
  if (::geteuid() == 0 && ::prctl(PR_SET_DUMPABLE, 0) != 0) return errno;
  ::setsid();  // EPERM: a leader already, which is as good.
  // An empty session keyring of its own: whoever possesses the caller's may read the keys in it,
  // whatever its ids (keyrings(7)). ENOSYS: a kernel without keys.
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS) {
    return errno;
  }
  // Once setgroups is denied the groups of whoever started us would stay for good.
  if (::setgroups(0, nullptr) != 0 && errno != EPERM) return errno;
  return 0;
}

int UnshareUser(Zygote&) { return ErrnoOf(::unshare(CLONE_NEWUSER | CLONE_NEWNS)); }

int WaitForMaps(Zygote& zygote) {
  About("id maps");
  if (int error = Send(kSocket, Type::kUserNamespaceMade, nullptr, 0)) return error;
  if (int error = ReceiveOnly(Type::kMapsWritten, zygote.packet)) return error;
  zygote.packet.CloseFds();
  return 0;
}

int WaitForPlan(Zygote& zygote) {
  About("BuildSlot");
  if (int error = ReceiveOnly(Type::kBuildSlot, zygote.packet)) return error;
  return zygote.packet.Read(zygote.plan) ? 0 : EPROTO;
}

// The tail goes with the packet, and the inits come later.
int KeepLandlock(Zygote& zygote) {
  About("rules");
  const std::size_t at =
      sizeof(wire::BuildSlot) + zygote.plan.mount_count * sizeof(wire::MountStep);
  return ReadLandlock(zygote.packet, at, zygote.plan.landlock, zygote.landlock);
}

int BecomeSetupId(Zygote& zygote) {
  const unsigned id = zygote.plan.setup_id;
  if (::syscall(SYS_setresgid, id, id, id) != 0) return errno;
  if (::syscall(SYS_setresuid, id, id, id) != 0) return errno;
  // Both were undone by the change of ids (prctl(2)).
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
  return ErrnoOf(::prctl(PR_SET_DUMPABLE, 0));
}

// The limits of this user namespace, written while the host's procfs is still in reach. At medium
// and high a guest cannot make user namespaces at all; of the others a Jail needs one each, an Exec
// one cgroup namespace, and the rest is the backlog of those that the kernel is still taking apart.
// At low they also bound what a guest can nest, since the limits of a user namespace hold for those
// inside it (namespaces(7)).
int BoundNamespaces(Zygote& zygote) {
  static constexpr const char* kBounds[][2] = {
      {"/proc/sys/user/max_mnt_namespaces", "64"},     {"/proc/sys/user/max_pid_namespaces", "64"},
      {"/proc/sys/user/max_net_namespaces", "64"},     {"/proc/sys/user/max_ipc_namespaces", "64"},
      {"/proc/sys/user/max_uts_namespaces", "64"},     {"/proc/sys/user/max_time_namespaces", "64"},
      {"/proc/sys/user/max_cgroup_namespaces", "1024"}};
  for (const auto& bound : kBounds) {
    About(bound[0]);
    if (int error = WriteControl(AT_FDCWD, bound[0], bound[1])) return error;
  }
  About("/proc/sys/user/max_user_namespaces");
  return WriteControl(AT_FDCWD, "/proc/sys/user/max_user_namespaces",
                      zygote.plan.forbid_user_ns == 0 ? "64" : "0");
}

int MakeMountsPrivate(Zygote&) {
  return ErrnoOf(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
}

int StartRoot(Zygote& zygote) { return MakeTop(zygote.root); }

int FillRoot(Zygote& zygote) {
  const int error = RunMountSteps(zygote.root, zygote.plan.mount_count, zygote.packet);
  zygote.packet.CloseFds();
  return error;
}

int PlaceProc(Zygote& zygote) {
  return MountProcPlaceholder(zygote.root, zygote.plan.system_files != 0);
}
int PlaceSys(Zygote& zygote) {
  return zygote.plan.system_files == 0 ? 0 : MountSysPlaceholder(zygote.root);
}
int PivotRoot(Zygote& zygote) { return EnterRoot(zygote.root); }
int MakeRootReadOnly(Zygote& zygote) { return SealRoot(zygote.root); }

int MakeSealedNetwork(Zygote& zygote) {
  return zygote.plan.sealed_network == 0 ? 0 : ErrnoOf(::unshare(CLONE_NEWNET));
}

// Inside the user namespace, since entering one makes the set full again.
int DropBounding(Zygote& zygote) {
  const std::uint64_t keep = zygote.plan.capabilities;
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    if ((keep >> capability & 1U) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability) != 0) return errno;
  }
  About("securebits");
  // A payload that is to have some raises them, and then locks the rest itself.
  if (::prctl(PR_SET_SECUREBITS, keep == 0 ? kAllSecurebits : kEarlySecurebits) != 0) return errno;
  About("ambient set");
  return ErrnoOf(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
}

int SetNoNewPrivs(Zygote&) { return ErrnoOf(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

constexpr StepOf<Zygote> kSlotSteps[] = {
    {Step::kLifeline, HoldLifeline},
    {Step::kUnshareUser, UnshareUser},
    {Step::kUnshareUser, WaitForMaps},
    {Step::kUnshareUser, WaitForPlan},
    {Step::kLandlock, KeepLandlock},
    {Step::kBecomeSetupId, BecomeSetupId},
    {Step::kForbidUserNamespaces, BoundNamespaces},
    {Step::kPrivateMounts, MakeMountsPrivate},
    {Step::kBuildRoot, StartRoot},
    {Step::kBuildRoot, FillRoot},
    {Step::kProc, PlaceProc},
    {Step::kSys, PlaceSys},
    {Step::kPivotRoot, PivotRoot},
    {Step::kSealRoot, MakeRootReadOnly},
    {Step::kSealedNetwork, MakeSealedNetwork},
    {Step::kDropBounding, DropBounding},
    {Step::kNoNewPrivs, SetNoNewPrivs},
};

[[noreturn]] void GiveUp(Step step, int error) {
  SendFailed(kSocket, step, error);
  ::_exit(1);
}

void KillInit(Zygote& zygote) {
  if (zygote.init >= 0) ::syscall(SYS_pidfd_send_signal, zygote.init, SIGKILL, nullptr, 0);
}

// Reaped means that its pid namespace is empty: the kernel holds a dead pid 1 back until all others
// are gone (zap_pid_ns_processes).
int ReapInit(Zygote& zygote, wire::InitGone& gone) {
  siginfo_t info = {};
  while (::waitid(P_PIDFD, static_cast<id_t>(zygote.init), &info, WEXITED) != 0) {
    if (errno != EINTR) return errno;
  }
  CloseFd(zygote.init);
  gone.wait_status = info.si_status;
  gone.si_code = info.si_code;
  return 0;
}

void ReportGone(Zygote& zygote) {
  wire::InitGone gone;
  About("init");
  if (int error = ReapInit(zygote, gone)) GiveUp(Step::kCloneInit, error);
  if (Send(kSocket, Type::kInitGone, gone) != 0) ::_exit(0);
}

[[noreturn]] void EndWithOwner(Zygote& zygote) {
  KillInit(zygote);
  wire::InitGone gone;
  if (zygote.init >= 0) (void)ReapInit(zygote, gone);
  ::_exit(0);
}

// fork(2) in the new namespaces: init has an address space of its own, so that what is said about
// the memory of one (dumpable) holds for it alone, and the zygote stays free.
void SpawnInit(Zygote& zygote, Packet& packet) {
  wire::SpawnInit plan;
  wire::EgressNet egress;
  About("SpawnInit");
  if (!packet.Read(plan) || (plan.egress != 0 && !packet.ReadAt(sizeof(plan), egress)) ||
      packet.fd_count < 2 || zygote.init >= 0) {
    GiveUp(Step::kCloneInit, zygote.init >= 0 ? EBUSY : EPROTO);
  }
  int pidfd = -1;
  clone_args args = {};
  args.flags = CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
  if (plan.new_network != wire::SpawnInit::kSlots) args.flags |= CLONE_NEWNET;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &args, sizeof(args));
  if (pid < 0) GiveUp(Step::kCloneInit, errno);
  if (pid == 0) {
    const int lifeline = packet.TakeFd(1);
    ::close(kSocket);
    ::close(kLifeline);
    InitMain(plan, zygote.landlock, plan.egress != 0 ? &egress : nullptr, packet.TakeFd(0),
             lifeline, packet.TakeFd(2));
  }
  packet.CloseFds();
  zygote.init = pidfd;
  wire::InitSpawned spawned;
  spawned.pid = static_cast<std::int32_t>(pid);
  if (Send(kSocket, Type::kInitSpawned, spawned, pidfd) != 0) EndWithOwner(zygote);
}

void HandleMessage(Zygote& zygote) {
  Packet& packet = zygote.packet;
  const int error = Receive(kSocket, packet);
  if (error == ECONNRESET) EndWithOwner(zygote);
  if (error == 0 && packet.type == Type::kSpawnInit) {
    SpawnInit(zygote, packet);
  } else if (error == 0 && packet.type == Type::kKillInit) {
    KillInit(zygote);
  } else {
    KillInit(zygote);
    About("message");
    GiveUp(Step::kCloneInit, EPROTO);
  }
  packet.CloseFds();
}

[[noreturn]] void Serve(Zygote& zygote) {
  for (;;) {
    // poll(2) ignores a negative descriptor: without an init only the first two count.
    pollfd watched[3] = {{kSocket, POLLIN, 0}, {kLifeline, 0, 0}, {zygote.init, POLLIN, 0}};
    if (::poll(watched, 3, -1) < 0) {
      if (errno == EINTR) continue;
      EndWithOwner(zygote);
    }
    if (watched[1].revents != 0) EndWithOwner(zygote);
    if (watched[2].revents != 0) ReportGone(zygote);
    if ((watched[0].revents & POLLIN) != 0) {
      HandleMessage(zygote);
    } else if (watched[0].revents != 0) {
      EndWithOwner(zygote);
    }
  }
}

}  // namespace

int ZygoteMain() {
  static Zygote zygote;
  const Trouble trouble = RunSteps(kSlotSteps, zygote);
  if (trouble.error != 0) GiveUp(trouble.step, trouble.error);
  if (Send(kSocket, Type::kSlotReady, nullptr, 0) != 0) return 0;
  Serve(zygote);
}

}  // namespace fabro::jail::child
