// Which settings there are: one row a key, by which files are checked, values typed, and unknown
// keys answered with the nearest known one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fabro::config {

enum class Type {
  kString,
  kBool,
  kCount,     // A whole number, 0 or more.
  kDuration,  // "30s"
  kSize,      // "512MiB"; a bare number is decimal gigabytes.
  kStrings,   // A list of strings.
  kPorts,     // A list of whole numbers and strings, kept as strings.
  kGoal,      // A string, or { file = "path" }.
  kScalars,   // A table of strings, numbers and booleans; a layer's table replaces that below.
  kTexts,     // A table of strings; merges by key.
  kSteps,     // [[run.prepare.steps]]
  kLater,     // Known, and refused by name: this version does not have it.
  kIgnored,   // Taken and without effect.
};

struct Row {
  std::string_view path;  // "run.git.author.name"; kLater and kIgnored cover what is below.
  Type type;
  std::string_view choices = {};  // "a|b|c": what a string may be.
  bool machine_only = false;      // Refused in the files of a repository.
};

std::span<const Row> Schema();

// The row of `path` or of a kLater, kIgnored or table row above it; null: unknown.
const Row* FindRow(std::string_view path);
// Whether some row lies below `path`.
bool IsTablePath(std::string_view path);
// Where an old key went ("[setup]" is "[run.prepare]" today), or empty.
std::string_view NewNameOf(std::string_view path);
// The known key next to `path`, or empty when none is close.
std::string NearestKey(std::string_view path);

}  // namespace fabro::config
