// One connection = one Jail: the requests of its caller, from kHello to the hang-up that ends
// everything in it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/jail/protocol/messages.h"
#include "fabro/jail/supervise/egress.h"
#include "fabro/jail/supervise/exec.h"
#include "fabro/jail/supervise/loop.h"
#include "fabro/jail/supervise/slot.h"
#include "fabro/jail/supervise/slot_pool.h"
#include "fabro/jail/supervise/sources.h"
#include "fabro/jail/supervise/workspace_lock.h"
#include "fabro/linux/socket.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::supervise {

class Session {
 public:
  // `on_gone` is called once, when nothing of the Jail is left; it may destroy the Session. Loop,
  // pool and egress outlive it.
  Session(Loop& loop, SlotPool& pool, Egress& egress, UniqueFd connection,
          std::function<void()> on_gone, DescriptorBudget::Share share = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  void OnConnection();
  void Handle(const protocol::Frame& frame, std::vector<UniqueFd> fds);
  Status Create(const protocol::Frame& frame, std::vector<UniqueFd> fds);
  // With the workspace's lock, for which it comes back until it has it or the time is over.
  void ContinueCreate();
  void FinishCreate(const Status& made);
  Status MakeJail();
  Status StartExec(const protocol::Frame& frame, std::vector<UniqueFd>& fds);
  Result<Exec::Parts> PlanParts(const protocol::StartExec& start, std::vector<UniqueFd>& fds);
  void OnInit();
  void OnZygote();
  void Broken(const std::string& why);
  void EndExecs(const std::optional<std::string>& why);
  void OnExecEnd(std::uint32_t id);
  void Stop(std::uint32_t request);
  void OnBackgroundEnd(const Background* ended);
  bool HasGuests() const;
  // Orders the end of the Jail; once it has come the answer goes to the request, if there is one,
  // and the connection is closed.
  void BeginEnd(std::optional<std::uint32_t> request);
  void FinishEnd(const Status& ended);
  Status GiveSlotBack(const Status& ended);
  void Leave() { BeginEnd(std::nullopt); }
  void Reply(protocol::Type type, std::uint32_t request, std::string_view body = {});
  model::SandboxInfo Info() const;

  Loop& loop_;
  SlotPool& pool_;
  Egress& egress_;
  DescriptorBudget::Share share_;
  UniqueFd connection_;
  std::function<void()> on_gone_;
  Loop::Id connection_watch_ = 0;
  Loop::Id init_watch_ = 0;
  Loop::Id zygote_watch_ = 0;
  std::unique_ptr<Slot> slot_;
  std::unique_ptr<Egress::Share> network_;  // Of network mode egress; outlives its Execs.
  WorkspaceLock workspace_lock_;            // Held until nothing of the Jail is left.
  plan::JailPlan plan_;
  plan::HostFacts facts_;
  // A kCreate that is not answered yet.
  struct Creation {
    std::uint32_t request = 0;
    Sources sources;
    Loop::TimePoint until;  // For the workspace.
  };
  std::optional<Creation> creation_;
  Loop::Id creation_timer_ = 0;
  bool creation_waited_ = false;
  bool ending_ = false;
  bool behind_ = false;  // Its init ends after the answer.
  std::optional<std::uint32_t> end_request_;
  Loop::Id end_timer_ = 0;
  std::vector<std::string> shared_;
  std::map<std::uint32_t, std::unique_ptr<Exec>> execs_;
  std::vector<std::unique_ptr<Background>> background_;  // Of commands that have ended.
  bool unclean_ = false;  // A command ended, and something of it may still live.
  std::uint32_t last_exec_ = 0;
  std::uint32_t stops_after_ = 0;  // The command with which the Jail ends; 0: none.
  std::uint32_t stop_request_ = 0;
  std::optional<std::string> broken_;  // Why the Jail can do nothing any more.
};

}  // namespace fabro::jail::supervise
