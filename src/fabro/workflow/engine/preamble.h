// What a model is told of the run before its prompt (workflow language, 7.2). The order is fixed:
// goal, stages that ended, context that was not shown yet.
#pragma once

#include <string>

#include "fabro/store/blob_store.h"
#include "fabro/workflow/engine/state.h"

namespace fabro::workflow {

struct PreambleRequest {
  std::string fidelity;  // "full", "compact", "summary:high", …, "truncate".
  std::string goal;
  std::string run_id;
  const Traversal& walk;
  const store::BlobStore& blobs;
};

// Empty for `full`. A blob that cannot be read is left out.
std::string BuildPreamble(const PreambleRequest& request);

// True for the six modes.
bool IsFidelity(std::string_view word);

}  // namespace fabro::workflow
