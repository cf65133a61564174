// Where time comes from. Everything that waits or stamps takes a Clock, so that tests own time.
#pragma once

#include <chrono>
#include <string>

namespace fabro {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::chrono::system_clock::time_point WallNow() = 0;    // Stamps; may jump.
  virtual std::chrono::steady_clock::time_point SteadyNow() = 0;  // Spans and deadlines.
};

// The machine's clocks.
Clock& RealClock();

// Stands still until told; both clocks move together.
class FakeClock : public Clock {
 public:
  std::chrono::system_clock::time_point WallNow() override { return wall_; }
  std::chrono::steady_clock::time_point SteadyNow() override { return steady_; }
  void Advance(std::chrono::nanoseconds span) {
    wall_ += std::chrono::duration_cast<std::chrono::system_clock::duration>(span);
    steady_ += std::chrono::duration_cast<std::chrono::steady_clock::duration>(span);
  }

 private:
  std::chrono::system_clock::time_point wall_{std::chrono::seconds(1'800'000'000)};
  std::chrono::steady_clock::time_point steady_{std::chrono::seconds(1000)};
};

// RFC 3339 with milliseconds, UTC: "2026-03-07T12:34:56.789Z".
std::string Rfc3339(std::chrono::system_clock::time_point time);

}  // namespace fabro
