#include "fabro/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace fabro {

void CheckFailed(const char* condition, const char* file, int line) {
  (void)std::fprintf(stderr, "%s:%d: CHECK(%s) failed: this is a bug, please report it\n", file,
                     line, condition);
  std::abort();
}

}  // namespace fabro
