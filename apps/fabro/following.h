// Being the client of a run: its events are shown until it ends, whatever the keyboard says.
#pragma once

#include <cstdint>

#include "console.h"
#include "fabro/runs/runs.h"

namespace fabro::cli {

// What the first SIGINT does; a second one always leaves with 130.
enum class OnInterrupt { kCancelRun, kDetach };

// Follows from `after` to the end, prints the summary (with --json a final object), and gives the
// exit code of the run. SIGHUP and SIGTERM end the command only: the worker goes on.
int FollowToEnd(const runs::RunRef& run, std::uint64_t after, OnInterrupt on_interrupt,
                Console& console);

// The final object of --json.
model::Json SummaryJson(const runs::RunSummary& run);

// The storage directory: --storage-dir, FABRO_STORAGE_DIR, ~/.fabro/storage. Not made here.
Result<std::string> StorageDir(const GlobalOptions& global);

}  // namespace fabro::cli
