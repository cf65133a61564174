#include "fabro/workflow/engine/control.h"

#include <sys/eventfd.h>

namespace fabro::workflow {
namespace {

void Signal(const UniqueFd& fd) {
  const std::uint64_t one = 1;
  (void)!::write(fd.get(), &one, sizeof one);
}

}  // namespace

Result<std::unique_ptr<Control>> Control::Make() {
  UniqueFd cancel(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!cancel || !stop) return SysFailure("eventfd");
  return std::unique_ptr<Control>(new Control(std::move(cancel), std::move(stop), nullptr));
}

Result<std::unique_ptr<Control>> Control::MakeChild() {
  auto child = TRY(Make());
  const std::lock_guard lock(mutex_);
  child->parent_ = this;
  children_.insert(child.get());
  // Under the lock: a cancel that comes now finds the child in the set.
  if (cancelled() != CancelReason::kNone) child->Cancel(cancelled());
  if (pause_requested()) child->Pause();
  return child;
}

Control::~Control() {
  if (parent_ == nullptr) return;
  const std::lock_guard lock(parent_->mutex_);
  parent_->children_.erase(this);
}

void Control::Cancel(CancelReason reason) {
  const std::lock_guard lock(mutex_);
  CancelReason none = CancelReason::kNone;
  reason_.compare_exchange_strong(none, reason);
  Signal(cancel_fd_);
  Signal(stop_fd_);
  for (Control* child : children_) child->Cancel(reason);
}

void Control::Pause() {
  const std::lock_guard lock(mutex_);
  pause_.store(true);
  Signal(stop_fd_);
  for (Control* child : children_) child->Pause();
}

}  // namespace fabro::workflow
