// Which settings there are: one row a key, by which files are checked, values typed, unknown keys
// answered with the nearest known one, and the reference in docs/user/configuration.md is written.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace fabro::config {

enum class Type {
  kString,
  kBool,
  kCount,      // A whole number, 0 or more.
  kPositive,   // A whole number, 1 or more.
  kNumber,     // A number above 0.
  kDuration,   // "30s"
  kSize,       // "512MiB"; a bare number is decimal gigabytes.
  kStrings,    // A list of strings.
  kInherited,  // A list of strings in which "..." stands for the list of the layer below.
  kPorts,      // A list of whole numbers and strings, kept as strings.
  kGoal,       // A string, or { file = "path" }.
  kScalars,    // A table of strings, numbers and booleans; a layer's table replaces that below.
  kTexts,      // A table of strings; merges by key.
  kSteps,      // [[run.prepare.steps]]
  kFallbacks,  // A list of models, or a table: model -> list.
  kHooks,      // [[run.hooks]]
  kLater,      // Known, and refused by name: this version does not have it.
  kIgnored,    // Taken and without effect.
};

std::string_view NameOf(Type type);  // "duration", for people.

struct Row {
  // "run.git.author.name"; a "*" stands for one name of the user's. kLater and kIgnored cover what
  // is below them.
  std::string_view path;
  Type type;
  std::string_view what = {};      // One line for people.
  std::string_view fallback = {};  // The built-in value as TOML; empty: unset.
  std::string_view choices = {};   // "a|b|c": what a string may be.
  enum class Where { kAnywhere, kMachineOnly, kMachineElseInert } where = Where::kAnywhere;
};

std::span<const Row> Schema();

// The row of `path` or of a kLater or kIgnored row above it; null: unknown.
const Row* FindRow(std::string_view path);
// Whether some row lies below `path`.
bool IsTablePath(std::string_view path);

// An old key of run.md 2.7: where it went, and whether what is written there can be read as it
// stands ("[vars]" is "[run.inputs]"). A path that is not `readable` is refused with the new name.
struct OldKey {
  std::string_view path;
  std::string_view now;  // "run.inputs"
  bool readable = true;
};
const OldKey* FindOldKey(std::string_view path);

// The known key next to `path`, or empty when none is close.
std::string NearestKey(std::string_view path);

// "run.prepare" as it is written: "[run.prepare]", "run.hooks" as "[[run.hooks]]", "run.goal" as
// "[run] goal".
std::string AsWritten(std::string_view path);

}  // namespace fabro::config
