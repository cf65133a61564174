// faber-egressd: carries the allowed connections of sandboxes in network mode `egress`, for one
// faber-jailer and until that ends.
//
//   faber-egressd [ID]   serves its jailer on descriptor 3; ID: becomes that user and group first
//
// Started by faber-jailer; no user needs to know it. Exit codes: 0 done, 1 trouble, 2 usage.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <string_view>

#include "fabro/egress/confine.h"
#include "fabro/egress/service.h"

namespace {

using namespace fabro;

constexpr int kControlFd = 3;
constexpr int kUsage = 2;

int Report(const Status& status) {
  if (status) return 0;
  std::fprintf(stderr, "faber-egressd: %s\n", status.error().ToString().c_str());
  return 1;
}

Status Run(uid_t id) {
  if (id != 0) TRY(egress::BecomeUser(id));
  // After the change of user, which clears it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return SysFailure("PR_SET_PDEATHSIG");
  return egress::Serve(UniqueFd(kControlFd));
}

}  // namespace

int main(int argc, char** argv) {
  ::clearenv();
  ::signal(SIGPIPE, SIG_IGN);  // splice(2) has no MSG_NOSIGNAL.
  if (::chdir("/") != 0) return 1;
  uid_t id = 0;
  if (argc == 2) {
    const std::string_view text = argv[1];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc() || end != text.data() + text.size()) id = 0;
  }
  if (argc > 2 || (argc == 2 && id == 0) || ::fcntl(kControlFd, F_SETFD, FD_CLOEXEC) != 0) {
    std::fprintf(stderr, "faber-egressd: started by faber-jailer alone\n");
    return kUsage;
  }
  ::close_range(kControlFd + 1, ~0U, 0);
  return Report(Run(id));
}
