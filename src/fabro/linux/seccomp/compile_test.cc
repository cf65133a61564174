// The compiled filters against the table: the program, run by the interpreter, gives for every
// number and for arguments around every value of every rule what VerdictOf() says.
#include <gtest/gtest.h>

#include <cstring>

#include "fabro/linux/seccomp/bpf.h"
#include "fabro/linux/seccomp/edges_test.h"
#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/linux/seccomp/table.h"

namespace fabro::seccomp {
namespace {

constexpr std::uint32_t kSomeArchitectures[] = {
    AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64, AUDIT_ARCH_RISCV64, 0};

std::vector<FilterOptions> AllOptions() {
  std::vector<FilterOptions> all;
  for (const Level level : {Level::kLow, Level::kMedium, Level::kHigh}) {
    for (const Arch arch : {Arch::kX86_64, Arch::kAarch64}) {
      for (const Sockets sockets : {Sockets::kNone, Sockets::kFamilies}) {
        all.push_back({.level = level, .arch = arch, .sockets = sockets});
        all.push_back({.level = level,
                       .arch = arch,
                       .sockets = sockets,
                       .tty = true,
                       .allow_ptrace = level != Level::kHigh,
                       .allow_no_randomize = true,
                       .deny_file_locks = true,
                       .deny_process_creation = true,
                       .allow_set_gid = true,
                       .report = Report::kKill});
      }
    }
  }
  return all;
}

std::uint32_t ActionOf(const Verdict& verdict, Report report) {
  const auto fail = SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(verdict.sys_errno);
  switch (verdict.kind) {
    case Verdict::Kind::kAllow:
      return SECCOMP_RET_ALLOW;
    case Verdict::Kind::kSoft:
      return fail;
    case Verdict::Kind::kReported:
      return report == Report::kNotify ? SECCOMP_RET_USER_NOTIF : fail;
    case Verdict::Kind::kKill:
      return report == Report::kNotify ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_KILL_PROCESS;
  }
  return 0;
}

TEST(CompileTest, EveryCallGetsTheTablesVerdict) {
  for (const FilterOptions& options : AllOptions()) {
    const auto program = CompileFilter(options).value();
    ASSERT_TRUE(ValidateBpf(program).ok());
    for (std::uint32_t number = 0; number < 1024; ++number) {
      const Syscall* call = FindSyscall(options.arch, number);
      const Rule* rule =
          call == nullptr ? nullptr : call->classes[static_cast<std::size_t>(options.level)].rule;
      for (const seccomp_data& data : EdgeCalls(options.arch, number, rule)) {
        ASSERT_EQ(RunValidBpf(program, data), ActionOf(VerdictOf(options, data), options.report))
            << LevelName(options.level) << ' ' << DescribeCall(data);
      }
    }
  }
}

TEST(CompileTest, ForeignArchitecturesAndX32AreKilledWhateverTheNumber) {
  for (const FilterOptions& options : AllOptions()) {
    const auto program = CompileFilter(options).value();
    const std::uint32_t kill = ActionOf({Verdict::Kind::kKill, 0}, options.report);
    for (const std::uint32_t arch : kSomeArchitectures) {
      for (const std::uint32_t number :
           {0U, 20U, 39U, 59U, 0x40000000U, 0x40000027U, 0xFFFFFFFFU}) {
        seccomp_data data{};
        data.nr = static_cast<int>(number);
        data.arch = arch;
        const bool foreign = arch != static_cast<std::uint32_t>(options.arch) ||
                             (options.arch == Arch::kX86_64 && number >= kX32Bit);
        if (foreign) {
          EXPECT_EQ(RunValidBpf(program, data), kill) << arch << ' ' << number;
          EXPECT_EQ(VerdictOf(options, data).kind, Verdict::Kind::kKill);
        }
      }
    }
  }
}

TEST(CompileTest, IsDeterministicAndSmall) {
  for (const FilterOptions& options : AllOptions()) {
    const auto once = CompileFilter(options).value();
    const auto again = CompileFilter(options).value();

    ASSERT_EQ(once.size(), again.size());
    EXPECT_EQ(std::memcmp(once.data(), again.data(), once.size() * sizeof once[0]), 0);
    EXPECT_LE(once.size(), 400U) << "the kernel's limit is 4096; a launch pays for each";
  }
}

// How many instructions run for a number before its leaf: a return or the first load of an
// argument.
std::size_t StepsTo(std::span<const sock_filter> program, Arch arch, std::uint32_t number) {
  std::size_t steps = 0;
  std::uint32_t a = 0;
  for (std::size_t pc = 0; BPF_CLASS(program[pc].code) != BPF_RET; ++steps) {
    const sock_filter& insn = program[pc];
    if (BPF_CLASS(insn.code) == BPF_LD) {
      if (insn.k >= offsetof(seccomp_data, args)) break;
      a = insn.k == offsetof(seccomp_data, nr) ? number : static_cast<std::uint32_t>(arch);
      ++pc;
    } else if (BPF_OP(insn.code) == BPF_JA) {
      pc += 1 + insn.k;
    } else {
      const bool taken = BPF_OP(insn.code) == BPF_JGE ? a >= insn.k : a == insn.k;
      pc += 1U + (taken ? insn.jt : insn.jf);
    }
  }
  return steps;
}

TEST(CompileTest, IsATreeSoThatNoNumberIsFar) {
  for (const FilterOptions& options : AllOptions()) {
    const auto program = CompileFilter(options).value();
    std::size_t sum = 0;
    for (std::uint32_t number = 0; number < 512; ++number) {
      const std::size_t steps = StepsTo(program, options.arch, number);
      EXPECT_LE(steps, 20U) << number;
      sum += steps;
    }
    EXPECT_LE(sum / 512, 13U) << "the kernel walks the filter for each number when it is loaded";
  }
}

TEST(CompileTest, LowLetsNewerCallsThroughAndNeverThoseOfX32) {
  const FilterOptions options{.level = Level::kLow, .arch = Arch::kX86_64};
  const auto program = CompileFilter(options).value();
  const auto run = [&](std::uint32_t number) {
    seccomp_data data{};
    data.arch = AUDIT_ARCH_X86_64;
    data.nr = static_cast<int>(number);
    return RunValidBpf(program, data);
  };

  for (const std::uint32_t number : {500U, 511U, 548U, 600U, 0x3FFFFFFFU}) {
    EXPECT_EQ(run(number), SECCOMP_RET_ALLOW) << number;
  }
  for (std::uint32_t number = 512; number < 548; ++number) {
    EXPECT_EQ(run(number), SECCOMP_RET_ERRNO | ENOSYS) << number;
  }
}

TEST(CompileTest, HighNeverAllowsPtrace) {
  const auto result = CompileFilter({.level = Level::kHigh, .allow_ptrace = true});

  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().reason, "ptrace_refused");
}

}  // namespace
}  // namespace fabro::seccomp
