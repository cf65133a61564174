// {{ env.NAME }} and {{ secrets.NAME }} in the texts of a configuration: filled in where they are
// used, never stored filled in. Spec: run, section 2.6.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"

namespace fabro::config {

struct Reference {
  enum class Kind { kEnv, kSecret } kind = Kind::kEnv;
  std::string name;

  friend auto operator<=>(const Reference&, const Reference&) = default;
};

// All references of a text. kInvalidArgument "bad_reference": braces that hold something else.
// `{{ '{{' }}` stands for two braces; "${env.NAME}" is read when it is the whole text.
Result<std::vector<Reference>> ReferencesOf(std::string_view text);

// Gives the value, nothing when there is none, or why the store cannot be asked.
using Lookup = std::function<Result<std::optional<std::string>>(const Reference& reference)>;

// `field` ("run.environment.env.TOKEN") is for the message alone. kFailedPrecondition
// "reference_missing" names it and the reference, never a value.
Result<std::string> Interpolate(std::string_view text, const std::string& field,
                                const Lookup& lookup);
// Every value of a table.
Status InterpolateAll(std::map<std::string, std::string>& texts, const std::string& field,
                      const Lookup& lookup);

}  // namespace fabro::config
