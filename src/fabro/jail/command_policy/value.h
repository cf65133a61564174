// A word after expansion, as far as it is known before anything runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fabro::jail::command_policy {

// `text` with one mark a byte. Where nothing is known there is one byte kUnknown, whatever length
// the real text will have, none included.
struct Value {
  static constexpr char kUnknown = '\x01';
  static constexpr char kLiteral = 'c';
  static constexpr char kActive = 'g';  // An unquoted character of a pattern: * ? [ ] { , } ~
  static constexpr char kHole = 'u';    // Of a kUnknown byte.

  std::string text;
  std::string marks;
  bool guessed = false;  // Comes from a variable or command whose value was read from the script.

  static Value Of(std::string_view text);
  static Value Unknown();
  void Append(std::string_view literal, char mark = kLiteral);
  void Append(const Value& other);

  bool HasUnknown() const { return marks.find(kHole) != std::string::npos; }
  bool HasGlob() const;  // An active * ? or [.
  bool Known() const { return !HasUnknown(); }
  std::string Shown() const;  // Unknown parts as "…".
};

// {a,b} of bash: one value for each alternative; {a..b} becomes an unknown.
std::vector<Value> ExpandBraces(const Value& value);

// The last component of a path.
std::string_view BaseName(std::string_view path);

// fnmatch(3) without flags.
bool Matches(std::string_view pattern, std::string_view text);

}  // namespace fabro::jail::command_policy
