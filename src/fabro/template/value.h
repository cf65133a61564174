// What templates see: a small variant of texts, numbers, booleans, lists and maps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace fabro::templates {

struct Value;
struct Member;
using List = std::vector<Value>;

// Members in the order of their making; names are unique. Small: lookups are linear.
struct Map {
  std::vector<Member> members;

  const Value* Find(std::string_view name) const;
  // Adds, or overwrites in place.
  void Set(std::string name, Value value);

  friend bool operator==(const Map& a, const Map& b);
};

struct Value {
  std::variant<std::string, bool, std::int64_t, double, List, Map> data;

  Value();
  Value(std::string text);       // NOLINT(google-explicit-*)
  Value(std::string_view text);  // NOLINT(google-explicit-*)
  Value(const char* text);       // NOLINT(google-explicit-*)
  Value(bool flag);              // NOLINT(google-explicit-*)
  Value(int number);             // NOLINT(google-explicit-*)
  Value(std::int64_t number);    // NOLINT(google-explicit-*)
  Value(double number);          // NOLINT(google-explicit-*)
  Value(List list);              // NOLINT(google-explicit-*)
  Value(Map map);                // NOLINT(google-explicit-*)

  friend bool operator==(const Value& a, const Value& b) = default;
};

struct Member {
  std::string name;
  Value value;

  friend bool operator==(const Member&, const Member&) = default;
};

// After Member, not in the class: a vector of an incomplete type may not be made or destroyed.
inline Value::Value() = default;
inline Value::Value(std::string text) : data(std::move(text)) {}
inline Value::Value(std::string_view text) : data(std::string(text)) {}
inline Value::Value(const char* text) : data(std::string(text)) {}
inline Value::Value(bool flag) : data(flag) {}
inline Value::Value(int number) : data(static_cast<std::int64_t>(number)) {}
inline Value::Value(std::int64_t number) : data(number) {}
inline Value::Value(double number) : data(number) {}
inline Value::Value(List list) : data(std::move(list)) {}
inline Value::Value(Map map) : data(std::move(map)) {}

// How a value stands in rendered text: strings as they are, true and false, numbers without an
// empty fraction, lists and maps as compact JSON.
std::string TextOf(const Value& value);
// RFC 8259, compact, members in their order. Infinities and NaN become null.
std::string JsonOf(const Value& value);
// Empty texts, lists and maps, false and zero are not.
bool IsTruthy(const Value& value);

// `text` as one word of a POSIX shell: in single quotes, whatever it holds.
std::string ShellQuote(std::string_view text);

}  // namespace fabro::templates
