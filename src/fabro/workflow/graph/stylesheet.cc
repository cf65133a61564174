#include "fabro/workflow/graph/stylesheet.h"

#include <algorithm>
#include <array>
#include <map>

namespace fabro::workflow {
namespace {

constexpr std::array<std::string_view, 5> kProperties{"model", "provider", "reasoning_effort",
                                                      "speed", "backend"};
constexpr std::string_view kOldPrefix = "llm_";

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

class SheetParser {
 public:
  explicit SheetParser(std::string_view text) : text_(text) {}

  Stylesheet Run() {
    for (SkipBlanks(); at_ < text_.size(); SkipBlanks()) {
      if (!Rule()) break;
    }
    return std::move(sheet_);
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void SkipBlanks() {
    while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
  }
  std::string_view Name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && IsName(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }
  StyleNote Note(std::string message, std::string hint) const {
    const auto before = text_.substr(0, at_);
    const auto line =
        static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n') + 1);
    return {line, std::move(message), std::move(hint)};
  }
  bool Fail(std::string message, std::string hint = {}) {
    sheet_.error = Note(std::move(message), std::move(hint));
    return false;
  }

  bool Selector(StyleRule& rule);
  bool Rule();
  bool Declaration(StyleRule& rule);
  bool Value(std::string_view property, std::string& value);

  std::string_view text_;
  std::size_t at_ = 0;
  Stylesheet sheet_;
};

bool SheetParser::Selector(StyleRule& rule) {
  if (Peek() == '*') {
    ++at_;
    return true;
  }
  rule.selector = Peek() == '.'   ? StyleRule::Selector::kClass
                  : Peek() == '#' ? StyleRule::Selector::kNode
                                  : StyleRule::Selector::kShape;
  if (rule.selector != StyleRule::Selector::kShape) ++at_;
  rule.name = Name();
  return !rule.name.empty() || Fail("a selector is expected here", "*, shape, .class or #node");
}

bool SheetParser::Rule() {
  StyleRule rule;
  if (!Selector(rule)) return false;
  SkipBlanks();
  if (Peek() != '{') {
    return Fail("'{' is expected behind the selector", "lists of selectors are not supported");
  }
  ++at_;
  for (SkipBlanks(); Peek() != '}'; SkipBlanks()) {
    if (at_ >= text_.size()) return Fail("'}' is missing");
    if (!Declaration(rule)) return false;
  }
  ++at_;
  sheet_.rules.push_back(std::move(rule));
  return true;
}

bool SheetParser::Declaration(StyleRule& rule) {
  std::string property(Name());
  if (property.empty()) return Fail("a property is expected here");
  SkipBlanks();
  if (Peek() != ':') return Fail("':' is expected behind '" + property + "'");
  ++at_;
  if (property == "llm_model" || property == "llm_provider") {
    const std::string now = property.substr(kOldPrefix.size());
    sheet_.warnings.push_back(
        Note("the property '" + property + "' has a new name", "write '" + now + "'"));
    property = now;
  } else if (std::find(kProperties.begin(), kProperties.end(), property) == kProperties.end() &&
             !property.starts_with("openrouter_")) {
    return Fail("unknown property '" + property + "'",
                "properties are model, provider, reasoning_effort, speed, backend");
  }
  std::string value;
  if (!Value(property, value)) return false;
  rule.properties.emplace_back(std::move(property), std::move(value));
  return true;
}

bool SheetParser::Value(std::string_view property, std::string& value) {
  SkipBlanks();
  if (Peek() == '"') {
    const std::size_t end = text_.find('"', at_ + 1);
    if (end == std::string_view::npos) return Fail("the quoted value is not closed");
    value = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    SkipBlanks();
  } else {
    const std::size_t start = at_;
    at_ = std::min(text_.find_first_of(";}{", at_), text_.size());
    value = Trimmed(text_.substr(start, at_ - start));
    if (value.empty()) return Fail("'" + std::string(property) + "' has no value");
  }
  if (Peek() == ';') {
    ++at_;
    return true;
  }
  return Peek() == '}' || Fail("';' or '}' is expected behind the value");
}

std::string_view ShapeOf(const Node& node) {
  const std::string_view shape = node.attributes.Text("shape");
  return shape.empty() ? ShapeOfKind(node.kind) : shape;
}

bool Matches(const StyleRule& rule, const Node& node) {
  switch (rule.selector) {
    case StyleRule::Selector::kAll:
      return true;
    case StyleRule::Selector::kShape:
      return rule.name == ShapeOf(node);
    case StyleRule::Selector::kClass:
      return std::find(node.classes.begin(), node.classes.end(), rule.name) != node.classes.end();
    case StyleRule::Selector::kNode:
      return rule.name == node.id;
  }
  return false;
}

}  // namespace

Stylesheet ParseStylesheet(std::string_view text) { return SheetParser(text).Run(); }

std::vector<std::string_view> StyleProperties() { return {kProperties.begin(), kProperties.end()}; }

void ApplyStylesheet(const Stylesheet& sheet, Graph& graph) {
  if (sheet.rules.empty()) return;
  Position at = graph.at;
  if (const Attribute* own = graph.attributes.Find("model_stylesheet")) at = own->at;
  struct Winner {
    StyleRule::Selector selector;
    std::string_view value;
  };
  for (Node& node : graph.nodes) {
    std::map<std::string_view, Winner> winners;
    for (const StyleRule& rule : sheet.rules) {
      if (!Matches(rule, node)) continue;
      for (const auto& [property, value] : rule.properties) {
        const auto known = winners.find(property);
        if (known != winners.end() && known->second.selector > rule.selector) continue;
        winners[property] = {rule.selector, value};
      }
    }
    for (const auto& [property, winner] : winners) {
      const std::string old = std::string(kOldPrefix) + std::string(property);
      if (node.attributes.Has(property) || node.attributes.Has(old)) continue;
      node.attributes.Set(
          {std::string(property), std::string(winner.value), ValueType::kString, at});
    }
  }
}

}  // namespace fabro::workflow
