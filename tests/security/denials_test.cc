// Refused calls, made for real inside of sandboxes: every call of class K or E at every level ends
// as its class says, and the report names call, arguments, process and its pid.
#include <fstream>
#include <sstream>

#include "fabro/linux/seccomp/edges_test.h"
#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/linux/seccomp/table.h"
#include "harness.h"

namespace fabro::security {
namespace {

using model::Level;
using seccomp::Verdict;

struct Denial {
  std::string level, shape, syscall, args, call;
};

std::vector<Denial> Corpus() {
  std::vector<Denial> corpus;
  std::ifstream file(DENIALS);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream cells(line);
    Denial row;
    for (std::string* cell : {&row.level, &row.shape, &row.syscall, &row.args, &row.call}) {
      std::getline(cells, *cell, '\t');
    }
    corpus.push_back(std::move(row));
  }
  return corpus;
}

// "" when the one report is right, else what is wrong with it.
std::string Judge(const Denial& row, const Ran& ran) {
  if (ran.outcome.violations.size() != 1) {
    return std::to_string(ran.outcome.violations.size()) + " reports";
  }
  const model::Violation& got = ran.outcome.violations.front();
  std::istringstream words(ran.out);
  std::string word;
  std::int32_t caller = 0;
  words >> word >> caller;
  if (word != "CALLER") return "the probe said " + ran.out;
  const std::string comm = row.shape == "renamed" ? "kworker/0:1" : "faber-probe";
  if (got.syscall != row.syscall) return "syscall " + got.syscall;
  if (got.call != row.call) return "call " + got.call;
  if (got.comm != comm) return "comm " + got.comm;
  if (got.guest_pid != caller) return "guest pid " + std::to_string(got.guest_pid);
  if (got.pid <= 0) return "pid " + std::to_string(got.pid);
  const bool killed = ran.outcome.fate == model::Fate::kPolicyViolation;
  if (got.killed != killed) return "killed";
  if (!killed && ran.out.find("RESULT " + ErrnoName(got.sys_errno)) == std::string::npos) {
    return "errno " + ErrnoName(got.sys_errno);
  }
  return "";
}

TEST(DenialsTest, AreAttributedToCallAndProcess) {
  const std::vector<Denial> corpus = Corpus();
  ASSERT_GE(corpus.size(), 100U);
  std::size_t right = 0;
  for (const Level level : {Level::kLow, Level::kMedium, Level::kHigh}) {
    Sandbox sandbox(Sandbox::SpecOf(level));
    ASSERT_TRUE(sandbox.ok());
    for (const Denial& row : corpus) {
      if (row.level != ToString(level)) continue;
      const int number = seccomp::SyscallNumber(seccomp::NativeArch(), row.syscall);
      ASSERT_GE(number, 0) << row.syscall;
      const Ran ran = sandbox.Probe({"call", row.shape, std::to_string(number) + "," + row.args});
      const std::string wrong = Judge(row, ran);
      right += wrong.empty() ? 1 : 0;
      if (!wrong.empty()) {
        std::printf("%s %s %s: %s\n%s", row.level.c_str(), row.shape.c_str(), row.call.c_str(),
                    wrong.c_str(), Describe(ran).c_str());
      }
    }
  }
  std::printf("%zu of %zu attributed rightly\n", right, corpus.size());
  EXPECT_GE(right * 100, corpus.size() * 95);
}

// A call of the table that the level answers so, or nothing.
std::optional<seccomp_data> Edge(const seccomp::Syscall& call,
                                 const seccomp::FilterOptions& options, Verdict::Kind kind) {
  const int number = options.arch == seccomp::Arch::kX86_64 ? call.x86_64 : call.aarch64;
  if (number < 0) return std::nullopt;
  const seccomp::Rule* rule = call.classes[static_cast<std::size_t>(options.level)].rule;
  for (const seccomp_data& data :
       seccomp::EdgeCalls(options.arch, static_cast<std::uint32_t>(number), rule)) {
    if (VerdictOf(options, data).kind == kind) return data;
  }
  return std::nullopt;
}

std::vector<seccomp_data> CallsOf(Level level, Verdict::Kind kind) {
  seccomp::FilterOptions options;
  options.level = static_cast<seccomp::Level>(level);
  if (level == Level::kHigh) options.sockets = seccomp::Sockets::kNone;
  std::vector<seccomp_data> calls;
  for (const seccomp::Syscall& call : seccomp::SyscallTable()) {
    if (const auto data = Edge(call, options, kind)) calls.push_back(*data);
  }
  return calls;
}

std::string Text(const seccomp_data& data) {
  std::string text = std::to_string(data.nr);
  for (const auto arg : data.args) text += "," + std::to_string(arg);
  return text;
}

bool Reports(const Ran& ran, const seccomp_data& data, bool killed) {
  const std::string call = seccomp::DescribeCall(data);
  for (const model::Violation& violation : ran.outcome.violations) {
    if (violation.call == call && violation.killed == killed) return true;
  }
  return false;
}

class EveryCall : public ::testing::TestWithParam<Level> {};

TEST_P(EveryCall, OfClassEFailsAndIsReported) {
  constexpr std::size_t kAtOnce = 32;  // Half of what an Outcome holds.
  Sandbox sandbox(Sandbox::SpecOf(GetParam()));
  ASSERT_TRUE(sandbox.ok());
  const std::vector<seccomp_data> calls = CallsOf(GetParam(), Verdict::Kind::kReported);
  EXPECT_FALSE(calls.empty());
  for (std::size_t first = 0; first < calls.size(); first += kAtOnce) {
    const std::size_t end = std::min(calls.size(), first + kAtOnce);
    std::vector<std::string> args = {"calls"};
    for (std::size_t i = first; i < end; ++i) args.push_back(Text(calls[i]));
    const Ran ran = sandbox.Probe(args);
    EXPECT_EQ(ran.outcome.fate, model::Fate::kExited) << Describe(ran);
    for (std::size_t i = first; i < end; ++i) {
      EXPECT_TRUE(Reports(ran, calls[i], false)) << seccomp::DescribeCall(calls[i]);
    }
    EXPECT_EQ(ran.out.find(" OK\n"), std::string::npos) << ran.out;
  }
}

TEST_P(EveryCall, OfClassKEndsTheCommand) {
  Sandbox sandbox(Sandbox::SpecOf(GetParam()));
  ASSERT_TRUE(sandbox.ok());
  const std::vector<seccomp_data> calls = CallsOf(GetParam(), Verdict::Kind::kKill);
  EXPECT_EQ(calls.empty(), GetParam() == Level::kLow) << "low kills for a foreign ABI alone";
  for (const seccomp_data& data : calls) {
    const Ran ran = sandbox.Probe({"calls", Text(data)});
    EXPECT_EQ(ran.outcome.fate, model::Fate::kPolicyViolation) << Describe(ran);
    EXPECT_TRUE(Reports(ran, data, true)) << seccomp::DescribeCall(data) << Describe(ran);
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, EveryCall,
                         ::testing::Values(Level::kLow, Level::kMedium, Level::kHigh),
                         [](const auto& level) { return std::string(ToString(level.param)); });

Ran ProbeWith(const model::SyscallChanges& changes, Level level, const std::string& call) {
  model::SandboxSpec spec = Sandbox::SpecOf(level);
  spec.syscalls = changes;
  Sandbox sandbox(spec);
  EXPECT_TRUE(sandbox.ok());
  return sandbox.ok() ? sandbox.Probe({"call", "direct", call}) : Ran();
}

template <typename Change>
model::SyscallChanges Changed(Change change) {
  model::SyscallChanges changes;
  change(changes);
  return changes;
}

std::string Number(std::string_view name) {
  return std::to_string(seccomp::SyscallNumber(seccomp::NativeArch(), name));
}

TEST(ChangesTest, ReachTheGuestsFilter) {
  EXPECT_NE(ProbeWith(Changed([](auto& c) { c.allow_ptrace = true; }), Level::kMedium,
                      Number("ptrace") + ",0,0")
                .out.find("RESULT OK"),
            std::string::npos);
  const Ran denied = ProbeWith(Changed([](auto& c) { c.deny = {"symlinkat"}; }), Level::kMedium,
                               Number("symlinkat"));
  EXPECT_NE(denied.out.find("RESULT EPERM"), std::string::npos);
  ASSERT_EQ(denied.outcome.violations.size(), 1U);
  EXPECT_EQ(denied.outcome.violations[0].syscall, "symlinkat");
}

// Even where seccomp lets it through, the namespaces hold (B42).
TEST(ChangesTest, AnAllowedUnshareStillMakesNoUserNamespace) {
  const Ran ran = ProbeWith(Changed([](auto& c) { c.allow = {"unshare"}; }), Level::kMedium,
                            Number("unshare") + ",0x10000000");
  EXPECT_NE(ran.out.find("RESULT ENOSPC"), std::string::npos) << Describe(ran);
  EXPECT_TRUE(ran.outcome.violations.empty());
}

TEST(ChangesTest, NoMemoryIsWrittenAndThenExecuted) {
  // mmap(PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS)
  const std::string call = Number("mmap") + ",0,4096,6,0x22,-1,0";
  EXPECT_NE(ProbeWith(Changed([](auto& c) { c.deny_jit = true; }), Level::kMedium, call)
                .out.find("RESULT EACCES"),
            std::string::npos);
  EXPECT_NE(ProbeWith({}, Level::kMedium, call).out.find("RESULT OK"), std::string::npos);
}

TEST(LearnTest, LetsGoOnWhatLowAllowsAndNotesIt) {
  const auto learn = Changed([](auto& c) { c.learn = Level::kHigh; });
  const Ran allowed = ProbeWith(learn, Level::kLow, Number("ptrace") + ",0,0");
  EXPECT_NE(allowed.out.find("RESULT OK"), std::string::npos) << Describe(allowed);
  bool noted = false;
  for (const model::Violation& one : allowed.outcome.violations) {
    noted = noted || (one.syscall == "ptrace" && !one.killed && one.sys_errno == 0);
  }
  EXPECT_TRUE(noted) << Describe(allowed);
  const Ran refused = ProbeWith(learn, Level::kLow, Number("bpf"));
  EXPECT_NE(refused.out.find("RESULT EPERM"), std::string::npos) << Describe(refused);
}

}  // namespace
}  // namespace fabro::security
