// Attacks that run as the guest: one function a row of the threat matrix. Each tries its attack and
// prints one line that ends the matter:
//
//   PASS <errno word or fact> <evidence>   refused, or harmless for the reason that is said
//   FAIL <fact> <evidence>                 the attack worked
//
// A row whose call kills its process prints nothing more: the test reads the Outcome then. Run
// outside of a sandbox the same probe shows that it can succeed at all (the tests' twin runs).
//
// Static, without exceptions; libc and kernel headers only.
#pragma once

#include <span>
#include <string_view>

namespace probe {

struct Arguments {
  int count = 0;
  char** values = nullptr;
  // "" for one that was not given.
  const char* At(int index) const { return index < count ? values[index] : ""; }
};

struct Probe {
  std::string_view name;  // Row of the matrix, with a suffix where a row has several calls.
  int (*run)(const Arguments&);
};

std::span<const Probe> Calls();
std::span<const Probe> Engine();
std::span<const Probe> Evidences();
std::span<const Probe> Files();
std::span<const Probe> More();
std::span<const Probe> Nested();
std::span<const Probe> Processes();
std::span<const Probe> RawCalls();
std::span<const Probe> Resources();
std::span<const Probe> Sockets();

// Each prints its line and gives the exit code: 0 for PASS, 1 for FAIL.
int Pass(const char* fact, const char* evidence = "");
int Fail(const char* fact, const char* evidence = "");
// By the result of a system call that must fail: "PASS EPERM what" or "FAIL OK what".
int MustFail(long result, const char* what);
// EPERM for 1.
const char* ErrnoWord(int error);

}  // namespace probe
