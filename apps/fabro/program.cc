// What is this program's alone: its entry, and what it is as the worker of a run. A program of the
// tests has both in its own way (tests/e2e/cases/killable.cc); everything else they share.
#include "commands/commands.h"
#include "fabro/runs/worker.h"
#include "machinery.h"

namespace fabro::cli {

int Run(const WorkerOptions& options, const GlobalOptions& /*global*/, Console& /*console*/) {
  return runs::WorkerMain(options.run_directory, MakeMachinery());
}

}  // namespace fabro::cli

int main(int argc, char** argv) { return fabro::cli::Main(argc, argv); }
