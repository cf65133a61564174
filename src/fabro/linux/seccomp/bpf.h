// Classic BPF as seccomp runs it, in user space: checks a program as the kernel does when it is
// loaded, and evaluates it on one call. With it the filters are verified for every call of every
// architecture without a kernel, and a listing or a test can ask what a given program would do.
//
// Source: kernel/seccomp.c (seccomp_check_filter) and net/core/filter.c (bpf_check_classic).
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <span>

#include "fabro/base/result.h"

namespace fabro::seccomp {

// Whether the kernel would load the program: 1 to 4096 known instructions, aligned loads inside
// seccomp_data, scratch cells 0 to 15 that are written on every way before they are read, jumps
// forward inside the program, a return at the end. Error: kInvalidArgument bad_bpf with the index
// of the instruction.
Status ValidateBpf(std::span<const sock_filter> program);

// The program's return value (SECCOMP_RET_* and data) for one call. Validates first, so any input
// is safe; the time is bounded by the program's length, since jumps only go forward. A division by
// zero in register X returns 0 (SECCOMP_RET_KILL_THREAD), as in the kernel.
Result<std::uint32_t> RunBpf(std::span<const sock_filter> program, const seccomp_data& data);

// The same for a program that ValidateBpf() has accepted; for loops over many calls.
std::uint32_t RunValidBpf(std::span<const sock_filter> program, const seccomp_data& data);

}  // namespace fabro::seccomp
