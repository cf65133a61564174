// libseccomp as an oracle: it builds a filter from the same tables by names, our interpreter runs
// what it made, and each verdict must be that of our own program. It has its own list of numbers,
// its own argument compares and its own checks of architecture and x32.
#include <gtest/gtest.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "fabro/linux/seccomp/bpf.h"
#include "fabro/linux/seccomp/edges_test.h"
#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/linux/seccomp/table.h"

namespace fabro::seccomp {
namespace {

using Context = std::unique_ptr<void, decltype(&::seccomp_release)>;

// What the oracle returns where no rule of ours was matched.
constexpr std::uint32_t kNothingMatched = SCMP_ACT_TRACE(0x7ABC);

std::uint32_t ScmpAction(const Verdict& verdict) {
  switch (verdict.kind) {
    case Verdict::Kind::kAllow:
      return SCMP_ACT_ALLOW;
    case Verdict::Kind::kKill:
      return SCMP_ACT_KILL_PROCESS;
    default:
      return SCMP_ACT_ERRNO(static_cast<std::uint32_t>(verdict.sys_errno));
  }
}

// The clauses of a rule that are part of a filter, up to the one that always applies.
std::vector<Clause> Active(const Rule& rule, const FilterOptions& options) {
  std::vector<Clause> active;
  for (const Clause& clause : rule.clauses) {
    if (!Holds(clause.when, options)) continue;
    active.push_back(clause);
    if (clause.conditions.empty()) break;
  }
  return active;
}

// A condition on several values is several rules to libseccomp; a clause is their product.
std::vector<std::vector<scmp_arg_cmp>> Explode(const Clause& clause) {
  std::vector<std::vector<scmp_arg_cmp>> all = {{}};
  for (const Condition& condition : clause.conditions) {
    std::vector<std::vector<scmp_arg_cmp>> more;
    for (const auto& prefix : all) {
      for (const Value& value : condition.values) {
        more.push_back(prefix);
        more.back().push_back({condition.arg, SCMP_CMP_MASKED_EQ, condition.mask, value.number});
      }
    }
    all = std::move(more);
  }
  return all;
}

struct Oracle {
  std::vector<sock_filter> program;
  std::set<std::string_view> unknown;  // Names that libseccomp does not have.
};

void AddCall(const Context& context, const Syscall& call, const FilterOptions& options,
             Oracle& oracle) {
  // Rules are given in native numbers and translated by name to the filter's architecture.
  const int number = ::seccomp_syscall_resolve_name(std::string(call.name).c_str());
  if (number == __NR_SCMP_ERROR) {
    oracle.unknown.insert(call.name);
    return;
  }
  const Class& entry = call.classes[static_cast<std::size_t>(options.level)];
  if (entry.rule == nullptr) {
    ASSERT_EQ(
        ::seccomp_rule_add_array(context.get(), ScmpAction(entry.verdict), number, 0, nullptr), 0)
        << call.name;
    return;
  }
  for (const Clause& clause : Active(*entry.rule, options)) {
    if (clause.conditions.empty()) break;
    for (const auto& compares : Explode(clause)) {
      ASSERT_EQ(::seccomp_rule_add_array(context.get(), ScmpAction(clause.verdict), number,
                                         static_cast<unsigned>(compares.size()), compares.data()),
                0)
          << call.name;
    }
  }
}

Oracle BuildOracle(const FilterOptions& options) {
  Oracle oracle;
  EXPECT_EQ(::seccomp_api_set(6), 0);
  const Context context(::seccomp_init(kNothingMatched), &::seccomp_release);
  const auto arch = options.arch == Arch::kX86_64 ? SCMP_ARCH_X86_64 : SCMP_ARCH_AARCH64;
  if (::seccomp_arch_exist(context.get(), arch) != 0) {
    EXPECT_EQ(::seccomp_arch_add(context.get(), arch), 0);
    EXPECT_EQ(::seccomp_arch_remove(context.get(), SCMP_ARCH_NATIVE), 0);
  }
  EXPECT_EQ(::seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), 0);
  for (const Syscall& call : SyscallTable()) AddCall(context, call, options, oracle);
  const int fd = ::memfd_create("oracle", MFD_CLOEXEC);
  EXPECT_EQ(::seccomp_export_bpf(context.get(), fd), 0);
  oracle.program.resize(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)) / sizeof(sock_filter));
  const std::size_t bytes = oracle.program.size() * sizeof(sock_filter);
  EXPECT_EQ(::pread(fd, oracle.program.data(), bytes, 0), static_cast<ssize_t>(bytes));
  ::close(fd);
  return oracle;
}

// Of a number that has no entry in the table.
Verdict WithoutName(const FilterOptions& options, std::uint32_t number) {
  const bool x32 = options.arch == Arch::kX86_64 && number >= 512 && number <= 547;
  if (options.level == Level::kLow && !x32) return {};
  return {Verdict::Kind::kSoft, ENOSYS};
}

void Compare(const FilterOptions& options) {
  const Oracle oracle = BuildOracle(options);
  const auto program = CompileFilter(options).value();
  ASSERT_TRUE(ValidateBpf(oracle.program).ok());
  std::size_t compared = 0;
  for (std::uint32_t number = 0; number < 1024; ++number) {
    const Syscall* call = FindSyscall(options.arch, number);
    if (call != nullptr && oracle.unknown.contains(call->name)) continue;
    const Rule* rule =
        call == nullptr ? nullptr : call->classes[static_cast<std::size_t>(options.level)].rule;
    const std::uint32_t otherwise = rule == nullptr
                                        ? ScmpAction(WithoutName(options, number))
                                        : ScmpAction(Active(*rule, options).back().verdict);
    for (const seccomp_data& data : EdgeCalls(options.arch, number, rule)) {
      const std::uint32_t theirs = RunValidBpf(oracle.program, data);
      ASSERT_EQ(RunValidBpf(program, data), theirs == kNothingMatched ? otherwise : theirs)
          << LevelName(options.level) << ' ' << ArchName(options.arch) << ' ' << DescribeCall(data);
      ++compared;
    }
  }
  std::printf("%s %s: %zu verdicts agree, %zu instructions ours, %zu libseccomp's\n",
              std::string(LevelName(options.level)).c_str(),
              std::string(ArchName(options.arch)).c_str(), compared, program.size(),
              oracle.program.size());
}

TEST(LibseccompTest, AgreesWithOurCompiler) {
  for (const Level level : {Level::kLow, Level::kMedium, Level::kHigh}) {
    for (const Arch arch : {Arch::kX86_64, Arch::kAarch64}) {
      for (const Sockets sockets : {Sockets::kNone, Sockets::kFamilies}) {
        Compare({.level = level, .arch = arch, .sockets = sockets, .report = Report::kKill});
      }
    }
  }
}

TEST(LibseccompTest, AgreesOnForeignCalls) {
  const FilterOptions options{.arch = Arch::kX86_64, .report = Report::kKill};
  const Oracle oracle = BuildOracle(options);
  const auto program = CompileFilter(options).value();
  constexpr std::uint32_t kForeign[] = {AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64};
  for (const std::uint32_t arch : kForeign) {
    seccomp_data data{};
    data.arch = arch;
    data.nr = 20;
    EXPECT_EQ(RunValidBpf(program, data), RunValidBpf(oracle.program, data));
  }
  seccomp_data x32{};
  x32.arch = AUDIT_ARCH_X86_64;
  x32.nr = 0x40000027;
  EXPECT_EQ(RunValidBpf(program, x32), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(RunValidBpf(oracle.program, x32), SECCOMP_RET_KILL_PROCESS);
}

TEST(LibseccompTest, TheNamesThatItDoesNotKnowAreNewerThanIt) {
  const Oracle oracle = BuildOracle({.report = Report::kKill});
  std::string unknown;
  for (const std::string_view name : oracle.unknown) {
    unknown += (unknown.empty() ? "" : " ") + std::string(name);
    const Syscall& call = *std::ranges::find(SyscallTable(), name, &Syscall::name);
    EXPECT_GE(call.x86_64, call.name.starts_with("up") || call.name.starts_with("uret") ? 335 : 448)
        << name << " is old enough that libseccomp 2.5.4 should know it";
  }
  std::printf("verified by the interpreter alone: %s\n", unknown.c_str());
}

}  // namespace
}  // namespace fabro::seccomp
