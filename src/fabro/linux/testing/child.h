// For tests: a child process that runs a function.
#pragma once

#include <unistd.h>

#include <type_traits>
#include <utility>

#include "fabro/base/check.h"
#include "fabro/linux/process.h"

namespace fabro::testing {

// Forks; the child runs `body` and ends with its result as exit code (0 for void), without running
// destructors or atexit handlers of the test program.
template <typename Body>
Process StartChild(Body&& body) {
  const pid_t pid = ::fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    if constexpr (std::is_void_v<decltype(body())>) {
      body();
      ::_exit(0);
    } else {
      ::_exit(body());
    }
  }
  Result<Process> child = Process::Adopt(pid);
  CHECK(child.ok());
  return *std::move(child);
}

}  // namespace fabro::testing
