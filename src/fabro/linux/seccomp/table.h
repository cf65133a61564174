// The generated form of syscalls.tsv and argument_rules.tsv. Everything is constant and lives for
// ever.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "fabro/linux/seccomp/seccomp.h"

namespace fabro::seccomp {

struct Value {
  std::uint32_t number;
  std::string_view name;  // May be empty.
};

// (low 32 bits of args[arg] & mask) is one of `values`.
struct Condition {
  std::uint8_t arg;
  std::uint32_t mask;
  std::span<const Value> values;
};

// Applies where its option holds and all its conditions hold.
struct Clause {
  enum class When {
    kAlways,
    kSockets,
    kNoSockets,
    kPtrace,
    kTty,
    kNoRandomize,
    kNoLocks,
    kNoProcesses,
    kSetGid,
  };
  When when;
  Verdict verdict;
  std::span<const Condition> conditions;
  std::string_view text;
};

// The first clause that applies decides; the last one always applies.
struct Rule {
  std::string_view name;
  std::string_view why;
  std::span<const Clause> clauses;
};

struct Class {
  Verdict verdict;
  const Rule* rule;  // When not null, it decides, and not `verdict`.
};

struct Syscall {
  std::string_view name;
  int x86_64;   // -1: not there.
  int aarch64;  // -1: not there.
  std::string_view since;
  bool setup;
  std::array<Class, 3> classes;  // By Level.
};

// Of denials.tsv: a call that some level refuses with a report.
struct Denial {
  std::string_view name;
  std::string_view purpose;
  std::string_view why;
};

// Ordered by name, both.
std::span<const Syscall> SyscallTable();
std::span<const Denial> Denials();

// The entry of a name, or null.
const Denial* FindDenial(std::string_view name);

// What a filter with these options makes of a call of the table: the class of its level, unless the
// options name the call. An allowed one gets its class of level low.
Class ClassOf(const Syscall& call, const FilterOptions& options);

// Index into SyscallTable() by call number, -1 for a number without a name.
std::span<const std::int16_t> SyscallNumbers(Arch arch);

// The entry of a number, or null.
const Syscall* FindSyscall(Arch arch, std::uint32_t number);

// "with sockets"; empty for kAlways.
std::string_view WhenText(Clause::When when);

// Whether a clause is part of a filter with these options.
bool Holds(Clause::When when, const FilterOptions& options);

// These are x32's own versions of calls; kernels before 5.4 ran them without the bit, too.
inline constexpr std::uint32_t kX32OnlyFirst = 512;
inline constexpr std::uint32_t kX32OnlyEnd = 548;

// x32 calls are x86_64 calls with this bit set.
inline constexpr std::uint32_t kX32Bit = 0x40000000;

}  // namespace fabro::seccomp
