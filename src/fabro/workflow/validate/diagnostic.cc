#include "fabro/workflow/validate/diagnostic.h"

#include <algorithm>

namespace fabro::workflow {
namespace {

std::string Printable(std::string_view text) {
  std::string shown(text);
  std::replace_if(
      shown.begin(), shown.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return shown;
}

}  // namespace

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kInfo:
      return "info";
  }
  return "error";
}

void SortDiagnostics(std::vector<Diagnostic>& diagnostics) {
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return std::pair(a.severity, a.at) < std::pair(b.severity, b.at);
                   });
  // A literal that a default or a chain gives to many is wrong once.
  const auto same = [](const Diagnostic& a, const Diagnostic& b) {
    return a.at.line > 0 && a.at == b.at && a.rule == b.rule && a.message == b.message;
  };
  diagnostics.erase(std::unique(diagnostics.begin(), diagnostics.end(), same), diagnostics.end());
}

bool HasErrors(const std::vector<Diagnostic>& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

std::string FormatDiagnostic(std::string_view path, const Diagnostic& diagnostic) {
  std::string text = Printable(path);
  if (diagnostic.at.line > 0) {
    text += ":" + std::to_string(diagnostic.at.line) + ":" + std::to_string(diagnostic.at.column);
  }
  text += ": " + std::string(SeverityName(diagnostic.severity)) + "[" + diagnostic.rule +
          "]: " + Printable(diagnostic.message) + "\n";
  if (!diagnostic.hint.empty()) text += "    hint: " + Printable(diagnostic.hint) + "\n";
  return text;
}

}  // namespace fabro::workflow
