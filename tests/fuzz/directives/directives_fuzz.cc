// Whatever a model says, what routes is one of five words, and no engine key is written.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fabro/agent/directives/directives.h"
#include "fabro/base/check.h"

namespace {

void Check(const std::optional<fabro::agent::Directives>& found) {
  if (!found) return;
  const std::string& word = found->outcome;
  CHECK(word.empty() || word == "succeeded" || word == "failed" || word == "partially_succeeded" ||
        word == "skipped" || word == "retry");
  CHECK(found->context_updates.Members() != nullptr);
  for (const auto& [key, value] : *found->context_updates.Members()) {
    CHECK(!key.starts_with("internal.") && !key.starts_with("graph.") && key != "outcome");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 1 << 16) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Check(fabro::agent::FindDirectives(text));
  Check(fabro::agent::ReadStatusFile(text));
  return 0;
}
