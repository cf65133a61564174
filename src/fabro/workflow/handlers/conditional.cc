// Does nothing: the routing that makes it transparent is the engine's (workflow language, 3.6).
#include "fabro/workflow/handlers/table.h"

namespace fabro::workflow {
namespace {

class Conditional final : public Handler {
 public:
  StageOutcome Run(const StageTask&) const override { return StageOutcome::Succeeded(); }
};

}  // namespace

const Handler* ConditionalHandler() {
  static const Conditional kHandler;
  return &kHandler;
}

}  // namespace fabro::workflow
