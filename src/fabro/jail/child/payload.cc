#include "fabro/jail/child/payload.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "fabro/jail/child/securebits.h"
#include "fabro/jail/child/steps.h"

namespace fabro::jail::child {
namespace {

using wire::Step;
using wire::Type;

// Where the payload's own descriptors stand once the guest's are in place.
constexpr int kStatusFd = 3;
constexpr int kProgramFd = 4;
constexpr int kExitNotStarted = 125;

// v1: one `tasks` file a controller; v2: one cgroup.procs, unless the clone was into it. Opened by
// the jailer, whose rights count (kernel 5.16, "use open-time credentials"); written by the process
// that enters, never by another.
int EnterCgroup(Payload& payload) {
  for (int i = 0; i < payload.exec.leaf_fds; ++i) {
    About("cgroup descriptor ", Path().AddNumber(static_cast<std::uint64_t>(i)).c_str());
    if (::write(payload.leaf[i], "0", 1) != 1) return errno;
  }
  return 0;
}

// Through init's mount of the procfs: that of the guest is read-only, so that this holds.
int VolunteerForOom(Payload& payload) {
  About("/proc/self/oom_score_adj");
  // See init.cc, MakeTimeNamespace: still the set-up id, which no guest has.
  if (::prctl(PR_SET_DUMPABLE, 1) != 0) return errno;
  int file = ::openat(payload.proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  int error = ErrnoOf(file);
  if (int sealed = ErrnoOf(::prctl(PR_SET_DUMPABLE, 0))) return sealed;
  if (error == 0) error = ErrnoOf(::write(file, "1000", 4));
  CloseFd(file);
  return error;
}

// After entering: the root of the namespace is the leaf, and no name above it can be read.
int MakeCgroupNamespace(Payload& payload) {
  return payload.exec.cgroup_namespace == 0 ? 0 : ErrnoOf(::unshare(CLONE_NEWCGROUP));
}

int StartSession(Payload&) { return ErrnoOf(::setsid()); }

int TakeTerminal(Payload& payload) {
  if (payload.exec.tty == 0) return 0;
  if (::ioctl(payload.terminal, TIOCSCTTY, 0) != 0) return errno;
  for (int& fd : payload.stdio) fd = payload.terminal;
  return 0;
}

// A wish above the inherited hard limit is cut to it: root of a machine may lack CAP_SYS_RESOURCE.
int SetRlimit(const wire::Rlimit& wish) {
  const auto resource = static_cast<__rlimit_resource>(wish.resource);
  rlimit next = {wish.soft, wish.hard};
  if (next.rlim_cur > next.rlim_max) next.rlim_cur = next.rlim_max;
  if (::setrlimit(resource, &next) == 0) return 0;
  if (errno != EPERM) return errno;
  rlimit now;
  if (::getrlimit(resource, &now) != 0) return errno;
  if (next.rlim_max > now.rlim_max) next.rlim_max = now.rlim_max;
  if (next.rlim_cur > next.rlim_max) next.rlim_cur = next.rlim_max;
  return ErrnoOf(::setrlimit(resource, &next));
}

int SetRlimitsWhere(const Payload& payload, bool files) {
  for (int i = 0; i < payload.exec.rlimit_count; ++i) {
    const wire::Rlimit& wish = payload.exec.rlimits[i];
    if ((wish.resource == RLIMIT_NOFILE) != files) continue;
    About("rlimit ", Path().AddNumber(wish.resource).c_str());
    if (int error = SetRlimit(wish)) return error;
  }
  return 0;
}

int SetRlimits(Payload& payload) { return SetRlimitsWhere(payload, false); }
// Only once all of our own descriptors are open.
int LimitFiles(Payload& payload) { return SetRlimitsWhere(payload, true); }

// All sources are moved above the targets first, so that no dup2 overwrites a source.
int PlaceStdio(Payload& payload) {
  constexpr int kAbove = 64;
  int sources[3];
  for (int i = 0; i < 3; ++i) {
    sources[i] = ::fcntl(payload.stdio[i], F_DUPFD_CLOEXEC, kAbove);
    if (sources[i] < 0) return errno;
  }
  const int status = ::fcntl(payload.status, F_DUPFD_CLOEXEC, kAbove);
  if (status < 0) return errno;
  const int program = payload.program < 0 ? -1 : ::fcntl(payload.program, F_DUPFD_CLOEXEC, kAbove);
  if (payload.program >= 0 && program < 0) return errno;
  payload.status = status;  // The old number may be one of those that are filled now.
  for (int i = 0; i < 3; ++i) {
    if (::dup2(sources[i], i) < 0) return errno;
  }
  if (::dup3(status, kStatusFd, O_CLOEXEC) < 0) return errno;
  payload.status = kStatusFd;
  if (program >= 0 && ::dup3(program, kProgramFd, O_CLOEXEC) < 0) return errno;
  payload.program = program < 0 ? -1 : kProgramFd;
  return 0;
}

int CloseOthers(Payload& payload) {
  const unsigned first = payload.program < 0 ? kStatusFd + 1 : kProgramFd + 1;
  return ErrnoOf(::syscall(SYS_close_range, first, ~0U, 0));
}

int EnterWorkdir(Payload& payload) {
  ::umask(022);
  About(payload.exec.cwd);
  if (::chdir(payload.exec.cwd) != 0) return errno;
  // A directory outside of the root has no name in it: the kernel says "(unreachable)…", and we
  // have left the sandbox (CVE-2024-21626).
  char where[4096];
  const long length = ::syscall(SYS_getcwd, where, sizeof(where));
  if (length < 0) return errno;
  return where[0] == '/' ? 0 : EXDEV;
}

int BecomeTask(Payload& payload) {
  // Denied in a user namespace whose maps an unprivileged process wrote, and then not needed: the
  // zygote emptied the groups before.
  if (::syscall(SYS_setgroups, 0, nullptr) != 0 && errno != EPERM) return errno;
  const unsigned id = payload.exec.task_id;
  if (::syscall(SYS_setresgid, id, id, id) != 0) return errno;
  if (::syscall(SYS_setresuid, id, id, id) != 0) return errno;
  return ErrnoOf(::prctl(PR_SET_PDEATHSIG, SIGKILL));
}

int SetCapabilities(std::uint64_t permitted, std::uint64_t inheritable) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  for (unsigned half = 0; half < 2; ++half) {
    sets[half].permitted = static_cast<std::uint32_t>(permitted >> (32 * half));
    sets[half].effective = sets[half].permitted;
    sets[half].inheritable = static_cast<std::uint32_t>(inheritable >> (32 * half));
  }
  return ErrnoOf(::syscall(SYS_capset, &header, sets));
}

// Ambient ones stay over the execve of a program without file capabilities. No others can follow.
int RaiseAmbient(std::uint64_t wanted) {
  About("ambient set");
  if (int error = SetCapabilities(wanted | std::uint64_t{1} << CAP_SETPCAP, wanted)) return error;
  for (unsigned capability = 0; capability < 64; ++capability) {
    if ((wanted >> capability & 1U) == 0) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) return errno;
  }
  About("securebits");
  return ErrnoOf(::prctl(PR_SET_SECUREBITS, kAllSecurebits));
}

// Drops all but what the command is to have, and looks whether the zygote did the rest.
int DropCapabilities(Payload& payload) {
  // First: where fs.suid_dumpable is 1 the change of ids left us open to a guest of the same id,
  // and only the capabilities that we give up now keep it from tracing us.
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return errno;
  const std::uint64_t wanted = payload.exec.capabilities;
  if (wanted != 0) {
    if (int error = RaiseAmbient(wanted)) return error;
  }
  About("capset(2)");
  if (int error = SetCapabilities(wanted, wanted)) return error;
  for (int capability = 0;; ++capability) {
    const int bounding = ::prctl(PR_CAPBSET_READ, capability);
    if (bounding < 0) break;  // Above the last one that this kernel knows.
    const int ambient = ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0);
    const bool bounded = (bounding != 0) == ((payload.exec.bounding >> capability & 1U) != 0);
    if (bounded && (ambient != 0) == ((wanted >> capability & 1U) != 0)) continue;
    About(bounded ? "ambient set, capability " : "bounding set, capability ",
          Path().AddNumber(static_cast<std::uint64_t>(capability)).c_str());
    return EPERM;
  }
  About("no_new_privs");
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return EPERM;
  // Said last: a change of credentials may clear it.
  return ErrnoOf(::prctl(PR_SET_PDEATHSIG, SIGKILL));
}

// Stays over the exec and for all children (prctl(2), PR_SET_MDWE; Linux 6.3).
int DenyWrittenCode(Payload& payload) {
  if (payload.exec.deny_jit == 0) return 0;
  About("PR_SET_MDWE");
  constexpr int kSetMdwe = 65;
  constexpr unsigned long kRefuseExecGain = 1;
  return ErrnoOf(::prctl(kSetMdwe, kRefuseExecGain, 0UL, 0UL, 0UL));
}

// Under the filter from here on: only sendmsg, close and execve follow, which every level lets
// through (isolation.md 2.4).
int LoadFilter(Payload& payload) {
  sock_fprog program = {static_cast<unsigned short>(payload.exec.filter_count), payload.filter};
  About("seccomp(2)");
  if (payload.exec.want_listener == 0) {
    return ErrnoOf(
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, &program));
  }
  constexpr unsigned long kKillable =
      SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  long listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, kKillable, &program);
  if (listener < 0 && errno == EINVAL) {  // Before Linux 5.19, or a filter that it refuses anyway.
    listener =
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  }
  if (listener < 0) return errno;
  About("listener");
  int fd = static_cast<int>(listener);
  const int error = Send(payload.status, Type::kListener, nullptr, 0, &fd, 1);
  CloseFd(fd);
  return error;
}

// As execvp(3) searches, without its shell for scripts that lack "#!", and without the empty entry
// that means the current directory. A file that may not be executed is said before one not there.
int ExecuteByPath(Payload& payload) {
  int best = ENOENT;
  Path first_denied;
  for (const char* at = payload.exec.path; *at != '\0';) {
    const char* end = std::strchr(at, ':');
    const std::size_t length =
        end == nullptr ? std::strlen(at) : static_cast<std::size_t>(end - at);
    char directory[wire::kPathMax] = {};
    // NOLINTNEXTLINE(bugprone-not-null-terminated-result): the array is zeroes.
    std::memcpy(directory, at, length);
    at += length + (end == nullptr ? 0 : 1);
    if (length == 0) continue;
    Path candidate(directory);
    candidate.Add("/").Add(payload.argv[0]);
    if (!candidate.ok()) continue;
    ::execve(candidate.c_str(), payload.argv, payload.env);
    if (errno == ENOENT || errno == ENOTDIR) continue;
    if (errno != EACCES) {
      const int error = errno;
      About(candidate.c_str());
      return error;
    }
    if (best != EACCES) first_denied = candidate;
    best = EACCES;
  }
  About(best == EACCES ? first_denied.c_str() : payload.argv[0]);
  return best;
}

int Execute(Payload& payload) {
  About(payload.argv[0]);
  if (payload.program >= 0) {
    // By name, since the level high answers execveat(2) with ENOSYS.
    Path program("/proc/self/fd/");
    ::execve(program.AddNumber(kProgramFd).c_str(), payload.argv, payload.env);
    return errno;
  }
  if (std::strchr(payload.argv[0], '/') == nullptr) return ExecuteByPath(payload);
  ::execve(payload.argv[0], payload.argv, payload.env);
  return errno;
}

constexpr StepOf<Payload> kExecSteps[] = {
    {Step::kEnterCgroup, EnterCgroup},
    {Step::kCgroupNamespace, MakeCgroupNamespace},
    {Step::kTerminal, StartSession},
    {Step::kTerminal, TakeTerminal},
    {Step::kRlimits, SetRlimits},
    {Step::kRlimits, VolunteerForOom},
    {Step::kStdio, PlaceStdio},
    {Step::kCloseFds, CloseOthers},
    {Step::kWorkdir, EnterWorkdir},
    {Step::kIdentity, BecomeTask},
    {Step::kCapabilities, DropCapabilities},
    {Step::kRlimits, LimitFiles},
    {Step::kSeccomp, DenyWrittenCode},
    {Step::kSeccomp, LoadFilter},
    {Step::kExecve, Execute},
};

// Points `out` at `count` strings from `at`; where the next one would be, or nullptr.
char* ReadStrings(char* at, const char* end, std::uint32_t count, char** out) {
  for (std::uint32_t i = 0; i < count; ++i) {
    char* stop = at < end
                     ? static_cast<char*>(std::memchr(at, '\0', static_cast<std::size_t>(end - at)))
                     : nullptr;
    if (stop == nullptr) return nullptr;
    out[i] = at;
    at = stop + 1;
  }
  out[count] = nullptr;
  return at;
}

int ReadTail(Packet& packet, Payload& payload) {
  const wire::Exec& exec = payload.exec;
  char* tail = packet.body + sizeof(wire::Exec);
  const std::size_t length = packet.length - sizeof(wire::Exec);
  if (exec.argc == 0 || exec.argc > kMaxStrings || exec.envc > kMaxStrings) return E2BIG;
  if (exec.filter_count == 0 || exec.filter_count > BPF_MAXINSNS) return EPROTO;
  if (exec.string_bytes > length) return EPROTO;
  const std::size_t filter_at = (std::size_t{exec.string_bytes} + 7) / 8 * 8;
  if (length != filter_at + exec.filter_count * sizeof(sock_filter)) return EPROTO;
  const char* end = tail + exec.string_bytes;
  char* env = ReadStrings(tail, end, exec.argc, payload.argv);
  char* rest = env == nullptr ? nullptr : ReadStrings(env, end, exec.envc, payload.env);
  if (rest != end) return EPROTO;
  payload.filter = reinterpret_cast<sock_filter*>(tail + filter_at);
  return 0;
}

int TakeDescriptors(Packet& packet, Payload& payload) {
  const wire::Exec& exec = payload.exec;
  int next = 0;
  payload.status = packet.TakeFd(next++);
  if (exec.tty == 0) {
    for (int& fd : payload.stdio) fd = packet.TakeFd(next++);
  }
  for (int i = 0; i < exec.leaf_fds; ++i) payload.leaf[i] = packet.TakeFd(next++);
  if (exec.has_leaf_dir != 0) payload.leaf_dir = packet.TakeFd(next++);
  if (exec.has_program != 0) payload.program = packet.TakeFd(next++);
  return next == packet.fd_count ? 0 : EBADF;
}

}  // namespace

int ReadPayload(Packet& packet, Payload& payload) {
  payload.status = payload.leaf_dir = payload.program = payload.terminal = payload.proc = -1;
  for (int& fd : payload.stdio) fd = -1;
  for (int& fd : payload.leaf) fd = -1;
  payload.exec = {};
  if (!packet.Read(payload.exec)) return EPROTO;
  const wire::Exec& exec = payload.exec;
  if (exec.leaf_fds > wire::kMaxLeafFds || exec.rlimit_count > wire::kMaxRlimits) return EPROTO;
  if (int error = TakeDescriptors(packet, payload)) return error;
  if (exec.exec_id == 0 || !Terminated(exec.cwd) || !Terminated(exec.path)) return EPROTO;
  return ReadTail(packet, payload);
}

void ClosePayload(Payload& payload) {
  CloseFd(payload.status);
  for (int& fd : payload.stdio) CloseFd(fd);
  for (int& fd : payload.leaf) CloseFd(fd);
  CloseFd(payload.leaf_dir);
  CloseFd(payload.program);
  CloseFd(payload.terminal);
}

int OpenTerminal(Payload& payload, int* master) {
  if (payload.exec.tty == 0) return 0;
  About("/dev/pts/ptmx");
  constexpr int kFlags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  *master = ::open("/dev/pts/ptmx", kFlags);
  if (*master < 0) return errno;
  int unlocked = 0;
  if (::ioctl(*master, TIOCSPTLCK, &unlocked) != 0) return errno;
  // By descriptor: the name in /dev/pts is nothing that we have to trust.
  payload.terminal = ::ioctl(*master, TIOCGPTPEER, kFlags);
  if (payload.terminal < 0) return errno;
  winsize size = {};
  size.ws_row = payload.exec.tty_rows;
  size.ws_col = payload.exec.tty_cols;
  if (::ioctl(*master, TIOCSWINSZ, &size) != 0) return errno;
  return ErrnoOf(::fchown(payload.terminal, payload.exec.task_id, payload.exec.task_id));
}

void PayloadMain(Payload& payload) {
  UnblockSignals();
  const Trouble trouble = RunSteps(kExecSteps, payload);
  SendFailed(payload.status, trouble.step, trouble.error, payload.exec.exec_id);
  ::_exit(kExitNotStarted);
}

}  // namespace fabro::jail::child
