#include "fabro/linux/seccomp/explain.h"

#include <gtest/gtest.h>

#include "fabro/linux/seccomp/bpf.h"
#include "fabro/linux/seccomp/edges_test.h"
#include "fabro/linux/seccomp/table.h"

namespace fabro::seccomp {
namespace {

seccomp_data Call(std::string_view name, std::uint64_t first = 0) {
  seccomp_data data{};
  data.arch = AUDIT_ARCH_X86_64;
  data.nr = SyscallNumber(Arch::kX86_64, name);
  data.args[0] = first;
  return data;
}

FilterOptions At(Level level) { return {.level = level, .arch = Arch::kX86_64}; }

TEST(ExplainTest, SaysWhatForAndWhyAndWhatWouldAllowIt) {
  const Explanation mount = ExplainRefusal(At(Level::kMedium), "mount");
  EXPECT_EQ(mount.purpose, "changes what is mounted where");
  EXPECT_NE(mount.why.find("before the command started"), std::string::npos);
  EXPECT_EQ(mount.setting, "--allow-syscall mount, or --level low");

  EXPECT_EQ(ExplainRefusal(At(Level::kMedium), "ptrace").setting, "--allow-ptrace, or --level low");
  EXPECT_EQ(ExplainRefusal(At(Level::kHigh), "ptrace").setting,
            "none at level high; --level medium --allow-ptrace, or --level low");
  EXPECT_EQ(ExplainRefusal(At(Level::kHigh), "io_setup").setting,
            "none at level high; --level medium");
  EXPECT_EQ(ExplainRefusal(At(Level::kMedium), "ioctl").setting,
            "none: no level and no option allows it");
  for (const Level level : {Level::kLow, Level::kMedium, Level::kHigh}) {
    for (const char* name : {"bpf", "keyctl", "socket", "socketpair", "reboot"}) {
      EXPECT_EQ(ExplainRefusal(At(level), name).setting, "none: no level and no option allows it")
          << name;
    }
  }
}

TEST(ExplainTest, ForeignCallsHaveASentenceToo) {
  EXPECT_NE(ExplainRefusal(At(Level::kLow), "i386 syscall 20").setting.find("x86_64"),
            std::string::npos);
}

TEST(ExplainTest, EveryRefusalThatIsReportedHasAReason) {
  for (const Level level : {Level::kLow, Level::kMedium, Level::kHigh}) {
    FilterOptions options = At(level);
    options.deny_file_locks = true;
    for (const Syscall& call : SyscallTable()) {
      if (call.x86_64 < 0) continue;
      const Rule* rule = call.classes[static_cast<std::size_t>(level)].rule;
      for (const seccomp_data& data :
           EdgeCalls(Arch::kX86_64, static_cast<std::uint32_t>(call.x86_64), rule)) {
        const Verdict::Kind kind = VerdictOf(options, data).kind;
        if (kind != Verdict::Kind::kReported && kind != Verdict::Kind::kKill) continue;
        const Explanation said = ExplainRefusal(options, call.name);
        EXPECT_FALSE(said.purpose.empty() || said.why.empty() || said.setting.empty()) << call.name;
      }
    }
  }
}

TEST(ChangesTest, AnAllowedCallGetsItsClassOfLevelLow) {
  FilterOptions options = At(Level::kMedium);
  options.allow = {"unshare", "mount", "clone"};
  const auto program = CompileFilter(options).value();

  for (const seccomp_data& data :
       {Call("unshare", 0x10000000), Call("mount"), Call("clone", 0x10000011)}) {
    EXPECT_EQ(VerdictOf(options, data).kind, Verdict::Kind::kAllow) << DescribeCall(data);
    EXPECT_EQ(RunValidBpf(program, data), SECCOMP_RET_ALLOW) << DescribeCall(data);
  }
  EXPECT_EQ(VerdictOf(options, Call("umount2")).kind, Verdict::Kind::kKill);
}

TEST(ChangesTest, ADeniedCallIsReported) {
  FilterOptions options = At(Level::kLow);
  options.deny = {"symlink", "ptrace"};
  const auto program = CompileFilter(options).value();

  for (const char* name : {"symlink", "ptrace"}) {
    EXPECT_EQ(ToString(VerdictOf(options, Call(name))), "reported EPERM");
    EXPECT_EQ(RunValidBpf(program, Call(name)), SECCOMP_RET_USER_NOTIF);
    EXPECT_EQ(ExplainRefusal(options, name).setting,
              "leave out --deny-syscall " + std::string(name));
  }
}

std::string Reason(Level level, std::vector<std::string> allow, std::vector<std::string> deny) {
  FilterOptions options = At(level);
  options.allow = std::move(allow);
  options.deny = std::move(deny);
  const auto program = CompileFilter(options);
  return program.ok() ? "" : program.error().reason + "; " + program.error().fix;
}

TEST(ChangesTest, NamesAndFloorAreChecked) {
  EXPECT_EQ(Reason(Level::kMedium, {"mout"}, {}), "syscall_unknown; did you mean mount?");
  EXPECT_EQ(Reason(Level::kMedium, {}, {"opennat"}), "syscall_unknown; did you mean openat?");
  EXPECT_EQ(Reason(Level::kMedium, {"no such thing at all"}, {}),
            "syscall_unknown; see faber policy show for all names");
  EXPECT_EQ(Reason(Level::kMedium, {""}, {}).substr(0, 15), "syscall_unknown");
  for (const char* name : {"bpf", "keyctl", "reboot", "io_uring_enter", "userfaultfd", "iopl",
                           "open_by_handle_at", "clock_settime", "perf_event_open", "clone3"}) {
    EXPECT_EQ(Reason(Level::kMedium, {name}, {}), "syscall_refused; leave it out") << name;
    EXPECT_EQ(Reason(Level::kLow, {name}, {}), "syscall_refused; leave it out") << name;
  }
  EXPECT_EQ(Reason(Level::kHigh, {"splice"}, {}).substr(0, 15), "syscall_refused");
  EXPECT_EQ(Reason(Level::kMedium, {}, {"execve"}), "syscall_refused; leave it out");
  EXPECT_EQ(Reason(Level::kHigh, {}, {"symlink"}), "");
}

// The premise of `allow` and of learning: a stricter level never allows what a looser one refuses.
TEST(LevelsTest, AreOrdered) {
  const auto refused = [](const Verdict& verdict) { return verdict.kind != Verdict::Kind::kAllow; };
  for (const Arch arch : {Arch::kX86_64, Arch::kAarch64}) {
    for (const Syscall& call : SyscallTable()) {
      const int number = arch == Arch::kX86_64 ? call.x86_64 : call.aarch64;
      if (number < 0) continue;
      for (const Class& entry : call.classes) {
        for (const seccomp_data& data :
             EdgeCalls(arch, static_cast<std::uint32_t>(number), entry.rule)) {
          const auto at = [&](Level level) {
            return refused(VerdictOf({.level = level, .arch = arch}, data));
          };
          EXPECT_LE(at(Level::kLow), at(Level::kMedium)) << DescribeCall(data);
          EXPECT_LE(at(Level::kMedium), at(Level::kHigh)) << DescribeCall(data);
        }
      }
    }
  }
}

TEST(LearnTest, NotifiesWhatTheLevelWouldNotAllow) {
  FilterOptions options = At(Level::kLow);
  options.learn = Level::kHigh;
  const auto program = CompileFilter(options).value();

  for (const char* name : {"splice", "mount", "ptrace", "bpf", "lsm_list_modules"}) {
    EXPECT_EQ(RunValidBpf(program, Call(name)), SECCOMP_RET_USER_NOTIF) << name;
  }
  for (const char* name : {"read", "openat", "execve"}) {
    EXPECT_EQ(RunValidBpf(program, Call(name)), SECCOMP_RET_ALLOW) << name;
  }
  EXPECT_EQ(VerdictOf(options, Call("splice")).kind, Verdict::Kind::kAllow) << "low answers";
  EXPECT_EQ(VerdictOf(options, Call("bpf")).kind, Verdict::Kind::kReported) << "low answers";
}

TEST(LearnTest, IsNoLevelOfItsOwn) {
  FilterOptions options = At(Level::kMedium);
  options.learn = Level::kHigh;
  EXPECT_EQ(CompileFilter(options).error().reason, "learn_refused");
  options.level = Level::kLow;
  options.report = Report::kKill;
  EXPECT_EQ(CompileFilter(options).error().reason, "learn_refused");
}

}  // namespace
}  // namespace fabro::seccomp
