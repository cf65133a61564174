// YAML text as a tree of nodes with their places. The adapter around libyaml: bounded, so that no
// text makes it large, deep or slow, and nothing of the library is seen outside yaml.cc.
//
// Read is what configuration needs: one document of maps with plain keys, lists and scalars, with
// anchors and aliases. Tags, merge keys and further documents are refused, never guessed at.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"

namespace fabro::config::engine {

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string text = {};             // kScalar.
  bool quoted = false;               // kScalar: '…' or "…", so never a number or a null.
  std::vector<YamlNode> items = {};  // kList; kMap: the values.
  std::vector<YamlNode> keys = {};   // kMap: scalars, each once.
  std::size_t line = 1;              // From 1, as is the column.
  std::size_t column = 1;

  // Of a map; null pointer: there is no such key.
  const YamlNode* Find(std::string_view key) const;
};

inline constexpr std::size_t kMostYamlText = 1U << 20U;
inline constexpr std::size_t kMostYamlNodes = 20'000;  // What aliases repeat counts again.
inline constexpr std::size_t kDeepestYaml = 32;

// An empty text is kNull. Errors begin with "NAME:LINE:COLUMN: "; kInvalidArgument,
// "config_invalid".
Result<YamlNode> ParseYaml(std::string_view name, std::string_view text);

}  // namespace fabro::config::engine
