// The filter compiler. Every number from 0 up gets a leaf (a return, or a block that tests
// arguments); neighbours with equal leaves are one range, and a balanced binary tree over the
// ranges finds the leaf. A tree and not a chain, because loading a filter makes the kernel walk it
// once for every number.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <span>

#include "fabro/linux/seccomp/explain.h"
#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/linux/seccomp/table.h"

namespace fabro::seccomp {
namespace {

using Block = std::vector<sock_filter>;

constexpr std::size_t kMaxJump = 255;  // Conditional jumps hold their distance in one byte.

static_assert(std::endian::native == std::endian::little,
              "the low half of an argument is its first word");

sock_filter Insn(std::uint16_t code, std::uint32_t k, std::size_t jt = 0, std::size_t jf = 0) {
  return {code, static_cast<std::uint8_t>(jt), static_cast<std::uint8_t>(jf), k};
}

sock_filter Load(std::size_t offset) {
  return Insn(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

// How a verdict becomes an action: what the listener is asked.
struct Reporting {
  Report report;
  bool learn;  // Everything that is not allowed goes to the listener.
};

sock_filter Return(const Verdict& verdict, Reporting reporting) {
  const Report report = reporting.report;
  if (reporting.learn && verdict.kind != Verdict::Kind::kAllow) {
    return Insn(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  }
  std::uint32_t action = SECCOMP_RET_ALLOW;
  const std::uint32_t fail =
      SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(verdict.sys_errno) & SECCOMP_RET_DATA);
  switch (verdict.kind) {
    case Verdict::Kind::kAllow:
      break;
    case Verdict::Kind::kSoft:
      action = fail;
      break;
    case Verdict::Kind::kReported:
      action = report == Report::kNotify ? SECCOMP_RET_USER_NOTIF : fail;
      break;
    case Verdict::Kind::kKill:
      action = report == Report::kNotify ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_KILL_PROCESS;
      break;
  }
  return Insn(BPF_RET | BPF_K, action);
}

// Falls through when the condition holds and jumps `skip` instructions beyond its end when not.
void AppendCondition(const Condition& condition, std::size_t skip, Block& out) {
  out.push_back(Load(offsetof(seccomp_data, args) + std::size_t{8} * condition.arg));
  if (condition.mask != 0xFFFFFFFF) {
    out.push_back(Insn(BPF_ALU | BPF_AND | BPF_K, condition.mask));
  }
  for (std::size_t i = 0; i < condition.values.size(); ++i) {
    const std::size_t left = condition.values.size() - 1 - i;
    out.push_back(
        Insn(BPF_JMP | BPF_JEQ | BPF_K, condition.values[i].number, left, left == 0 ? skip : 0));
  }
}

std::size_t LengthOf(const Condition& condition) {
  return 1U + (condition.mask != 0xFFFFFFFF ? 1U : 0U) + condition.values.size();
}

void AppendClause(const Clause& clause, Reporting report, Block& out) {
  std::size_t skip = 1;  // The return.
  for (const Condition& condition : clause.conditions) skip += LengthOf(condition);
  for (const Condition& condition : clause.conditions) {
    skip -= LengthOf(condition);
    AppendCondition(condition, skip, out);
  }
  out.push_back(Return(clause.verdict, report));
}

Block CompileRule(const Rule& rule, const FilterOptions& options) {
  Block out;
  for (const Clause& clause : rule.clauses) {
    if (!Holds(clause.when, options)) continue;
    AppendClause(clause, {options.report, options.learn.has_value()}, out);
    if (clause.conditions.empty()) break;  // Nothing behind it can apply.
  }
  return out;
}

bool IsX32Only(const FilterOptions& options, std::uint32_t number) {
  return options.arch == Arch::kX86_64 && number >= kX32OnlyFirst && number < kX32OnlyEnd;
}

Block Leaf(std::uint32_t number, const FilterOptions& options) {
  const Syscall* call = FindSyscall(options.arch, number);
  const Reporting reporting{options.report, options.learn.has_value()};
  if (call == nullptr) {
    const bool pass = options.level == Level::kLow && !IsX32Only(options, number);
    return {Return(pass ? Verdict{} : Verdict{Verdict::Kind::kSoft, ENOSYS}, reporting)};
  }
  const Class entry = ClassOf(*call, options);
  if (entry.rule != nullptr) return CompileRule(*entry.rule, options);
  return {Return(entry.verdict, reporting)};
}

bool Equal(const Block& a, const Block& b) {
  return std::ranges::equal(a, b, [](const sock_filter& x, const sock_filter& y) {
    return x.code == y.code && x.jt == y.jt && x.jf == y.jf && x.k == y.k;
  });
}

// Neighbouring numbers with the same leaf.
struct Range {
  std::uint32_t first;
  std::uint32_t end;  // Behind the last number.
  Block code;
};

// All numbers, in order. The last range holds what the table does not know and has no end in the
// program; for the tree it is as long as the calls that a newer kernel may have.
std::vector<Range> Ranges(const FilterOptions& options) {
  constexpr std::uint32_t kNewer = 16;
  std::vector<Range> ranges;
  auto end = static_cast<std::uint32_t>(SyscallNumbers(options.arch).size());
  // Elsewhere those without a name are all alike.
  if (options.level == Level::kLow && options.arch == Arch::kX86_64) end = kX32OnlyEnd;
  for (std::uint32_t number = 0; number <= end; ++number) {
    Block code = Leaf(number, options);
    if (ranges.empty() || !Equal(ranges.back().code, code)) {
      ranges.push_back({number, number, std::move(code)});
    }
    ranges.back().end = number + 1;
  }
  ranges.back().end += kNewer;
  return ranges;
}

// Emits a program from its end to its start. All jumps go forward, to code that is already there,
// so that equal leaves can be shared as long as a jump reaches them.
class Emitter {
 public:
  // A place in the program, counted from its end; grows with what is emitted.
  using Place = std::size_t;

  // Where that code starts: an earlier copy that a jump from near here reaches, or a new one.
  Place Leaf(const Block& code) {
    for (const auto& [known, place] : leaves_) {
      if (reversed_.size() - place < kNear && Equal(*known, code)) return place;
    }
    reversed_.insert(reversed_.end(), code.rbegin(), code.rend());
    const Place place = reversed_.size() - 1;
    leaves_.emplace_back(&code, place);
    return place;
  }

  // The tree over some ranges, with the call number in the accumulator. Split where the weights are
  // equal: the kernel walks the program for every number, so a long range deserves a short way.
  Place Tree(std::span<const Range> ranges) {
    if (ranges.size() == 1) return Leaf(ranges.front().code);
    std::size_t middle = 1;
    const std::uint32_t half = (ranges.back().end - ranges.front().first) / 2;
    while (middle + 1 < ranges.size() && ranges[middle].first - ranges.front().first < half) {
      ++middle;
    }
    const Place above = Tree(ranges.subspan(middle));
    const Place below = Reachable(Tree(ranges.first(middle)));
    const Place above_near = Reachable(above);
    reversed_.push_back(Insn(BPF_JMP | BPF_JGE | BPF_K, ranges[middle].first, Distance(above_near),
                             Distance(below)));
    return reversed_.size() - 1;
  }

  // The program, with `start` before its first instruction; falls into `entry`.
  std::vector<sock_filter> Finish(const Block& start, Place entry) {
    if (entry != reversed_.size() - 1) (void)Jump(entry);
    std::vector<sock_filter> program = start;
    program.insert(program.end(), reversed_.rbegin(), reversed_.rend());
    return program;
  }

 private:
  // Leaves room for a subtree's other half between a jump and the leaf that it shares.
  static constexpr std::size_t kNear = 128;

  std::size_t Distance(Place target) const { return reversed_.size() - target - 1; }

  Place Jump(Place target) {
    const std::size_t distance = Distance(target);
    reversed_.push_back(Insn(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(distance)));
    return reversed_.size() - 1;
  }

  // The place itself, or one nearby that jumps there. One more instruction may come before the
  // compare.
  Place Reachable(Place target) { return Distance(target) + 1 <= kMaxJump ? target : Jump(target); }

  Block reversed_;
  std::vector<std::pair<const Block*, Place>> leaves_;
};

}  // namespace

Result<std::vector<sock_filter>> CompileFilter(const FilterOptions& wanted) {
  TRY(CheckOptions(wanted));
  if (wanted.learn && (wanted.level != Level::kLow || wanted.report != Report::kNotify)) {
    return Failure(Code::kInvalidArgument, "learning needs level low and a listener",
                   "learn_refused", "use level low");
  }
  FilterOptions options = wanted;
  options.level = wanted.learn.value_or(wanted.level);
  const sock_filter foreign = Return({Verdict::Kind::kKill, 0}, {options.report, false});
  Block start = {
      Load(offsetof(seccomp_data, arch)),
      Insn(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(options.arch), 1, 0),
      foreign,
      Load(offsetof(seccomp_data, nr)),
  };
  if (options.arch == Arch::kX86_64) {
    start.push_back(Insn(BPF_JMP | BPF_JGE | BPF_K, kX32Bit, 0, 1));
    start.push_back(foreign);
  }
  const std::vector<Range> ranges = Ranges(options);
  Emitter emitter;
  const Emitter::Place entry = emitter.Tree(ranges);
  std::vector<sock_filter> program = emitter.Finish(start, entry);
  if (program.size() > BPF_MAXINSNS) {
    return Failure(Code::kInternal, "the filter has more than 4096 instructions",
                   "filter_too_large");
  }
  return program;
}

}  // namespace fabro::seccomp
