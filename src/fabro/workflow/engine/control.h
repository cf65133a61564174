// How the outside stops an engine: cancel (at once, with a reason) and pause (at the next commit
// point). Thread-safe; set from the control socket's thread, signals' thread or the watchdog. A
// parallel branch or sub-workflow has a child, which its parent's cancel and pause reach too.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::workflow {

enum class CancelReason {
  kNone,
  kUser,
  kStall,
  kBudget,
  kTerminated,
  kJoined,  // A branch: the join was decided without it. A child: its manager has enough.
};

class Control {
 public:
  static Result<std::unique_ptr<Control>> Make();
  // Outlived by its parent.
  Result<std::unique_ptr<Control>> MakeChild();
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // The first reason stays. What runs sees `cancel_fd` readable.
  void Cancel(CancelReason reason);
  CancelReason cancelled() const { return reason_.load(); }
  int cancel_fd() const { return cancel_fd_.get(); }

  void Pause();
  bool pause_requested() const { return pause_.load(); }
  // Readable on cancel and on pause: for what waits without working (questions, timers).
  int stop_fd() const { return stop_fd_.get(); }

 private:
  Control(UniqueFd cancel, UniqueFd stop, Control* parent)
      : parent_(parent), cancel_fd_(std::move(cancel)), stop_fd_(std::move(stop)) {}

  Control* parent_;
  UniqueFd cancel_fd_;  // Eventfds that are never read: what is readable stays it, for everybody.
  UniqueFd stop_fd_;
  std::atomic<CancelReason> reason_ = CancelReason::kNone;
  std::atomic<bool> pause_ = false;
  std::mutex mutex_;
  std::set<Control*> children_;  // Guarded by mutex_.
};

}  // namespace fabro::workflow
