// CHECK(condition): what must hold, or the code is wrong. Aborts in all builds with file and line.
// Input, network and files never meet a CHECK: they get a Result.
#pragma once

namespace fabro {
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
}  // namespace fabro

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::fabro::CheckFailed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define DCHECK(condition) static_cast<void>(sizeof(condition))
#else
#define DCHECK(condition) CHECK(condition)
#endif
