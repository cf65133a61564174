// TOML files as plain values that know their place. The only door to toml++.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/template/value.h"

namespace fabro::config {

inline constexpr ByteSize kMaxTomlSize = 1_MiB;

// One finding about a settings file.
struct Problem {
  std::string file;
  std::size_t line = 0;  // 1-based; 0: about the file or a flag.
  std::size_t column = 0;
  std::string path;  // "run.checkpoint.exclude_globs", or empty.
  std::string message;
  std::string hint;
};

// "file:3:1: run.goal: message; hint".
std::string ToString(const Problem& problem);

struct TomlValue {
  enum class Kind { kString, kInteger, kFloat, kBoolean, kOther, kList, kTable };
  Kind kind = Kind::kOther;                                // kOther: dates and times.
  templates::Value scalar;                                 // Of the first four.
  std::vector<TomlValue> items;                            // Of a list.
  std::vector<std::pair<std::string, TomlValue>> members;  // Of a table, in order of their place.
  std::size_t line = 0;
  std::size_t column = 0;

  TomlValue();  // Out of line: clang makes `members` before their pair is whole otherwise.

  const TomlValue* Find(std::string_view name) const;
};

// The document's table. `file` is for messages only.
[[nodiscard]] tl::expected<TomlValue, Problem> ParseToml(std::string_view text,
                                                         const std::string& file);

// "-I name=value": the value is a TOML string, number or boolean, and everything else is the text
// as it stands. Error: bad_input.
Result<std::pair<std::string, templates::Value>> ParseInput(std::string_view argument);

}  // namespace fabro::config
