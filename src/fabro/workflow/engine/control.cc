#include "fabro/workflow/engine/control.h"

#include <sys/eventfd.h>

namespace fabro::workflow {

Result<std::unique_ptr<Control>> Control::Make() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return SysFailure("eventfd");
  return std::unique_ptr<Control>(new Control(std::move(fd)));
}

void Control::Cancel(CancelReason reason) {
  CancelReason none = CancelReason::kNone;
  reason_.compare_exchange_strong(none, reason);
  // Never read, so it stays readable for everybody; a full counter is readable too.
  const std::uint64_t one = 1;
  (void)!::write(fd_.get(), &one, sizeof one);
}

}  // namespace fabro::workflow
