// How the outside stops an engine: cancel (at once, with a reason) and pause (at the next commit
// point). Thread-safe; set from the control socket's thread, signals' thread or the watchdog.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::workflow {

enum class CancelReason { kNone, kUser, kStall, kBudget, kTerminated };

class Control {
 public:
  static Result<std::unique_ptr<Control>> Make();

  // The first reason stays. What runs sees `cancel_fd` readable.
  void Cancel(CancelReason reason);
  CancelReason cancelled() const { return reason_.load(); }
  int cancel_fd() const { return fd_.get(); }

  void Pause() { pause_.store(true); }
  bool pause_requested() const { return pause_.load(); }

 private:
  explicit Control(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;  // An eventfd.
  std::atomic<CancelReason> reason_ = CancelReason::kNone;
  std::atomic<bool> pause_ = false;
};

}  // namespace fabro::workflow
