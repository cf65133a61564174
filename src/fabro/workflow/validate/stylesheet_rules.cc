// stylesheet_syntax: the graph attribute model_stylesheet parses (the workflow language, section
// 8).
#include <string>

#include "fabro/workflow/graph/stylesheet.h"
#include "fabro/workflow/validate/rules.h"

namespace fabro::workflow {

void CheckStylesheet(const Lint& lint) {
  const Attribute* attribute = lint.graph.attributes.Find("model_stylesheet");
  if (attribute == nullptr) return;
  const Stylesheet sheet = ParseStylesheet(attribute->text);
  for (const StyleNote& warning : sheet.warnings) {
    lint.Report(Severity::kWarning, "stylesheet_syntax", attribute->at, warning.message,
                warning.hint);
  }
  if (!sheet.error) return;
  lint.Report(
      Severity::kError, "stylesheet_syntax", attribute->at,
      sheet.error->message + " (line " + std::to_string(sheet.error->line) + " of the stylesheet)",
      sheet.error->hint);
}

}  // namespace fabro::workflow
