// A condition parses or names a column inside it; evaluating it ends, whatever the context holds.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fabro/base/check.h"
#include "fabro/workflow/condition/condition.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fabro::workflow;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto condition = ParseCondition(text);
  if (!condition) {
    CHECK(!condition.error().message.empty());
    CHECK(condition.error().column >= 1 && condition.error().column <= size + 1);
    return 0;
  }
  for (const char* value : {"", "succeeded", "12", "a\nb"}) {
    (void)Evaluate(*condition, [value](std::string_view) { return Operand{value, {}}; });
  }
  (void)Evaluate(*condition, [](std::string_view) { return std::nullopt; });
  return 0;
}
