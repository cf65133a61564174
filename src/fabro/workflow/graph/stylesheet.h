// Model stylesheets (workflow language, section 8): which model, provider and effort the nodes of a
// graph use, by shape, class and id.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

struct StyleRule {
  enum class Selector { kAll, kShape, kClass, kNode };  // In the order of their weight.
  Selector selector = Selector::kAll;
  std::string name;  // Without '.' and '#'; empty for kAll.
  std::vector<std::pair<std::string, std::string>> properties;  // Old names are made new.

  friend bool operator==(const StyleRule&, const StyleRule&) = default;
};

// Something about a place in the sheet.
struct StyleNote {
  std::uint32_t line = 1;  // Of the sheet, 1-based.
  std::string message;
  std::string hint;
};

struct Stylesheet {
  std::vector<StyleRule> rules;     // As far as it could be read.
  std::optional<StyleNote> error;   // What ended the reading.
  std::vector<StyleNote> warnings;  // Old names of properties.
};

Stylesheet ParseStylesheet(std::string_view text);

// Properties that a sheet may set, for messages and the reference.
std::vector<std::string_view> StyleProperties();

// Sets what a node has not set itself: of each property, the heaviest selector wins, then the later
// rule.
void ApplyStylesheet(const Stylesheet& sheet, Graph& graph);

}  // namespace fabro::workflow
