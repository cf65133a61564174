// A stylesheet parses or names a line inside it; what was read is applied to a graph whatever it
// says.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fabro/base/check.h"
#include "fabro/workflow/graph/parser.h"
#include "fabro/workflow/graph/stylesheet.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fabro::workflow;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Stylesheet sheet = ParseStylesheet(text);
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  if (sheet.error) {
    CHECK(!sheet.error->message.empty());
    CHECK(sheet.error->line >= 1 && sheet.error->line <= lines);
  }
  for (const StyleNote& warning : sheet.warnings) CHECK(warning.line >= 1 && warning.line <= lines);
  auto graph = Parse("digraph G { a [class=c, model=m]; b [shape=tab]; subgraph s { label=L d } }");
  CHECK(graph.has_value());
  ApplyStylesheet(sheet, *graph);
  const Attribute* own = graph->nodes.front().attributes.Find("model");
  CHECK(own != nullptr && own->text == "m");
  return 0;
}
