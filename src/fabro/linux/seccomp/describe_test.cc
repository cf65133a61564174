#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <iterator>
#include <set>
#include <sstream>

#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/linux/seccomp/table.h"

namespace fabro::seccomp {
namespace {

seccomp_data X86(std::string_view name, std::array<std::uint64_t, 6> args = {}) {
  seccomp_data data{};
  data.arch = AUDIT_ARCH_X86_64;
  data.nr = SyscallNumber(Arch::kX86_64, name);
  std::copy(args.begin(), args.end(), data.args);
  return data;
}

TEST(DescribeTest, NamesAndNumbersAreThoseOfTheHeaders) {
  EXPECT_EQ(SyscallNumber(NativeArch(), "openat"), SYS_openat);
  EXPECT_EQ(SyscallNumber(NativeArch(), "landlock_restrict_self"), SYS_landlock_restrict_self);
  EXPECT_EQ(SyscallName(Arch::kX86_64, 257), "openat");
  EXPECT_EQ(SyscallName(Arch::kAarch64, 56), "openat");
  EXPECT_EQ(SyscallNumber(Arch::kAarch64, "open"), -1);
  EXPECT_EQ(SyscallNumber(Arch::kX86_64, "no_such_call"), -1);
  EXPECT_EQ(SyscallName(Arch::kX86_64, 400), "");
  EXPECT_EQ(SyscallName(Arch::kX86_64, 0xFFFFFFFF), "");
}

TEST(DescribeTest, DecodesTheArgumentsThatMatter) {
  EXPECT_EQ(DescribeCall(X86("ptrace", {0})), "ptrace(PTRACE_TRACEME, 0)");
  EXPECT_EQ(DescribeCall(X86("ptrace", {16, 1})), "ptrace(PTRACE_ATTACH, 1)");
  EXPECT_EQ(DescribeCall(X86("socket", {38, 5 | 02000000, 0})),
            "socket(AF_ALG, SOCK_SEQPACKET, 0)");
  EXPECT_EQ(DescribeCall(X86("socket", {99, 1, 7})), "socket(0x63, SOCK_STREAM, 7)");
  EXPECT_EQ(DescribeCall(X86("clone", {0x10000011})), "clone(CLONE_NEWUSER)");
  EXPECT_EQ(DescribeCall(X86("unshare", {0x10020000})), "unshare(CLONE_NEWNS|CLONE_NEWUSER)");
  EXPECT_EQ(DescribeCall(X86("ioctl", {0, 0x5412 | (1ULL << 32)})), "ioctl(0, TIOCSTI)");
  EXPECT_EQ(DescribeCall(X86("mknod", {0, 0060644})), "mknod(S_IFBLK)");
  EXPECT_EQ(DescribeCall(X86("keyctl", {11})), "keyctl(KEYCTL_READ)");
  EXPECT_EQ(DescribeCall(X86("sendto", {3, 0, 0, 0x4001})), "sendto(MSG_OOB|0x4000)");
  EXPECT_EQ(DescribeCall(X86("setns", {~0ULL, 0})), "setns(-1, 0x0)");
  EXPECT_EQ(DescribeCall(X86("personality", {0x400008})), "personality(READ_IMPLIES_EXEC|0x8)");
  EXPECT_EQ(DescribeCall(X86("fcntl", {3, 6})), "fcntl(3, F_SETLK)");
  EXPECT_EQ(DescribeCall(X86("flock", {3, 6})), "flock(3, LOCK_EX|LOCK_NB)");
  EXPECT_EQ(DescribeCall(X86("prctl", {35, 1})), "prctl(PR_SET_MM)");
  EXPECT_EQ(DescribeCall(X86("reboot", {0, 0, 0x4321FEDC})), "reboot(POWER_OFF)");
}

TEST(DescribeTest, NeverShowsPointers) {
  EXPECT_EQ(DescribeCall(X86("mount", {0x7FFF12345678, 0x7FFF12345679})), "mount");
}

TEST(DescribeTest, NamesForeignCallsAsSuch) {
  seccomp_data i386{};
  i386.arch = AUDIT_ARCH_I386;
  i386.nr = 20;
  EXPECT_EQ(DescribeCall(i386), "i386 syscall 20");
  seccomp_data x32 = X86("getpid");
  x32.nr |= 0x40000000;
  EXPECT_EQ(DescribeCall(x32), "x32 getpid");
  seccomp_data unnamed = X86("getpid");
  unnamed.nr = 999;
  EXPECT_EQ(DescribeCall(unnamed), "syscall 999");
}

TEST(ListingTest, HasEveryCallOfTheArchitecture) {
  for (const Level level : {Level::kLow, Level::kMedium, Level::kHigh}) {
    for (const Arch arch : {Arch::kX86_64, Arch::kAarch64}) {
      std::istringstream words(PolicyListing(level, arch));
      const std::set<std::string, std::less<>> listed{std::istream_iterator<std::string>(words),
                                                      {}};
      for (const Syscall& call : SyscallTable()) {
        if ((arch == Arch::kX86_64 ? call.x86_64 : call.aarch64) < 0) continue;
        EXPECT_TRUE(listed.contains(call.name)) << call.name;
      }
      EXPECT_EQ(listed.contains("stat"), arch == Arch::kX86_64) << "aarch64 has no legacy names";
    }
  }
}

TEST(ListingTest, SaysWhatArgumentsDecide) {
  const std::string listing = PolicyListing(Level::kHigh, Arch::kX86_64);

  EXPECT_NE(listing.find("arg0&0x7E020000 = 0: allow"), std::string::npos) << listing;
  EXPECT_NE(listing.find("[network mode none]: soft EAFNOSUPPORT"), std::string::npos);
}

}  // namespace
}  // namespace fabro::seccomp
