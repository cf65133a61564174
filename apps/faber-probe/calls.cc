// Rows that are one system call: what the kernel or the filter answers is the whole result.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <unistd.h>

#include <linux/capability.h>
#include <cerrno>
#include <cstdint>
#include <ctime>

#include "probe.h"

namespace probe {
namespace {

long Raw(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  return ::syscall(number, a, b, c, d, e, f);
}
long Address(const void* pointer) { return reinterpret_cast<long>(pointer); }

int Remount(const Arguments&) {
  return MustFail(::mount(nullptr, "/usr", nullptr, MS_REMOUNT | MS_BIND, nullptr),
                  "remount /usr rw");
}
int MountTmpfs(const Arguments&) {
  return MustFail(::mount("none", "/mnt", "tmpfs", 0, nullptr), "mount tmpfs");
}
int MountCgroup(const Arguments&) {
  return MustFail(::mount("none", "/tmp", "cgroup2", 0, nullptr), "mount cgroup2");
}
int MountReleaseAgent(const Arguments&) {
  return MustFail(::mount("none", "/tmp", "cgroup", 0, "memory"), "mount cgroup v1");
}
int Chroot(const Arguments&) {
  ::mkdir("/tmp/j", 0755);
  return MustFail(::chroot("/tmp/j"), "chroot");
}
int PivotRoot(const Arguments&) {
  return MustFail(Raw(SYS_pivot_root, Address("."), Address(".")), "pivot_root");
}
int Umount(const Arguments&) { return MustFail(::umount2("/", MNT_DETACH), "umount /"); }
int OpenByHandle(const Arguments&) {
  alignas(8) char handle[16] = {8, 0, 0, 0, 1, 0, 0, 0, 2};
  return MustFail(Raw(SYS_open_by_handle_at, 0, Address(handle), O_RDONLY), "inode 2");
}
int Fsopen(const Arguments&) {
  return MustFail(Raw(SYS_fsopen, Address("ext4"), 0), "fsopen ext4");
}
int OpenTree(const Arguments&) {
  return MustFail(Raw(SYS_open_tree, AT_FDCWD, Address("/"), 1), "open_tree clone");
}
int OverlayNamespace(const Arguments&) {
  return MustFail(::unshare(CLONE_NEWUSER | CLONE_NEWNS), "user and mount namespace");
}
int BlockDevice(const Arguments&) {
  return MustFail(::mknod("/tmp/sda", S_IFBLK | 0600, makedev(8, 0)), "mknod block 8:0");
}
int Unshare(const Arguments&) { return MustFail(::unshare(CLONE_NEWUSER), "unshare(NEWUSER)"); }
int CloneUser(const Arguments&) {
  const long pid = Raw(SYS_clone, CLONE_NEWUSER | SIGCHLD);
  if (pid == 0) ::_exit(0);
  return MustFail(pid, "clone(NEWUSER)");
}
int Clone3User(const Arguments&) {
  clone_args args = {};
  args.flags = CLONE_NEWUSER;
  args.exit_signal = SIGCHLD;
  const long pid = Raw(SYS_clone3, Address(&args), sizeof(args));
  if (pid == 0) ::_exit(0);
  return MustFail(pid, "clone3(NEWUSER)");
}
int Setns(const Arguments&) {
  return MustFail(::setns(::open("/proc/self/ns/net", O_RDONLY), 0), "setns own net");
}
int PtraceInit(const Arguments&) {
  return MustFail(::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr), "attach to pid 1");
}
int WriteMemory(const Arguments&) {
  char byte = 0;
  iovec local = {&byte, 1};
  return MustFail(Raw(SYS_process_vm_writev, 1, Address(&local), 1, Address(&local), 1),
                  "write memory of pid 1");
}
int StealDescriptor(const Arguments&) {
  return MustFail(Raw(SYS_pidfd_getfd, Raw(SYS_pidfd_open, 1), 0), "descriptor 0 of pid 1");
}
int SetUid(const Arguments&) { return MustFail(::setuid(0), "setuid(0)"); }
int SetResUid(const Arguments&) { return MustFail(::setresuid(0, 0, 0), "setresuid(0,0,0)"); }
int SetGroups(const Arguments&) {
  gid_t group = 0;
  return MustFail(Raw(SYS_setgroups, 1, Address(&group)), "setgroups(0)");
}
int Capset(const Arguments&) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct all[2] = {{~0U, ~0U, ~0U}, {~0U, ~0U, ~0U}};
  return MustFail(Raw(SYS_capset, Address(&header), Address(all)), "all capabilities");
}
int Ambient(const Arguments&) {
  return MustFail(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0), "ambient");
}
int DropNoNewPrivs(const Arguments&) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0) return Fail("OK", "NNP unset");
  const int error = errno;
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return Fail("0", "no_new_privs");
  return Pass(ErrnoWord(error), "still 1");
}
int AddKey(const Arguments&) {
  return MustFail(Raw(SYS_add_key, Address("user"), Address("x"), Address("y"), 1, -4), "add_key");
}
int Keyctl(const Arguments&) { return MustFail(Raw(SYS_keyctl, 0, -3, 1), "session keyring"); }
int Bpf(const Arguments&) {
  bpf_attr attributes = {};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = 4;
  attributes.max_entries = 1;
  return MustFail(Raw(SYS_bpf, BPF_MAP_CREATE, Address(&attributes), sizeof(attributes)),
                  "bpf map");
}
int Perf(const Arguments&) {
  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  return MustFail(Raw(SYS_perf_event_open, Address(&attributes), 0, -1, -1, 0), "perf");
}
int Userfaultfd(const Arguments&) {
  return MustFail(Raw(SYS_userfaultfd, O_CLOEXEC), "userfaultfd");
}
int UringSetup(const Arguments&) {
  io_uring_params parameters = {};
  return MustFail(Raw(SYS_io_uring_setup, 8, Address(&parameters)), "io_uring_setup");
}
int UringEnter(const Arguments&) {
  return MustFail(Raw(SYS_io_uring_enter, 0, 1), "io_uring_enter");
}
int LoadModule(const Arguments&) {
  return MustFail(Raw(SYS_finit_module, 0, Address(""), 0), "finit_module");
}
int Kexec(const Arguments&) { return MustFail(Raw(SYS_kexec_load), "kexec_load"); }
int Reboot(const Arguments&) {
  // CAD_ON: harmless even where it is allowed.
  return MustFail(
      Raw(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_ON), "reboot");
}
int HighBits(const Arguments&) {
  return MustFail(
      Raw(SYS_ioctl, 0, static_cast<long>(TIOCSTI | (std::uint64_t{1} << 32)), Address("x")),
      "TIOCSTI with a high bit");
}
int TypeIntoTerminal(const Arguments&) { return MustFail(::ioctl(0, TIOCSTI, "x"), "TIOCSTI"); }
int Personality(const Arguments&) {
  return MustFail(::personality(READ_IMPLIES_EXEC), "READ_IMPLIES_EXEC");
}
int PageZero(const Arguments&) {
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  return MustFail(page == MAP_FAILED ? -1 : 0, "mmap page zero");
}
int ModifyLdt(const Arguments&) { return MustFail(Raw(SYS_modify_ldt, 0, 0, 0), "modify_ldt"); }
int Iopl(const Arguments&) { return MustFail(Raw(SYS_iopl, 3), "iopl"); }
int ClockSettime(const Arguments&) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return MustFail(::clock_settime(CLOCK_REALTIME, &now), "clock_settime");
}
int Adjtimex(const Arguments&) {
  timex change = {};
  change.modes = ADJ_SETOFFSET;
  return MustFail(Raw(SYS_adjtimex, Address(&change)), "ADJ_SETOFFSET");
}
int Syslog(const Arguments&) {
  char text[64] = {};
  return MustFail(Raw(SYS_syslog, 3, Address(text), sizeof(text)), "kernel log");
}
int Sethostname(const Arguments&) { return MustFail(::sethostname("x", 1), "sethostname"); }
int RealTime(const Arguments&) {
  sched_param priority = {.sched_priority = 99};
  return MustFail(::sched_setscheduler(0, SCHED_FIFO, &priority), "SCHED_FIFO");
}
int HugePages(const Arguments&) {
  void* page = ::mmap(nullptr, 1U << 21U, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
  return MustFail(page == MAP_FAILED ? -1 : 0, "MAP_HUGETLB");
}
int LockAll(const Arguments&) {
  // The limit is met at the first mapping above it, not before.
  if (::mlockall(MCL_FUTURE) != 0) return Pass(ErrnoWord(errno), "mlockall");
  void* memory =
      ::mmap(nullptr, 1U << 24U, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return MustFail(memory == MAP_FAILED ? -1 : 0, "16 MiB under mlockall");
}
int Fanotify(const Arguments&) { return MustFail(Raw(SYS_fanotify_init, 0, 0), "fanotify_init"); }

constexpr Probe kCalls[] = {{"A4", Remount},
                            {"A5", Chroot},
                            {"A6a", PivotRoot},
                            {"A6b", Umount},
                            {"A7", OpenByHandle},
                            {"A18", BlockDevice},
                            {"A23", MountCgroup},
                            {"A24", MountReleaseAgent},
                            {"A25", OverlayNamespace},
                            {"A26", Fsopen},
                            {"A26b", OpenTree},
                            {"B4", PtraceInit},
                            {"B5", WriteMemory},
                            {"B6", StealDescriptor},
                            {"B7a", SetUid},
                            {"B7b", SetResUid},
                            {"B7c", SetGroups},
                            {"B9a", Unshare},
                            {"B9b", CloneUser},
                            {"B10", Setns},
                            {"B11a", Capset},
                            {"B11b", Ambient},
                            {"B12", DropNoNewPrivs},
                            {"B13a", AddKey},
                            {"B13b", Keyctl},
                            {"B14", Bpf},
                            {"B15", Perf},
                            {"B16", Userfaultfd},
                            {"B17a", UringSetup},
                            {"B17b", UringEnter},
                            {"B18a", LoadModule},
                            {"B18b", Kexec},
                            {"B18c", Reboot},
                            {"B20", Clone3User},
                            {"B21", HighBits},
                            {"B22", Personality},
                            {"B23", PageZero},
                            {"B24a", ModifyLdt},
                            {"B24b", Iopl},
                            {"B33a", ClockSettime},
                            {"B33b", Adjtimex},
                            {"B35", Syslog},
                            {"B36", Sethostname},
                            {"B37", RealTime},
                            {"B39", TypeIntoTerminal},
                            {"C11b", Fanotify},
                            {"R6", LockAll},
                            {"R7", HugePages},
                            {"mount", MountTmpfs}};

}  // namespace

std::span<const Probe> Calls() { return kCalls; }

}  // namespace probe
