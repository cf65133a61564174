// A JSON value without a parser: what events carry, what a run's context holds, and what the API
// sends. Numbers keep integers apart from doubles; objects keep the order in which members were
// added. Parsing text is codec's work (codec/json/json.h); writing it needs no library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace fabro::model {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  // NOLINTBEGIN(google-explicit-constructor): a value is written as what it is.
  Json() = default;  // null
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::uint32_t value) : value_(std::int64_t{value}) {}
  Json(std::uint64_t value) : value_(static_cast<std::int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  // NOLINTEND(google-explicit-constructor)

  static Json MakeObject() { return Json(Object{}); }
  static Json MakeArray() { return Json(Array{}); }
  static Json Strings(const std::vector<std::string>& values);

  bool IsNull() const { return std::holds_alternative<std::monostate>(value_); }
  // Null pointers for another type.
  const bool* Bool() const { return std::get_if<bool>(&value_); }
  const std::int64_t* Int() const { return std::get_if<std::int64_t>(&value_); }
  const double* Double() const { return std::get_if<double>(&value_); }
  const std::string* String() const { return std::get_if<std::string>(&value_); }
  const Array* Items() const { return std::get_if<Array>(&value_); }
  const Object* Members() const { return std::get_if<Object>(&value_); }
  Array* Items() { return std::get_if<Array>(&value_); }
  Object* Members() { return std::get_if<Object>(&value_); }

  // Of an object; null pointer when absent or when this is no object.
  const Json* Find(std::string_view key) const;
  // The member as that type, `otherwise` when it is absent or of another type.
  std::string StringAt(std::string_view key, std::string_view otherwise = {}) const;
  std::int64_t IntAt(std::string_view key, std::int64_t otherwise = 0) const;
  bool BoolAt(std::string_view key, bool otherwise = false) const;
  std::vector<std::string> StringsAt(std::string_view key) const;  // Other elements are left out.

  // Adds or replaces; null becomes an object first. Gives *this, so that calls can be chained.
  Json& Set(std::string_view key, Json value);
  // The same unless the text is empty: absent optionals are left out of events.
  Json& SetIfAny(std::string_view key, std::string_view text);
  // Null becomes an array first.
  Json& Push(Json value);

  // Compact, one line. Bytes that are no UTF-8 become U+FFFD; NaN and infinities become null.
  std::string Dump() const;
  // As conditions and templates see a value: strings as they are, null empty, whole numbers without
  // a fraction, other numbers in shortest form, arrays and objects compact (workflow language 6.2).
  std::string ToText() const;

  friend bool operator==(const Json&, const Json&) = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

}  // namespace fabro::model
