// Any bytes as a settings file of each layer, as a .env file and as a list of trusted directories:
// problems or values, never more. What is read is merged, explained and asked for its effects here.
#include <cstdint>
#include <string_view>
#include <vector>

#include "fabro/config/dotenv.h"
#include "fabro/config/explain.h"
#include "fabro/config/interpolate.h"
#include "fabro/config/layer.h"
#include "fabro/config/resolve.h"
#include "fabro/config/trust.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fabro::config;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<Layer> layers;
  for (const LayerKind kind : {LayerKind::kMachine, LayerKind::kProject, LayerKind::kWorkflow}) {
    auto layer = ReadLayer(kind, text, "f.toml");
    if (layer) layers.push_back(*std::move(layer));
  }
  const Merged merged = Merge(std::move(layers));
  (void)ToLines(Explain(merged));
  const auto settings = ToSettings(merged);
  if (settings.ok()) (void)HostEffects(*settings, true, "/nowhere");
  (void)ParseDotenv(text, ".env");
  (void)ReferencesOf(text);
  auto store = TrustStore::Parse(text, "t.toml");
  // What was read once can be written and read again.
  if (store.ok() && !TrustStore::Parse(store->Encode(), "t.toml").ok()) __builtin_trap();
  return 0;
}
