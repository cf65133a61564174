// Any text is a configuration or a list of findings; what is accepted is written and read as the
// same again, and no variable or option text breaks anything.
#include <cstddef>
#include <cstdint>
#include <string>

#include "fabro/base/check.h"
#include "fabro/config/engine/read_value.h"
#include "fabro/config/engine/settings.h"
#include "fabro/config/engine/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fabro::config::engine;
  const std::string text(reinterpret_cast<const char*>(data), size);
  Inputs inputs;
  inputs.file_name = "f.yaml";
  inputs.file_text = text;
  inputs.environment = {"FABER_" + text, "FABER_VALIDATION_BLOCKED=" + text};
  inputs.sets = {text, "sandbox.network.allowed_ports=" + text};
  const Loaded loaded = Load(inputs);
  for (const Finding& finding : loaded.findings) CHECK(!finding.ToString().empty());
  for (const auto& [name, setting] : loaded.settings.all()) {
    const KeyInfo* key = FindKey(name);
    CHECK(key != nullptr);
    if (key->secret) continue;
    const auto again = ParseYaml("again", WriteValue(*key, setting.value));
    // Control characters are the one thing that plain YAML cannot carry.
    if (!again.ok()) continue;
    (void)ReadValue(*key, *again);
  }
  return 0;
}
