// Settings for people: every value with who gave it, and who else would have.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/config/resolve.h"
#include "fabro/template/value.h"

namespace fabro::config {

struct Explained {
  struct Said {
    templates::Value value;
    Origin origin;
  };
  std::string path;
  std::string_view what;                  // Of the schema.
  std::optional<templates::Value> value;  // Unset: nobody said anything, and nothing is built in.
  Origin origin;
  std::vector<Said> said;  // Each layer's own word, highest first; the winner is among them.
};

// All settings, in the order of the schema; those under names of the user's where they were set.
// Values of env and headers are hidden unless they are one reference, as "{{ env.TOKEN }}" is.
std::vector<Explained> Explain(const Merged& merged);

// One key, or all below a table. kNotFound "unknown_key" names the nearest.
Result<std::vector<Explained>> ExplainKey(const Merged& merged, std::string_view key);

// A line a setting that has a value: "run.goal = \"…\"  # settings.toml:3:1".
std::string ToLines(const std::vector<Explained>& settings);
// Several lines: value, meaning, and each layer's word.
std::string ToParagraph(const Explained& setting);

}  // namespace fabro::config
