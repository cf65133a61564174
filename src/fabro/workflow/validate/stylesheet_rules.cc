// stylesheet_syntax: the graph attribute model_stylesheet parses (the workflow language, section
// 8).
#include <algorithm>
#include <array>
#include <string>

#include "fabro/workflow/validate/rules.h"

namespace fabro::workflow {
namespace {

constexpr std::array<std::string_view, 5> kProperties{"model", "provider", "reasoning_effort",
                                                      "speed", "backend"};

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

class SheetChecker {
 public:
  SheetChecker(const Lint& lint, const Attribute& sheet)
      : lint_(lint), sheet_(sheet), text_(sheet.text) {}

  void Run() {
    for (SkipBlanks(); at_ < text_.size(); SkipBlanks()) {
      if (!Rule()) return;
    }
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
  bool Fail(const std::string& message, std::string hint = {}) {
    const auto before = text_.substr(0, at_);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    lint_.Report(Severity::kError, "stylesheet_syntax", sheet_.at,
                 message + " (line " + std::to_string(line) + " of the stylesheet)",
                 std::move(hint));
    return false;
  }

  bool Rule();
  bool Declaration();
  bool Value(std::string_view property);

  const Lint& lint_;
  const Attribute& sheet_;
  std::string_view text_;
  std::size_t at_ = 0;
};

bool SheetChecker::Rule() {
  if (Peek() == '*') {
    ++at_;
  } else {
    if (Peek() == '.' || Peek() == '#') ++at_;
    if (Name().empty()) return Fail("a selector is expected here", "*, shape, .class or #node");
  }
  SkipBlanks();
  if (Peek() != '{') {
    return Fail("'{' is expected behind the selector", "lists of selectors are not supported");
  }
  ++at_;
  for (SkipBlanks(); Peek() != '}'; SkipBlanks()) {
    if (at_ >= text_.size()) return Fail("'}' is missing");
    if (!Declaration()) return false;
  }
  ++at_;
  return true;
}

bool SheetChecker::Declaration() {
  const std::string property(Name());
  if (property.empty()) return Fail("a property is expected here");
  SkipBlanks();
  if (Peek() != ':') return Fail("':' is expected behind '" + property + "'");
  ++at_;
  const bool alias = property == "llm_model" || property == "llm_provider";
  if (alias) {
    lint_.Report(Severity::kWarning, "stylesheet_syntax", sheet_.at,
                 "the property '" + property + "' has a new name",
                 "write '" + property.substr(4) + "'");
  } else if (std::find(kProperties.begin(), kProperties.end(), property) == kProperties.end() &&
             !property.starts_with("openrouter_")) {
    return Fail("unknown property '" + property + "'",
                "properties are model, provider, reasoning_effort, speed, backend");
  }
  return Value(property);
}

bool SheetChecker::Value(std::string_view property) {
  SkipBlanks();
  if (Peek() == '"') {
    const std::size_t end = text_.find('"', at_ + 1);
    if (end == std::string_view::npos) return Fail("the quoted value is not closed");
    at_ = end + 1;
    SkipBlanks();
  } else {
    const std::size_t start = at_;
    at_ = std::min(text_.find_first_of(";}{", at_), text_.size());
    if (at_ == start) return Fail("'" + std::string(property) + "' has no value");
  }
  if (Peek() == ';') {
    ++at_;
    return true;
  }
  return Peek() == '}' || Fail("';' or '}' is expected behind the value");
}

}  // namespace

void CheckStylesheet(const Lint& lint) {
  const Attribute* sheet = lint.graph.attributes.Find("model_stylesheet");
  if (sheet != nullptr) SheetChecker(lint, *sheet).Run();
}

}  // namespace fabro::workflow
