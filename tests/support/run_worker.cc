// A worker for tests: the provider `local` over the directory of the run's spec, killed by SIGKILL
// right after it stored as many events as FABRO_TEST_KILL_AFTER says.
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "fabro/provider/local/local.h"
#include "fabro/runs/worker.h"
#include "killing_store.h"

using namespace fabro;  // NOLINT(google-build-using-namespace): a program.

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  runs::Machinery machinery;
  machinery.open = [](const runs::SandboxRequest& request) -> Result<runs::Workplace> {
    provider::LocalConfig config;
    config.working_directory = request.spec.source_directory;
    config.run_id = request.spec.id.value();
    config.host_environment = provider::OwnEnvironment();
    runs::Workplace place;
    place.sandbox = provider::MakeLocalSandbox(std::move(config));
    place.workspace_is_users = request.spec.environment != "owned";
    return place;
  };
  machinery.kill_leftovers =
      [](const runs::SandboxRequest& request) -> Result<std::vector<std::string>> {
    const std::size_t killed = TRY(provider::KillLeftovers(request.spec.id.value()));
    std::vector<std::string> lines;
    if (killed > 0) lines.push_back(std::to_string(killed) + " processes killed");
    return lines;
  };
  if (const char* after = std::getenv("FABRO_TEST_KILL_AFTER")) {
    const long most = std::atol(after);
    machinery.wrap_events = [most](std::unique_ptr<store::EventStore> store) {
      return std::unique_ptr<store::EventStore>(std::make_unique<testing::KillingStore>(
          std::move(store), [left = most](const model::Event&) mutable { return --left <= 0; }));
    };
  }
  return runs::WorkerMain(argv[1], machinery);
}
