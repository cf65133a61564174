#include "fabro/workflow/handlers/table.h"

namespace fabro::workflow {

const HandlerTable& BuiltInHandlers() {
  static const HandlerTable kTable{{NodeKind::kStart, StartHandler()},
                                   {NodeKind::kExit, ExitHandler()},
                                   {NodeKind::kConditional, ConditionalHandler()},
                                   {NodeKind::kCommand, CommandHandler()},
                                   {NodeKind::kHuman, HumanHandler()},
                                   {NodeKind::kWait, WaitHandler()},
                                   {NodeKind::kFanIn, FanInHandler()}};
  return kTable;
}

}  // namespace fabro::workflow
