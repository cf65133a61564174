// Lets time pass (workflow language, 3.7). A resume waits for what is left.
#include <algorithm>
#include <chrono>

#include "fabro/workflow/graph/attributes.h"
#include "fabro/workflow/handlers/table.h"

namespace fabro::workflow {
namespace {

class Wait final : public Handler {
 public:
  StageOutcome Run(const StageTask& task) const override {
    const auto duration = GetDuration(task.node.attributes, "duration");
    if (!duration.ok()) return StageOutcome::Failed(duration.error().message);
    if (!*duration) return StageOutcome::Failed("node " + task.node.id + " has no duration");
    if (task.dry_run) return StageOutcome::Succeeded();
    // A clock that was set back must not make the wait longer than it was asked for.
    const Nanos since =
        std::chrono::milliseconds(std::max<std::int64_t>(task.now_ms - task.began_ms, 0));
    const Nanos left = std::max(**duration - since, Nanos(0));
    switch (task.services->Sleep(left)) {
      case StageServices::Slept::kWhole:
        return StageOutcome::Succeeded();
      case StageServices::Slept::kSuspended:
        return StageOutcome::Suspended();
      case StageServices::Slept::kCancelled:
        break;
    }
    return StageOutcome::Failed("cancelled", FailureClass::kCanceled);
  }
};

}  // namespace

const Handler* WaitHandler() {
  static const Wait kHandler;
  return &kHandler;
}

}  // namespace fabro::workflow
