// One command in a Jail, from the moment it was accepted until its Outcome was sent: its leaf, its
// channel to the caller, its filter's listener and its limits.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/jail/protocol/messages.h"
#include "fabro/jail/supervise/background.h"
#include "fabro/jail/supervise/channel.h"
#include "fabro/jail/supervise/classify.h"
#include "fabro/jail/supervise/descriptors.h"
#include "fabro/jail/supervise/egress.h"
#include "fabro/jail/supervise/loop.h"
#include "fabro/linux/cgroup/job_root.h"
#include "fabro/linux/cgroup/leaf.h"
#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/outcome.h"

namespace fabro::jail::supervise {

class Exec {
 public:
  struct Parts {
    std::uint32_t id = 0;
    UniqueFd channel;             // The caller's exec channel.
    std::vector<UniqueFd> stdio;  // Three, or none with a terminal.
    UniqueFd program;             // Our file helper, or none.
    plan::ExecPlan plan;
    seccomp::FilterOptions filter;
    bool deny_jit = false;
    std::uint64_t bounding = 0;      // wire::Exec
    std::uint64_t capabilities = 0;  // wire::Exec
    std::uint16_t rows = 24;         // Of the terminal.
    std::uint16_t columns = 80;
    const Egress::Share* network = nullptr;  // Of network mode egress; outlives the Exec.
    DescriptorBudget::Share share;
  };

  // Sends the order to init; from then on the Exec lives until `on_end`, which may destroy it. The
  // loop, group and socket stay the caller's and outlive it.
  static Result<std::unique_ptr<Exec>> Start(Loop& loop, cgroup::SlotGroup& group, int init_socket,
                                             Parts parts, std::function<void()> on_end);
  ~Exec();
  Exec(const Exec&) = delete;
  Exec& operator=(const Exec&) = delete;

  std::uint32_t id() const { return id_; }

  // What init says about it.
  void OnForked(UniqueFd terminal);
  void OnEnded(const wire::ExecEnded& ended);

  // Over, and proven that nothing of it lives; in `on_end` alone.
  bool clean() const { return outcome_.cleanup_succeeded; }
  // What a command left behind that may live on, if it did; in `on_end` alone.
  std::unique_ptr<Background> TakeBackground();

  // The Jail is going: `why` set means that nothing can be said about the command any more.
  void EndWithJail(std::optional<std::string> why);

 private:
  Exec(Loop& loop, cgroup::SlotGroup& group, int init_socket, Parts parts, cgroup::Leaf leaf,
       std::function<void()> on_end);
  Status SendOrder(int status_end);
  void OnChannel();
  void OnStatus();
  void OnListening(UniqueFd listener);
  void DrainListener();
  void SampleCpu();
  void ArmCpuTimer(Nanos used);
  void WatchMemory();
  void Terminate(const protocol::Terminate& order);
  void SignalGroup(int signal);
  void SendSignals();
  void Kill();
  // The end is known: what it left is killed, unless that may live on. kAtOnce waits for that.
  enum class Settling { kByAndBy, kAtOnce };
  void Finish(Settling settling = Settling::kByAndBy);
  void Settle(Settling settling);
  void Conclude();
  void SendAccepted(int terminal);
  bool SandboxWasFull() const;

  Loop& loop_;
  DescriptorBudget::Share share_;
  cgroup::SlotGroup& group_;
  int init_socket_;
  std::function<void()> on_end_;
  std::uint32_t id_;
  plan::ExecPlan plan_;
  seccomp::FilterOptions filter_;
  bool deny_jit_ = false;
  std::uint64_t bounding_ = 0;
  std::uint64_t capabilities_ = 0;
  std::uint16_t rows_;
  std::uint16_t columns_;
  std::vector<UniqueFd> stdio_;  // Until init has them.
  UniqueFd program_;
  UniqueFd channel_;
  UniqueFd status_;
  UniqueFd listener_;
  std::optional<cgroup::Leaf> leaf_;
  std::uint64_t sandbox_ooms_ = 0;  // By the sandbox's own limit, before this command (v2 counts).
  Loop::Id channel_watch_ = 0;
  Loop::Id status_watch_ = 0;
  Loop::Id listener_watch_ = 0;
  Loop::Id wall_timer_ = 0;
  Loop::Id cpu_timer_ = 0;
  Loop::Id memory_timer_ = 0;
  Loop::Id kill_timer_ = 0;
  Loop::Id signal_timer_ = 0;
  std::uint64_t signals_ = 0;  // Not sent yet, bit N-1 for signal N: init has a full socket.
  std::chrono::steady_clock::time_point ordered_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point started_{};  // The filter is in, execve is next.
  bool accepted_ = false;
  bool ended_ = false;  // The Outcome is on its way.
  const Egress::Share* network_;
  model::NetworkUsage network_before_;
  bool keep_ = false;  // What it left behind lives on.
  ExecFacts facts_;
  model::Outcome outcome_;
  std::chrono::steady_clock::time_point kill_until_{};
  Nanos settle_span_{};
};

}  // namespace fabro::jail::supervise
