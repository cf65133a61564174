// The end of a Jail: at its caller's wish, or because something of it is gone.
#include <poll.h>

#include <chrono>
#include <utility>

#include "fabro/jail/supervise/session.h"

namespace fabro::jail::supervise {
namespace {

using protocol::Type;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kEndLimit{5};

}  // namespace

void Session::EndExecs(const std::optional<std::string>& why) {
  while (!execs_.empty()) execs_.begin()->second->EndWithJail(why);
}

// Whether a process of a guest may still be there: of a command that runs, or left behind by one,
// or that could not be killed.
bool Session::HasGuests() const { return unclean_ || !execs_.empty() || !background_.empty(); }

void Session::BeginEnd(std::optional<std::uint32_t> request) {
  if (std::exchange(ending_, true)) return;
  end_request_ = request;
  stops_after_ = 0;
  for (Loop::Id* id : {&connection_watch_, &init_watch_, &zygote_watch_, &creation_timer_}) {
    loop_.Remove(*id);
  }
  if (!slot_ || broken_) return FinishEnd({});
  // With no guest left, and no directory of the host's mounted, what is to be done can wait.
  if (!HasGuests() && workspace_lock_.empty()) {
    behind_ = true;
    return FinishEnd({});
  }
  slot_->KillInit();
  zygote_watch_ =
      loop_.Watch(slot_->zygote_socket(), POLLIN, [this](short) { FinishEnd(slot_->TakeEnd()); });
  end_timer_ = loop_.At(steady_clock::now() + kEndLimit, [this] {
    FinishEnd(Failure(Code::kDeadlineExceeded, "the sandbox did not end in time"));
  });
}

void Session::FinishEnd(const Status& ended) {
  loop_.Remove(zygote_watch_);
  loop_.Remove(end_timer_);
  const Status away = slot_ ? GiveSlotBack(ended) : ended;
  if (end_request_ && away) Reply(Type::kStopped, *end_request_);
  if (end_request_ && !away) Reply(Type::kError, *end_request_, protocol::Encode(away.error()));
  connection_.reset();
  share_ = {};
  on_gone_();
}

// Its Jail has ended, or nobody knows.
Status Session::GiveSlotBack(const Status& ended) {
  stops_after_ = 0;
  EndExecs(std::nullopt);
  background_.clear();
  network_.reset();
  std::unique_ptr<Slot> slot = std::move(slot_);
  broken_ = "it was stopped";
  Status away;
  if (behind_) {
    away = pool_.Recycle(std::move(slot), plan_);
  } else {
    away = ended ? pool_.GiveBack(std::move(slot), plan_) : pool_.Destroy(std::move(slot));
  }
  workspace_lock_.clear();
  return ended ? away : ended;
}

}  // namespace fabro::jail::supervise
