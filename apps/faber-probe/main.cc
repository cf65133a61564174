// faber-probe NAME [ARG…]: runs the attack of that name from inside; see probe.h.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "probe.h"

namespace probe {

const char* ErrnoWord(int error) {
  const char* word = ::strerrorname_np(error);
  return word == nullptr ? "unknown errno" : word;
}

int Pass(const char* fact, const char* evidence) {
  std::printf("PASS %s %s\n", fact, evidence);
  return 0;
}

int Fail(const char* fact, const char* evidence) {
  std::printf("FAIL %s %s\n", fact, evidence);
  return 1;
}

int MustFail(long result, const char* what) {
  return result < 0 ? Pass(ErrnoWord(errno), what) : Fail("OK", what);
}

}  // namespace probe

int main(int argc, char** argv) {
  constexpr int kUsage = 2;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (argc < 2) return kUsage;
  for (const auto& probes : {probe::Calls(), probe::Engine(), probe::Evidences(), probe::Files(),
                             probe::More(), probe::Nested(), probe::Processes(), probe::RawCalls(),
                             probe::Resources(), probe::Sockets()}) {
    for (const probe::Probe& each : probes) {
      if (each.name == argv[1]) return each.run({.count = argc - 2, .values = argv + 2});
    }
  }
  std::printf("FAIL unknown-probe %s\n", argv[1]);
  return kUsage;
}
