#include "fabro/egress/confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "fabro/linux/seccomp/load.h"
#include "fabro/linux/seccomp/seccomp.h"

namespace fabro::egress {
namespace {

// The calls of a relay, of c-ares and of the C library between them.
constexpr int kAllowed[] = {
    SYS_read,       SYS_write,        SYS_readv,          SYS_writev,
    SYS_recvmsg,    SYS_recvfrom,     SYS_sendmsg,        SYS_sendto,
    SYS_close,      SYS_epoll_pwait,  SYS_epoll_ctl,      SYS_accept4,
    SYS_connect,    SYS_getsockname,  SYS_getpeername,    SYS_getsockopt,
    SYS_setsockopt, SYS_shutdown,     SYS_splice,         SYS_pipe2,
    SYS_fcntl,      SYS_munmap,       SYS_mremap,         SYS_brk,
    SYS_madvise,    SYS_futex,        SYS_clock_gettime,  SYS_gettimeofday,
    SYS_getrandom,  SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_restart_syscall,
    SYS_exit,       SYS_exit_group,   SYS_getpid,         SYS_gettid,
    SYS_fstat,      SYS_lseek,        SYS_uname,          SYS_ppoll,
#ifdef SYS_epoll_wait
    SYS_epoll_wait, SYS_poll,
#endif
};

// What the C library may still look for is not there.
constexpr int kNotThere[] = {
    SYS_openat, SYS_newfstatat, SYS_faccessat,
#ifdef SYS_open
    SYS_open,   SYS_stat,       SYS_access,
#endif
};

sock_filter Insn(std::uint16_t code, std::uint32_t k, std::uint8_t jt = 0, std::uint8_t jf = 0) {
  return {code, jt, jf, k};
}

void Load(std::vector<sock_filter>& out, std::size_t offset) {
  out.push_back(Insn(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
}

void On(std::vector<sock_filter>& out, int number, std::uint32_t action) {
  out.push_back(Insn(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
  out.push_back(Insn(BPF_RET | BPF_K, action));
}

// `number` is allowed when the bits `mask` of its argument are none, else EACCES.
void OnWithout(std::vector<sock_filter>& out, int number, std::size_t argument,
               std::uint32_t mask) {
  const std::size_t offset = offsetof(seccomp_data, args) + 8 * argument;
  out.push_back(Insn(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 4));
  Load(out, offset);
  out.push_back(Insn(BPF_JMP | BPF_JSET | BPF_K, mask, 1, 0));
  out.push_back(Insn(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  out.push_back(Insn(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES));
}

std::vector<sock_filter> Filter() {
  std::vector<sock_filter> out;
  Load(out, offsetof(seccomp_data, arch));
  out.push_back(
      Insn(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(seccomp::NativeArch()), 1, 0));
  out.push_back(Insn(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  Load(out, offsetof(seccomp_data, nr));
  for (const int number : kAllowed) On(out, number, SECCOMP_RET_ALLOW);
  for (const int number : kNotThere) On(out, number, SECCOMP_RET_ERRNO | ENOENT);
  OnWithout(out, SYS_mmap, 2, PROT_EXEC);
  OnWithout(out, SYS_mprotect, 2, PROT_EXEC);
  // TCP and UDP of IPv4 and IPv6; the one netlink socket was opened before.
  static_assert(AF_INET == 2 && AF_INET6 == 10);
  out.push_back(Insn(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5));
  Load(out, offsetof(seccomp_data, args));
  out.push_back(Insn(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0));
  out.push_back(Insn(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1));
  out.push_back(Insn(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  out.push_back(Insn(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT));
  out.push_back(Insn(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  return out;
}

#ifndef LANDLOCK_CREATE_RULESET_VERSION
#define LANDLOCK_CREATE_RULESET_VERSION (1U << 0U)
#endif

// landlock(7). Rights up to those of Linux 6.10 (ABI 5); a ruleset without rules allows none.
struct LandlockRuleset {
  std::uint64_t handled_access_fs = 0;
};

Status ForbidFiles() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return {};  // The filter forbids to open anything, whoever is asked.
  constexpr unsigned kRightsOfAbi[] = {13, 14, 15, 15, 16};
  const std::size_t known = std::min<std::size_t>(static_cast<std::size_t>(abi), 5) - 1;
  const LandlockRuleset ruleset{.handled_access_fs = (std::uint64_t{1} << kRightsOfAbi[known]) - 1};
  const long fd = ::syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
  if (fd < 0) return SysFailure("landlock_create_ruleset");
  const long done = ::syscall(SYS_landlock_restrict_self, fd, 0);
  const int error = errno;
  ::close(static_cast<int>(fd));
  if (done != 0) return SysFailureOf(error, "landlock_restrict_self");
  return {};
}

Status DropCapabilities() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    // EPERM: we have no right to, and the set matters for an execve alone, which is forbidden.
    if (::prctl(PR_CAPBSET_DROP, capability) != 0 && errno != EPERM)
      return SysFailure("PR_CAPBSET_DROP");
  }
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) return SysFailure("capset");
  return {};
}

}  // namespace

Status BecomeUser(uid_t id) {
  if (::setgroups(0, nullptr) != 0) return SysFailure("setgroups");
  if (::setresgid(id, id, id) != 0) return SysFailure("setresgid");
  if (::setresuid(id, id, id) != 0) return SysFailure("setresuid");
  return {};
}

Status Confine() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return SysFailure("setrlimit", "RLIMIT_CORE");
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return SysFailure("PR_SET_DUMPABLE");
  TRY(DropCapabilities());
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SysFailure("PR_SET_NO_NEW_PRIVS");
  TRY(ForbidFiles());
  const std::vector<sock_filter> filter = Filter();
  if (const int error = seccomp::LoadFilter(filter.data(), filter.size()); error != 0) {
    return SysFailureOf(-error, "seccomp");
  }
  return {};
}

}  // namespace fabro::egress
