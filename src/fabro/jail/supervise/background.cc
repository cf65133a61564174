#include "fabro/jail/supervise/background.h"

#include <poll.h>

#include <optional>
#include <utility>

#include "fabro/jail/supervise/violations.h"
#include "fabro/model/outcome.h"

namespace fabro::jail::supervise {

Background::Background(Loop& loop, cgroup::Leaf leaf, UniqueFd listener,
                       seccomp::FilterOptions filter)
    : loop_(loop), leaf_(std::move(leaf)), listener_(std::move(listener)), filter_(filter) {
  if (!listener_) return;
  watch_ = loop_.Watch(listener_.get(), POLLIN, [this](short events) { OnListener(events); });
}

Background::~Background() { loop_.Remove(watch_); }

void Background::OnListener(short events) {
  if ((events & POLLIN) == 0) {  // Hung up.
    loop_.Remove(watch_);
    if (on_end_) std::exchange(on_end_, nullptr)();
    return;
  }
  // The command's Outcome is out: there is nobody left to name the call to.
  model::Outcome nobody;
  const std::optional<bool> kill = AnswerOne(listener_.get(), filter_, nobody);
  if (kill && *kill) (void)leaf_.Kill();
}

}  // namespace fabro::jail::supervise
