// The table over sandboxes of our own engine: real namespaces, real cgroups.
#include "fabro/provider/namespace/namespace.h"
#include "tests/conformance/harness.h"

namespace fabro::provider::conformance {
namespace {

class NamespaceHarness final : public Harness {
 public:
  std::unique_ptr<Sandbox> Make() override {
    static int count = 0;
    NamespaceConfig config;
    config.context.run_id = "01J8ZQ4D7M3V5K9A2B6C8E" + std::to_string(1000 + count++);
    config.context.storage = storage_.path();
    config.context.host_directory = storage_.path();
    config.context.jailer = FABER_JAILER;
    config.workspace = WorkspaceMode::kEmpty;
    return MakeNamespaceSandbox(std::move(config));
  }

 private:
  TempDir storage_ = TempDir::Make("conformance").value();
};

const Provider kNamespace{"namespace", [] { return std::make_unique<NamespaceHarness>(); }};

INSTANTIATE_TEST_SUITE_P(Rows, ExecTable,
                         ::testing::Combine(::testing::Values(kNamespace),
                                            ::testing::ValuesIn(ExecRows())),
                         RowNameOf);
INSTANTIATE_TEST_SUITE_P(Files, FileTable, ::testing::Values(kNamespace), NameOf);
INSTANTIATE_TEST_SUITE_P(Real, RealExec, ::testing::Values(kNamespace), NameOf);

}  // namespace
}  // namespace fabro::provider::conformance
