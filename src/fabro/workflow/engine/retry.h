// How often and when a failed attempt is tried again (workflow language, 11.1 and 11.2).
#pragma once

#include <cstdint>

#include "fabro/base/duration.h"
#include "fabro/base/result.h"
#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

struct RetryPolicy {
  std::uint32_t max_attempts = 1;
  Nanos first_delay{};
  double factor = 1;

  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

// `retry_policy`, else `max_retries`, else the graph's default, else one attempt. kInvalidArgument
// "attr_type" for what cannot be read.
Result<RetryPolicy> ResolveRetryPolicy(const Graph& graph, const Node& node);

// Before retry number `retry` (from 1): first * factor^(retry-1), at most 60 s, times `jitter`,
// which lies in [0.5, 1.5].
Nanos RetryDelay(const RetryPolicy& policy, std::uint32_t retry, double jitter);

// Waits that end early when `cancel_fd` becomes readable; tests own time with another one.
class Sleeper {
 public:
  virtual ~Sleeper() = default;
  // False: cancelled.
  virtual bool Sleep(Nanos span, int cancel_fd) = 0;
};
Sleeper& RealSleeper();

}  // namespace fabro::workflow
