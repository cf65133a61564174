// faber-init: the one program of ours that runs on the guest's side. Started by the jailer, never
// by a user; static, so that it needs nothing of the root that it makes.
//
//   faber-init zygote   the zygote of a slot, and by clone the init of its Jails
//   faber-init files    the file helper, an Exec in a Jail like any other
#include <cstring>

#include "fabro/jail/child/file_helper.h"
#include "fabro/jail/child/zygote.h"

int main(int argc, char** argv) {
  using namespace fabro::jail::child;
  constexpr int kUsage = 2;
  if (argc != 2) return kUsage;
  if (std::strcmp(argv[1], "zygote") == 0) return ZygoteMain();
  if (std::strcmp(argv[1], "files") == 0) return FileHelperMain();
  return kUsage;
}
