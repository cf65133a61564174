// For tests: the calls worth asking about a number, with arguments around every value that its rule
// knows.
#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "fabro/linux/seccomp/table.h"

namespace fabro::seccomp {

// Values around those that a rule knows for an argument, and some that it does not.
inline std::vector<std::uint64_t> EdgesOf(const Rule& rule, std::uint8_t arg) {
  std::set<std::uint64_t> edges = {0, 1, 0xFFFFFFFF, 0x100000000, ~0ULL};
  for (const Clause& clause : rule.clauses) {
    for (const Condition& condition : clause.conditions) {
      if (condition.arg != arg) continue;
      edges.insert({condition.mask, ~static_cast<std::uint64_t>(condition.mask)});
      for (const Value& value : condition.values) {
        const std::uint64_t v = value.number;
        edges.insert({v, v + 1, v - 1, v | (1ULL << 32), v | (~0ULL << 32), v | ~condition.mask});
      }
    }
  }
  return {edges.begin(), edges.end()};
}

inline std::set<std::uint8_t> ArgumentsOf(const Rule& rule) {
  std::set<std::uint8_t> used;
  for (const Clause& clause : rule.clauses) {
    for (const Condition& condition : clause.conditions) used.insert(condition.arg);
  }
  return used;
}

// Calls of that number with every combination of edges over the arguments that the rule looks at.
inline std::vector<seccomp_data> EdgeCalls(Arch arch, std::uint32_t number, const Rule* rule) {
  seccomp_data base{};
  base.nr = static_cast<int>(number);
  base.arch = static_cast<std::uint32_t>(arch);
  std::vector<seccomp_data> calls = {base};
  if (rule == nullptr) return calls;
  for (const std::uint8_t arg : ArgumentsOf(*rule)) {
    std::vector<seccomp_data> more;
    for (const std::uint64_t edge : EdgesOf(*rule, arg)) {
      for (seccomp_data call : calls) {
        call.args[arg] = edge;
        more.push_back(call);
      }
    }
    calls = std::move(more);
  }
  return calls;
}

}  // namespace fabro::seccomp
