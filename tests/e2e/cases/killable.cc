// `fabro` with a worker that can be killed at an exact place and whose waits take no time:
//   FABRO_TEST_KILL_AFTER_EVENT="stage.completed two"  right after that event of that node is
//   stored FABRO_TEST_KILL_AFTER=7                            after so many events of this worker
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "../../../apps/fabro/commands/commands.h"
#include "../../../apps/fabro/machinery.h"
#include "../../support/killing_store.h"
#include "fabro/runs/worker.h"

namespace fabro::cli {
namespace {

using testing::KillingStore;

// Delays are asked for and do not pass. What was cancelled is said.
class NoSleep final : public workflow::Sleeper {
 public:
  bool Sleep(Nanos, int cancel_fd) override {
    pollfd one{.fd = cancel_fd, .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, 0) == 0;
  }
};

KillingStore::Now Condition() {
  if (const char* number = std::getenv("FABRO_TEST_KILL_AFTER")) {
    return [left = std::atol(number)](const model::Event&) mutable { return --left <= 0; };
  }
  const char* event = std::getenv("FABRO_TEST_KILL_AFTER_EVENT");
  const std::string wanted = event == nullptr ? "" : event;
  return [wanted](const model::Event& stored) {
    return !wanted.empty() && stored.name + " " + stored.node_id == wanted;
  };
}

}  // namespace

int Run(const WorkerOptions& options, const GlobalOptions& /*global*/, Console& /*console*/) {
  static NoSleep sleeper;
  runs::Machinery machinery = MakeMachinery();
  machinery.sleeper = &sleeper;
  machinery.wrap_events = [](std::unique_ptr<store::EventStore> store) {
    return std::unique_ptr<store::EventStore>(
        std::make_unique<KillingStore>(std::move(store), Condition()));
  };
  return runs::WorkerMain(options.run_directory, machinery);
}

}  // namespace fabro::cli

int main(int argc, char** argv) { return fabro::cli::Main(argc, argv); }
