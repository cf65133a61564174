// Descriptors of a jailer are shared by all its callers, and who has none left cannot even read a
// message (its descriptors are dropped). So each caller, slot and command takes what it may come to
// hold before it begins, and is refused when that is not there: one that is greedy is refused, not
// its neighbours.
#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <utility>

#include "fabro/base/result.h"

namespace fabro::jail::supervise {

class DescriptorBudget {
 public:
  // What for, and with that how many, and how much must stay for who comes after it: new callers
  // leave something to those that are served, and one Jail's many commands to those of others.
  enum class Use {
    kSession,      // Its connection, its workspace's locks, sources that wait with it.
    kSlot,         // Its groups with the leaves that wait in them, zygote, init.
    kMoreCommand,  // A command beside some of the same Jail.
    kCommand,      // Its leaf and what is read of it, its sockets and streams.
  };

  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), count_(other.count_) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(count_, other.count_);
      return *this;
    }
    ~Share() {
      if (budget_ != nullptr) budget_->left_ += count_;
    }

   private:
    friend class DescriptorBudget;
    Share(DescriptorBudget* budget, std::size_t count) : budget_(budget), count_(count) {}
    DescriptorBudget* budget_ = nullptr;
    std::size_t count_ = 0;
  };

  // Raises this process' limit as far as it goes; the guests' stays InheritedLimit().
  DescriptorBudget();
  DescriptorBudget(const DescriptorBudget&) = delete;
  DescriptorBudget& operator=(const DescriptorBudget&) = delete;

  // "jailer_full". The budget outlives its shares.
  Result<Share> Take(Use use);
  const rlimit& inherited() const { return inherited_; }

 private:
  rlimit inherited_{};
  std::size_t total_ = 0;
  std::size_t left_ = 0;
};

}  // namespace fabro::jail::supervise
