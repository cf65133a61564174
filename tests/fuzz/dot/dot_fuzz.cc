// Whatever the bytes are, parsing a workflow ends in a graph that holds together or in an error
// with a place inside the file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fabro/base/check.h"
#include "fabro/workflow/graph/attributes.h"
#include "fabro/workflow/graph/dot.h"
#include "fabro/workflow/graph/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fabro::workflow;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto graph = Parse(text);
  if (!graph) {
    const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
    CHECK(!graph.error().message.empty());
    CHECK(graph.error().at.line >= 1 && graph.error().at.line <= lines);
    CHECK(graph.error().at.column >= 1 && graph.error().at.column <= size + 1);
    return 0;
  }
  const GraphIndex index(*graph);
  for (const Edge& edge : graph->edges) {
    CHECK(index.Find(edge.from) != nullptr && index.Find(edge.to) != nullptr);
  }
  for (const Node& node : graph->nodes) {
    for (const Attribute& attribute : node.attributes.items) {
      (void)AsBool(attribute).ok();
      (void)AsInt(attribute).ok();
      (void)AsDuration(attribute).ok();
    }
  }
  CHECK(!ToDot(*graph).empty());
  return 0;
}
