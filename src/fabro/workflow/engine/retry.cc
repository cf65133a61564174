#include "fabro/workflow/engine/retry.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

#include "fabro/linux/poll.h"
#include "fabro/workflow/graph/attributes.h"

namespace fabro::workflow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanos kLongestDelay = seconds(60);
constexpr std::int64_t kMostRetries = 1000;

struct Preset {
  std::string_view name;
  RetryPolicy policy;
};
constexpr Preset kPresets[] = {
    {"none", {.max_attempts = 1, .first_delay = Nanos(0), .factor = 1}},
    {"standard", {.max_attempts = 5, .first_delay = milliseconds(200), .factor = 2}},
    {"aggressive", {.max_attempts = 5, .first_delay = milliseconds(500), .factor = 2}},
    {"linear", {.max_attempts = 3, .first_delay = milliseconds(500), .factor = 1}},
    {"patient", {.max_attempts = 3, .first_delay = seconds(2), .factor = 3}},
};

class PollSleeper final : public Sleeper {
 public:
  bool Sleep(Nanos span, int cancel_fd) override {
    const auto events = PollOne(cancel_fd, POLLIN, std::chrono::steady_clock::now() + span);
    return events.ok() && *events == 0;
  }
};

}  // namespace

Result<RetryPolicy> ResolveRetryPolicy(const Graph& graph, const Node& node) {
  const std::string_view name = node.attributes.Text("retry_policy");
  for (const Preset& preset : kPresets) {
    if (name == preset.name) return preset.policy;
  }
  if (!name.empty()) {
    return Failure(Code::kInvalidArgument, "retry_policy: no preset \"" + std::string(name) + "\"",
                   "attr_type");
  }
  auto retries = TRY(GetInt(node.attributes, "max_retries"));
  if (!retries) retries = TRY(GetInt(graph.attributes, "default_max_retries"));
  if (!retries) retries = TRY(GetInt(graph.attributes, "default_max_retry"));
  if (!retries || *retries <= 0) return RetryPolicy{};
  return RetryPolicy{
      .max_attempts = static_cast<std::uint32_t>(std::min(*retries, kMostRetries)) + 1,
      .first_delay = seconds(5),
      .factor = 2};
}

Nanos RetryDelay(const RetryPolicy& policy, std::uint32_t retry, double jitter) {
  const double grown = static_cast<double>(policy.first_delay.count()) *
                       std::pow(policy.factor, static_cast<double>(retry) - 1);
  const double capped = std::min(grown, static_cast<double>(kLongestDelay.count()));
  return Nanos(static_cast<Nanos::rep>(capped * jitter));
}

Sleeper& RealSleeper() {
  static PollSleeper sleeper;
  return sleeper;
}

}  // namespace fabro::workflow
