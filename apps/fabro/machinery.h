// What this program puts together by hand: the concrete providers behind a run.
#pragma once

#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/runs/runs.h"
#include "fabro/runs/worker.h"

namespace fabro::cli {

// How a run gets its sandbox, by the provider of its environment.
runs::Machinery MakeMachinery();

// This program, executed again as the worker of a run.
runs::WorkerCommand SelfAsWorker();

// Removes the sandboxes that ended runs of this store left behind, and says so, a line each.
fabro::Result<std::vector<std::string>> SweepSandboxes(const std::string& storage);

// Destroys what is left of a run's sandbox, its workspace included. Idempotent.
Status DestroySandbox(const runs::RunRef& run);

}  // namespace fabro::cli
