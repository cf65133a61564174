// A worker for tests: the provider `local` over the directory of the run's spec, killed by SIGKILL
// right after it stored as many events as FABRO_TEST_KILL_AFTER says.
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "fabro/provider/local/local.h"
#include "fabro/runs/worker.h"

namespace {

using namespace fabro;  // NOLINT(google-build-using-namespace): a program.

class KillingStore final : public store::EventStore {
 public:
  KillingStore(std::unique_ptr<store::EventStore> store, long left)
      : store_(std::move(store)), left_(left) {}
  Status Append(std::vector<model::Event>& events) override {
    TRY(store_->Append(events));
    left_ -= static_cast<long>(events.size());
    if (left_ <= 0) (void)::raise(SIGKILL);
    return {};
  }
  Result<std::vector<model::Event>> Read(std::uint64_t after, std::size_t limit) override {
    return store_->Read(after, limit);
  }
  Result<std::uint64_t> LastSeq() override { return store_->LastSeq(); }
  Result<std::optional<model::Event>> Last(std::string_view name) override {
    return store_->Last(name);
  }
  Result<UniqueFd> Watch() override { return store_->Watch(); }

 private:
  std::unique_ptr<store::EventStore> store_;
  long left_;
};

}  // namespace

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
    const long left = std::atol(after);
    machinery.wrap_events = [left](std::unique_ptr<store::EventStore> store) {
      return std::unique_ptr<store::EventStore>(
          std::make_unique<KillingStore>(std::move(store), left));
    };
  }
  return runs::WorkerMain(argv[1], machinery);
}
