// The table over the two providers that need nothing of the machine.
#include "fabro/provider/fake/fake.h"
#include "fabro/provider/local/local.h"
#include "tests/conformance/harness.h"

namespace fabro::provider::conformance {
namespace {

class LocalHarness final : public Harness {
 public:
  std::unique_ptr<Sandbox> Make() override {
    auto directory = TempDir::Make("conformance");
    if (!directory.ok()) return nullptr;
    directories_.push_back(std::make_unique<TempDir>(*std::move(directory)));
    LocalConfig config;
    config.working_directory = directories_.back()->path() + "/made/by/initialize";
    config.host_environment = OwnEnvironment();
    config.host_environment.push_back("HOME=" + directories_.back()->path());
    return MakeLocalSandbox(std::move(config));
  }

 private:
  std::vector<std::unique_ptr<TempDir>> directories_;
};

class FakeHarness final : public Harness {
 public:
  std::unique_ptr<Sandbox> Make() override { return std::make_unique<FakeSandbox>(); }

  void Expect(Sandbox& sandbox, const ExecRow& row) override {
    FakeExec exec;
    std::string out = row.out;
    if (const std::size_t at = out.find("%W"); at != std::string::npos) {
      out.replace(at, 2, sandbox.WorkingDirectory());
    }
    exec.output.emplace_back(Stream::kStdout, out);
    if (row.err) exec.output.emplace_back(Stream::kStderr, *row.err);
    exec.endless = row.termination == Termination::kTimedOut;
    exec.exit_code = row.exit_code.value_or(0);
    static_cast<FakeSandbox&>(sandbox).Script(row.command, exec);
  }
};

const Provider kLocal{"local", [] { return std::make_unique<LocalHarness>(); }};
const Provider kFake{"fake", [] { return std::make_unique<FakeHarness>(); }};

INSTANTIATE_TEST_SUITE_P(Rows, ExecTable,
                         ::testing::Combine(::testing::Values(kLocal, kFake),
                                            ::testing::ValuesIn(ExecRows())),
                         RowNameOf);
INSTANTIATE_TEST_SUITE_P(Files, FileTable, ::testing::Values(kLocal, kFake), NameOf);
INSTANTIATE_TEST_SUITE_P(Real, RealExec, ::testing::Values(kLocal), NameOf);

}  // namespace
}  // namespace fabro::provider::conformance
