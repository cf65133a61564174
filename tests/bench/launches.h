// How launches are measured: one after the other, by two drivers at once, and for half a minute.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fabro/base/error.h"
#include "fabro/base/result.h"
#include "fabro/model/json.h"

namespace fabro::bench {

inline constexpr char kSocket[] = "/run/faber/jailer.sock";

struct Contender {
  std::string name;
  std::function<Status()> launch;
  int share = 1;              // One launch in so many of the bare ones, for what is slow.
  bool needs_jailer = false;  // Else it must not find one.
  bool hides_v2 = false;      // It does not work where a v2 tree is mounted beside v1 ones.
  std::optional<Error> failed = std::nullopt;
  std::vector<double> round_medians = {};  // Microseconds.
  std::vector<double> all = {};
};

double Percentile(std::vector<double> values, double part);

Status ExpectSuccess(int wait_status, const std::string& name);

// Adds the times of so many launches to the contender, or why one of them failed.
void MeasureRound(Contender& contender, int launches);

// Launches a second of two processes that launch `launches` times each in a closed loop.
Result<double> RateOfTwo(const Contender& contender, int launches);

// Two drivers in a closed loop for so long. Launches a second and failures in each window of five
// seconds, and at its end the jailer's resident memory and the machine's network namespaces.
Result<model::Json> Sustain(const Contender& contender, int seconds, pid_t jailer);

}  // namespace fabro::bench
