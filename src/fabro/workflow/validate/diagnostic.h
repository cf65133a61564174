// What validation has to say about a workflow (the workflow language, section 5).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

enum class Severity { kError, kWarning, kInfo };

std::string_view SeverityName(Severity severity);

struct Diagnostic {
  std::string rule;  // "start_node"; stable.
  Severity severity = Severity::kError;
  std::string message;
  std::string hint;  // What to do about it, or empty.
  Position at;
  std::string node;                            // Its id, or empty.
  std::pair<std::string, std::string> edge{};  // From and to, or empty.

  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

// Errors first, then warnings, then infos; inside by place. Of those that say the same about the
// same place, one stays.
void SortDiagnostics(std::vector<Diagnostic>& diagnostics);

bool HasErrors(const std::vector<Diagnostic>& diagnostics);

// "path:line:column: severity[rule]: message\n", and the hint on an indented line of its own.
// Control characters of the workflow's texts are shown as '?': this goes to terminals.
std::string FormatDiagnostic(std::string_view path, const Diagnostic& diagnostic);

}  // namespace fabro::workflow
