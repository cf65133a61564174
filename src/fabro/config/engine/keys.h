// The table of the engine's configuration keys: what a file may say, what each value means, what it
// is when nobody says it. Files, the environment, the command line, `faber config` and the
// reference page all come from here. Spec: isolation engine, section 1.1.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fabro::config::engine {

enum class KeyType {
  kBool,
  kWord,      // One of `words`.
  kText,      // Any text.
  kBytes,     // A number of bytes, or with a unit: 512MiB.
  kNanos,     // A number of nanoseconds, or with a unit: 30s.
  kCount,     // A whole number.
  kTextList,  // A list of texts; of `words` when there are any.
  kPortList,  // Numbers 1 to 65535 and ranges "8000-8010".
  kMounts,    // A list of maps {source, target, read_only}.
};

// What `faber run` does with a value.
enum class KeyUse {
  kRun,         // Has its effect.
  kService,     // Of `faber serve`; a single command has no use for it.
  kDefaultOnly  // The layer behind other values is not in this build: they are refused by name.
};

struct KeyInfo {
  std::string_view name;  // "sandbox.network.mode".
  KeyType type = KeyType::kText;
  std::string_view fallback;  // The built-in value, as YAML; empty: none, it follows from others.
  KeyUse use = KeyUse::kRun;
  std::string_view help;        // One sentence, no full stop.
  std::string_view words = {};  // kWord, kTextList: allowed, between spaces.
  std::uint64_t least = 0;      // kBytes, kNanos, kCount.
  std::uint64_t most = UINT64_MAX;
  bool nullable = false;  // null is a value: "none".
  bool secret = false;    // Never printed.
};

std::span<const KeyInfo> Keys();

// By full name; for resource_limits.<set>.<limit> the row of the set `default`. Null: no such key.
const KeyInfo* FindKey(std::string_view name);

// That some key begins with `name` and a dot.
bool IsSection(std::string_view name);

// The name of the set in "resource_limits.SET" or "resource_limits.SET.limit"; empty: not one.
std::string_view LimitSetOf(std::string_view name);

// "FABER_SANDBOX_NETWORK_MODE".
std::string VariableOf(std::string_view key);

// The key whose name is nearest to `name`, for the error about one that is not there.
std::optional<std::string> NearestKey(std::string_view name);

// "bytes", "nanoseconds", "true or false" and so on, for people.
std::string TypeText(const KeyInfo& key);

}  // namespace fabro::config::engine
