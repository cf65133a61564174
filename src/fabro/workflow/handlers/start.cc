// Succeeds at once: where a run begins (workflow language, 3.1).
#include "fabro/workflow/handlers/table.h"

namespace fabro::workflow {
namespace {

class Start final : public Handler {
 public:
  StageOutcome Run(const StageTask&) const override { return StageOutcome::Succeeded(); }
};

}  // namespace

const Handler* StartHandler() {
  static const Start kHandler;
  return &kHandler;
}

}  // namespace fabro::workflow
