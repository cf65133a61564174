// A template renders or names a place inside it, with strict names and without.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fabro/base/check.h"
#include "fabro/template/template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fabro::templates;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Map inputs;
  inputs.Set("a", List{"x", 2, true, Value(0.5)});
  inputs.Set("b", "{{ goal }}");
  Map names;
  names.Set("goal", "g");
  names.Set("inputs", std::move(inputs));
  for (const Undefined undefined : {Undefined::kError, Undefined::kCollect}) {
    const auto rendered = Render(text, names, undefined);
    if (rendered) {
      CHECK(HasTags(text) || rendered->text == text);
      continue;
    }
    CHECK(!rendered.error().message.empty());
    CHECK(rendered.error().at.line >= 1 && rendered.error().at.column <= size + 1);
  }
  return 0;
}
