// The policy itself, written once more by hand from its requirements: what must be allowed, refused
// and killed, whatever somebody does to the tables.
#include <gtest/gtest.h>

#include <sstream>

#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/linux/seccomp/table.h"

namespace fabro::seccomp {
namespace {

using Args = std::array<std::uint64_t, 6>;

Verdict Ask(Level level, std::string_view name, Args args = {}, FilterOptions options = {}) {
  options.level = level;
  options.arch = Arch::kX86_64;
  seccomp_data data{};
  data.arch = AUDIT_ARCH_X86_64;
  data.nr = SyscallNumber(Arch::kX86_64, name);
  EXPECT_GE(data.nr, 0) << name;
  std::copy(args.begin(), args.end(), data.args);
  return VerdictOf(options, data);
}

std::string Both(std::string_view name, Args args = {}, FilterOptions options = {}) {
  return ToString(Ask(Level::kMedium, name, args, options)) + " / " +
         ToString(Ask(Level::kHigh, name, args, options));
}

std::vector<std::string> Words(const char* text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

constexpr FilterOptions kNoNetwork = {.sockets = Sockets::kNone};

TEST(PolicyTest, TheLoaderOfAFilterCanFinishItsWork) {
  for (const FilterOptions& options : {FilterOptions{}, kNoNetwork}) {
    for (const char* name : {"sendmsg", "close", "execve", "exit_group", "exit", "write"}) {
      EXPECT_EQ(Both(name, {}, options), "allow / allow") << name;
    }
  }
}

TEST(PolicyTest, OrdinaryProgramsCanDoTheirWork) {
  for (const auto& name : Words("read write openat close mmap munmap mprotect brk fork vfork clone "
                                "execve wait4 waitid pipe2 dup2 "
                                "dup3 poll ppoll epoll_wait futex rt_sigaction rt_sigreturn "
                                "getrandom rseq set_robust_list unlinkat "
                                "renameat2 statx getdents64 getcwd setresuid setresgid sigaltstack "
                                "nanosleep uname socketpair")) {
    const Args unix_pair = name == "socketpair" ? Args{1, 1} : Args{};
    EXPECT_EQ(Both(name, unix_pair), "allow / allow") << name;
  }
}

TEST(PolicyTest, DangerousCallsKill) {
  for (const auto& name : Words("mount umount2 pivot_root move_mount open_tree open_tree_attr "
                                "fsopen fsconfig fsmount fspick "
                                "mount_setattr chroot setns process_vm_readv process_vm_writev "
                                "kcmp pidfd_getfd process_madvise "
                                "process_mrelease bpf keyctl add_key request_key kexec_load "
                                "kexec_file_load init_module finit_module "
                                "delete_module reboot swapon swapoff acct quotactl quotactl_fd "
                                "settimeofday clock_settime iopl ioperm "
                                "open_by_handle_at lookup_dcookie sethostname setdomainname "
                                "vhangup io_uring_enter io_uring_register "
                                "userfaultfd perf_event_open")) {
    EXPECT_EQ(Both(name), "kill / kill") << name;
  }
}

TEST(PolicyTest, ProbesFailAndAreReportedAtMediumAndKillAtHigh) {
  EXPECT_EQ(Both("ptrace"), "reported EPERM / kill");
  EXPECT_EQ(Both("syslog"), "reported EPERM / kill");
  EXPECT_EQ(Both("adjtimex"), "reported EPERM / kill");
  EXPECT_EQ(Both("modify_ldt"), "reported ENOSYS / kill");
  EXPECT_EQ(Both("io_uring_setup"), "reported ENOSYS / soft ENOSYS");
  EXPECT_EQ(Both("fanotify_init"), "reported ENOSYS / kill");
  EXPECT_EQ(Both("name_to_handle_at"), "reported EOPNOTSUPP / soft EOPNOTSUPP");
  EXPECT_EQ(Both("mbind"), "reported EPERM / soft EPERM");
}

TEST(PolicyTest, NamespacesCannotBeMade) {
  for (const std::uint64_t flag :
       {0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000}) {
    EXPECT_EQ(Both("clone", {flag | 17}), "reported EPERM / kill") << std::hex << flag;
    EXPECT_EQ(Both("unshare", {flag}), "reported EPERM / kill") << std::hex << flag;
  }
  EXPECT_EQ(Both("unshare", {0x80}), "reported EPERM / kill") << "CLONE_NEWTIME";
  EXPECT_EQ(Both("unshare", {0x400 | 0x200 | 0x40000}), "allow / kill");
  EXPECT_EQ(Both("clone", {0x3D0F00}), "allow / allow") << "a thread of glibc";
  EXPECT_EQ(Both("clone3"), "soft ENOSYS / soft ENOSYS") << "glibc falls back on clone";
}

TEST(PolicyTest, OnlyListedSocketFamiliesExist) {
  EXPECT_EQ(Both("socket", {1, 1}), "allow / allow");
  EXPECT_EQ(Both("socket", {2, 1 | 02000000, 6}), "allow / allow");
  EXPECT_EQ(Both("socket", {10, 2, 17}), "allow / allow");
  EXPECT_EQ(Both("socket", {16, 3, 0}), "allow / allow");
  const std::string refused = "reported EAFNOSUPPORT / reported EAFNOSUPPORT";
  for (std::uint64_t family = 0; family < 64; ++family) {
    if (family == 1 || family == 2 || family == 10 || family == 16) continue;
    EXPECT_EQ(Both("socket", {family, 1}), refused) << family;
    EXPECT_EQ(Both("socket", {family, 1}, kNoNetwork), refused) << family;
  }
  for (const std::uint64_t protocol : {1, 33, 58, 115, 132, 136, 262}) {
    EXPECT_EQ(Both("socket", {2, 2, protocol}), refused) << protocol;
  }
  EXPECT_EQ(Both("socket", {2, 3, 1}), refused) << "raw";
  EXPECT_EQ(Both("socket", {16, 3, 12}), refused) << "netfilter";
  EXPECT_EQ(Both("socketpair", {16, 3}), refused);
}

TEST(PolicyTest, NetworkModeNoneHasNoSocketsButPairs) {
  EXPECT_EQ(Both("socket", {1, 1}, kNoNetwork), "soft EAFNOSUPPORT / soft EAFNOSUPPORT");
  EXPECT_EQ(Both("socket", {2, 1}, kNoNetwork), "soft EAFNOSUPPORT / soft EAFNOSUPPORT");
  for (const char* name : {"connect", "bind", "listen", "accept", "accept4"}) {
    EXPECT_EQ(Both(name, {}, kNoNetwork), "soft EACCES / soft EACCES") << name;
    EXPECT_EQ(Both(name), "allow / allow") << name;
  }
  EXPECT_EQ(Both("socketpair", {1, 1}, kNoNetwork), "allow / allow");
  EXPECT_EQ(Both("sendmmsg", {}, kNoNetwork), "allow / soft ENOSYS");
}

TEST(PolicyTest, HighBitsOfAnArgumentDoNotHideIt) {
  EXPECT_EQ(Both("ioctl", {0, 0x5412 | (1ULL << 32)}), "reported EPERM / soft ENOTTY");
  EXPECT_EQ(Both("socket", {38 | (1ULL << 32), 5}),
            "reported EAFNOSUPPORT / reported EAFNOSUPPORT");
  EXPECT_EQ(Both("prctl", {15 | (7ULL << 40)}), "allow / allow");
}

TEST(PolicyTest, TerminalSettingsNeedATerminalAtHigh) {
  EXPECT_EQ(Both("ioctl", {0, 0x5402}), "allow / soft ENOTTY");
  EXPECT_EQ(Both("ioctl", {0, 0x5402}, {.tty = true}), "allow / allow");
  EXPECT_EQ(Both("ioctl", {0, 0x5412}, {.tty = true}), "reported EPERM / soft ENOTTY") << "TIOCSTI";
}

TEST(PolicyTest, SingleCallsAreAsWritten) {
  EXPECT_EQ(Both("sync"), "soft success / soft success");
  EXPECT_EQ(Both("splice"), "allow / soft EINVAL");
  EXPECT_EQ(Both("setxattr"), "allow / soft EOPNOTSUPP");
  EXPECT_EQ(Both("seccomp", {1, 0}), "allow / soft EINVAL");
  EXPECT_EQ(Both("seccomp", {1, 8}), "soft EINVAL / soft EINVAL") << "no listener of its own";
  EXPECT_EQ(Both("prctl", {22}), "allow / soft EINVAL") << "PR_SET_SECCOMP";
  EXPECT_EQ(Both("prctl", {35}), "soft EINVAL / soft EINVAL") << "PR_SET_MM";
  EXPECT_EQ(Both("prctl", {47, 2}), "soft EPERM / soft EPERM") << "PR_CAP_AMBIENT";
  EXPECT_EQ(Both("personality", {0x40000}), "reported EPERM / soft EPERM");
  EXPECT_EQ(Both("personality", {0xFFFFFFFF}), "allow / allow");
  EXPECT_EQ(Both("personality", {0x400000}), "reported EPERM / soft EPERM") << "READ_IMPLIES_EXEC";
  EXPECT_EQ(Both("mknod", {0, 0060644}), "reported EPERM / soft EPERM") << "block device";
  EXPECT_EQ(Both("mknod", {0, 0010644}), "allow / soft EPERM") << "pipe";
  EXPECT_EQ(Both("prlimit64", {0}), "allow / allow");
  EXPECT_EQ(Both("prlimit64", {1}), "allow / soft EPERM");
  EXPECT_EQ(Both("sendto", {0, 0, 0, 1}), "reported EOPNOTSUPP / soft EOPNOTSUPP") << "MSG_OOB";
  EXPECT_EQ(Both("setsockopt", {0, 6, 31}), "soft ENOPROTOOPT / soft ENOPROTOOPT") << "TCP_ULP";
  EXPECT_EQ(Both("setsockopt", {0, 6, 1}), "allow / allow") << "TCP_NODELAY";
  EXPECT_EQ(Both("fcntl", {0, 1024}), "allow / soft EINVAL") << "F_SETLEASE";
  EXPECT_EQ(Both("arch_prctl", {0x1002}), "allow / allow") << "ARCH_SET_FS";
  EXPECT_EQ(Both("capset"), "allow / soft EPERM");
}

TEST(PolicyTest, NoCallCanSetASetIdBit) {
  constexpr std::uint64_t kDir = 0xFFFFFF9C;
  constexpr std::uint64_t kCreate = 0101;
  constexpr std::uint64_t kTmpfile = 020200000;
  for (const std::uint64_t bits : {02000, 04000, 06000}) {
    const std::uint64_t mode = 0755 | bits;
    for (const Args& high : {Args{}, Args{0, 1ULL << 32, 1ULL << 32, 1ULL << 32}}) {
      const auto with = [&](Args args) {
        for (std::size_t i = 0; i < args.size(); ++i) args[i] |= high[i];
        return args;
      };
      for (const char* name : {"chmod", "fchmod", "creat"}) {
        EXPECT_EQ(Both(name, with({0, mode})), "soft EPERM / soft EPERM") << name;
      }
      for (const char* name : {"fchmodat", "fchmodat2"}) {
        EXPECT_EQ(Both(name, with({kDir, 0, mode})), "soft EPERM / soft EPERM") << name;
      }
      for (const std::uint64_t flags : {kCreate, kTmpfile}) {
        EXPECT_EQ(Both("open", with({0, flags, mode})), "soft EPERM / soft EPERM");
        EXPECT_EQ(Both("openat", with({kDir, 0, flags, mode})), "soft EPERM / soft EPERM");
      }
      EXPECT_EQ(Both("mknod", with({0, 0100000 | mode})), "reported EPERM / soft EPERM");
      EXPECT_EQ(Both("mknodat", with({kDir, 0, 0100000 | mode})), "reported EPERM / soft EPERM");
    }
    EXPECT_EQ(Both("openat", {kDir, 0, 0, mode}), "allow / allow") << "makes no file";
  }
  EXPECT_EQ(Both("chmod", {0, 01777}), "allow / allow") << "sticky";
  EXPECT_EQ(Both("openat", {kDir, 0, kCreate, 0666}), "allow / allow");
  EXPECT_EQ(Both("openat2"), "soft ENOSYS / soft ENOSYS") << "its mode is in memory";
}

TEST(PolicyTest, SetGroupIdIsASwitchAndSetUserIdIsNot) {
  const FilterOptions options{.allow_set_gid = true};
  for (const char* name : {"chmod", "fchmod"}) {
    EXPECT_EQ(Both(name, {0, 02775}, options), "allow / allow") << name;
    EXPECT_EQ(Both(name, {0, 04755}, options), "soft EPERM / soft EPERM") << name;
    EXPECT_EQ(Both(name, {0, 06755}, options), "soft EPERM / soft EPERM") << name;
  }
  for (const char* name : {"fchmodat", "fchmodat2"}) {
    EXPECT_EQ(Both(name, {0, 0, 02775}, options), "allow / allow") << name;
    EXPECT_EQ(Both(name, {0, 0, 06775}, options), "soft EPERM / soft EPERM") << name;
  }
}

TEST(PolicyTest, PtraceIsASwitchOfMedium) {
  EXPECT_EQ(ToString(Ask(Level::kMedium, "ptrace", {}, {.allow_ptrace = true})), "allow");
  EXPECT_EQ(ToString(Ask(Level::kMedium, "process_vm_readv", {}, {.allow_ptrace = true})), "kill");
}

TEST(PolicyTest, ProcessesCanBeForbiddenWhileThreadsWork) {
  const FilterOptions options{.deny_process_creation = true};
  for (const char* name : {"fork", "vfork"}) {
    EXPECT_EQ(Both(name, {}, options), "soft EPERM / soft EPERM") << name;
  }
  EXPECT_EQ(Both("clone", {17}, options), "soft EPERM / soft EPERM");
  EXPECT_EQ(Both("clone", {0x4111}, options), "soft EPERM / soft EPERM") << "posix_spawn";
  EXPECT_EQ(Both("clone", {0x3D0F00}, options), "allow / allow") << "a thread";
  EXPECT_EQ(Both("clone", {0x10000011}, options), "reported EPERM / kill") << "a namespace";
  EXPECT_EQ(Both("clone", {0x10010011}, options), "reported EPERM / kill") << "a namespace";
}

TEST(PolicyTest, FileLocksCanBeForbidden) {
  const FilterOptions options{.deny_file_locks = true};
  const std::string refused = "reported EPERM / reported EPERM";
  EXPECT_EQ(Both("flock", {0, 2}, options), refused);
  for (const std::uint64_t command : {6, 7, 37, 38}) {
    EXPECT_EQ(Both("fcntl", {0, command}, options), refused) << command;
    EXPECT_EQ(Both("fcntl", {0, command}), "allow / allow") << command;
  }
  EXPECT_EQ(Both("fcntl", {0, 1030}, options), "allow / allow") << "F_DUPFD_CLOEXEC";
}

TEST(PolicyTest, RandomAddressesAreASwitch) {
  EXPECT_EQ(Both("personality", {0x40000}, {.allow_no_randomize = true}), "allow / allow");
}

TEST(PolicyTest, CallsOfANewerKernelDoNotExist) {
  seccomp_data data{};
  data.arch = AUDIT_ARCH_X86_64;
  for (const int number : {380, 600, 5000}) {
    data.nr = number;
    EXPECT_EQ(ToString(VerdictOf({.arch = Arch::kX86_64}, data)), "soft ENOSYS");
  }
}

TEST(PolicyTest, TheSetUpCallsAreThoseThatAGuestNeverNeeds) {
  std::string marked;
  for (const Syscall& call : SyscallTable()) {
    if (call.setup) marked += (marked.empty() ? "" : " ") + std::string(call.name);
  }
  EXPECT_EQ(
      marked,
      "capset clone3 fsconfig fsmount fsopen fspick landlock_add_rule landlock_create_ruleset "
      "landlock_restrict_self mount mount_setattr move_mount open_tree open_tree_attr pivot_root "
      "seccomp "
      "setdomainname setgroups sethostname setns umount2 unshare");
}

}  // namespace
}  // namespace fabro::seccomp
