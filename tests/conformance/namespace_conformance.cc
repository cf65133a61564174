// The table over sandboxes of our own engine: real namespaces, real cgroups.
#include "fabro/provider/namespace/namespace.h"
#include "tests/conformance/harness.h"

namespace fabro::provider::conformance {
namespace {

class NamespaceHarness final : public Harness {
 public:
  explicit NamespaceHarness(model::Level level) : level_(level) {}
  std::unique_ptr<Sandbox> Make() override {
    static int count = 0;
    NamespaceConfig config;
    config.context.run_id = "01J8ZQ4D7M3V5K9A2B6C8E" + std::to_string(1000 + count++);
    config.context.storage = storage_.path();
    config.context.host_directory = storage_.path();
    config.context.jailer = FABER_JAILER;
    config.workspace = WorkspaceMode::kEmpty;
    config.level = level_;
    return MakeNamespaceSandbox(std::move(config));
  }

 private:
  model::Level level_;
  TempDir storage_ = TempDir::Make("conformance").value();
};

const Provider kNamespace{"namespace",
                          [] { return std::make_unique<NamespaceHarness>(model::Level::kMedium); }};
const Provider kNamespaceLow{"namespace_low",
                             [] { return std::make_unique<NamespaceHarness>(model::Level::kLow); }};

INSTANTIATE_TEST_SUITE_P(Rows, ExecTable,
                         ::testing::Combine(::testing::Values(kNamespace, kNamespaceLow),
                                            ::testing::ValuesIn(ExecRows())),
                         RowNameOf);
INSTANTIATE_TEST_SUITE_P(Files, FileTable, ::testing::Values(kNamespace, kNamespaceLow), NameOf);
INSTANTIATE_TEST_SUITE_P(Real, RealExec, ::testing::Values(kNamespace), NameOf);

}  // namespace
}  // namespace fabro::provider::conformance
