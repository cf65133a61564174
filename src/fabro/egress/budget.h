// A token bucket: so much at once, and so much a second afterwards.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace fabro::egress {

class Budget {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  Budget(std::uint64_t per_second, std::uint64_t burst)
      : per_second_(static_cast<double>(per_second)),
        burst_(static_cast<double>(burst)),
        left_(burst_) {}

  std::uint64_t Left(TimePoint now) {
    if (last_ != TimePoint{}) {
      const std::chrono::duration<double> passed = now - last_;
      left_ = std::min(burst_, left_ + passed.count() * per_second_);
    }
    last_ = now;
    return left_ > 0 ? static_cast<std::uint64_t>(left_) : 0;
  }
  // What Left() said is there to be taken.
  void Take(std::uint64_t amount) { left_ -= static_cast<double>(amount); }

 private:
  double per_second_;
  double burst_;
  double left_;
  TimePoint last_{};
};

}  // namespace fabro::egress
