// Properties of the system call filters. The first byte chooses.
//   even: the rest is a call and a BPF program. A program that the checker refuses is not run, any
//   other one
//         gives a value; neither reads or jumps outside, which the sanitizers watch.
//   odd:  the rest is a call. Every compiled filter answers it as the tables do.
//   0x80 and odd: the rest is a call and names, one a line, of calls to allow ("+name") or to deny.
//         They are refused, or the filter that is made of them answers as the tables do.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "fabro/linux/seccomp/bpf.h"
#include "fabro/linux/seccomp/explain.h"
#include "fabro/linux/seccomp/seccomp.h"

namespace {

using namespace fabro::seccomp;  // NOLINT(google-build-using-namespace)

struct Compiled {
  FilterOptions options;
  std::vector<sock_filter> program;
};

std::vector<Compiled> CompileAll() {
  std::vector<Compiled> all;
  for (const Level level : {Level::kLow, Level::kMedium, Level::kHigh}) {
    for (const Arch arch : {Arch::kX86_64, Arch::kAarch64}) {
      for (const Sockets sockets : {Sockets::kNone, Sockets::kFamilies}) {
        const FilterOptions options{
            .level = level, .arch = arch, .sockets = sockets, .report = Report::kKill};
        all.push_back({options, CompileFilter(options).value()});
      }
    }
  }
  return all;
}

std::uint32_t ActionOf(const Verdict& verdict) {
  if (verdict.kind == Verdict::Kind::kAllow) return SECCOMP_RET_ALLOW;
  if (verdict.kind == Verdict::Kind::kKill) return SECCOMP_RET_KILL_PROCESS;
  return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(verdict.sys_errno);
}

void RunProgram(const seccomp_data& call, const std::uint8_t* data, std::size_t size) {
  // At most one more than the limit, so that the limit is tried too.
  const std::size_t length = std::min<std::size_t>(size / sizeof(sock_filter), BPF_MAXINSNS + 1);
  std::vector<sock_filter> program(length);
  if (length > 0) std::memcpy(program.data(), data, length * sizeof(sock_filter));
  const bool valid = ValidateBpf(program).ok();
  const auto result = RunBpf(program, call);
  if (result.ok() != valid) std::abort();
}

void TryChanges(seccomp_data call, const std::uint8_t* data, std::size_t size) {
  FilterOptions options{.level = static_cast<Level>(call.instruction_pointer % 3),
                        .report = Report::kKill};
  std::istringstream lines(std::string(reinterpret_cast<const char*>(data), size));
  for (std::string line; std::getline(lines, line) && options.allow.size() < 16;) {
    const bool allow = line.starts_with('+');
    (void)NearestSyscall(line);
    (allow ? options.allow : options.deny).push_back(line.substr(allow ? 1 : 0));
  }
  const auto program = CompileFilter(options);
  if (program.ok() != CheckOptions(options).ok()) std::abort();
  if (!program.ok()) return;
  call.arch = static_cast<std::uint32_t>(options.arch);
  if (RunBpf(*program, call).value() != ActionOf(VerdictOf(options, call))) std::abort();
  (void)ExplainRefusal(options, SyscallName(options.arch, static_cast<std::uint32_t>(call.nr)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 + sizeof(seccomp_data)) return 0;  // Too short for a call.
  seccomp_data call{};
  std::memcpy(&call, data + 1, sizeof call);
  if (data[0] % 2 == 0) {
    RunProgram(call, data + 1 + sizeof call, size - 1 - sizeof call);
    return 0;
  }
  if (data[0] >= 0x80) {
    TryChanges(call, data + 1 + sizeof call, size - 1 - sizeof call);
    return 0;
  }
  static const std::vector<Compiled> kAll = CompileAll();
  for (const Compiled& compiled : kAll) {
    call.arch = static_cast<std::uint32_t>(compiled.options.arch);
    if (RunValidBpf(compiled.program, call) != ActionOf(VerdictOf(compiled.options, call))) {
      std::abort();
    }
    (void)DescribeCall(call);
  }
  std::memcpy(&call, data + 1, sizeof call);
  (void)DescribeCall(call);
  return 0;
}
