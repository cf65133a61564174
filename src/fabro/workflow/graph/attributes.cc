#include "fabro/workflow/graph/attributes.h"

#include <charconv>
#include <string>

namespace fabro::workflow {
namespace {

// Long texts are cut in messages.
constexpr std::size_t kShownText = 60;

Error Wanted(const Attribute& attribute, std::string_view what, std::string_view fix) {
  std::string shown = attribute.text.substr(0, kShownText);
  if (attribute.text.size() > kShownText) shown += "…";
  Error error = Failure(
      Code::kInvalidArgument,
      "attribute '" + attribute.key + "' wants " + std::string(what) + ", not '" + shown + "'",
      "attr_type", std::string(fix));
  if (attribute.at.line > 0) {
    error.In("line " + std::to_string(attribute.at.line) + ", column " +
             std::to_string(attribute.at.column));
  }
  return error;
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != lower[i]) return false;
  }
  return true;
}

template <typename T>
Result<std::optional<T>> Get(const Attributes& attributes, std::string_view key,
                             Result<T> (*read)(const Attribute&)) {
  const Attribute* found = attributes.Find(key);
  if (found == nullptr) return std::optional<T>();
  const T value = TRY(read(*found));
  return std::optional<T>(value);
}

}  // namespace

Result<bool> AsBool(const Attribute& attribute) {
  if (attribute.type == ValueType::kBoolean || attribute.type == ValueType::kString) {
    if (EqualsIgnoringCase(attribute.text, "true")) return true;
    if (EqualsIgnoringCase(attribute.text, "false")) return false;
  }
  return Wanted(attribute, "true or false", "write true or false");
}

Result<std::int64_t> AsInt(const Attribute& attribute) {
  std::int64_t value = 0;
  const char* const end = attribute.text.data() + attribute.text.size();
  const auto [rest, error] = std::from_chars(attribute.text.data(), end, value);
  if (error == std::errc() && rest == end) return value;
  return Wanted(attribute, "a whole number", "write digits alone");
}

Result<Nanos> AsDuration(const Attribute& attribute) {
  const auto span = ParseDuration(attribute.text, /*bare_seconds=*/true);
  if (span.ok() && *span >= Nanos(0)) return *span;
  return Wanted(attribute, "a duration", "write a whole number with ms, s, m, h or d: 5m");
}

Result<std::optional<bool>> GetBool(const Attributes& attributes, std::string_view key) {
  return Get<bool>(attributes, key, AsBool);
}

Result<std::optional<std::int64_t>> GetInt(const Attributes& attributes, std::string_view key) {
  return Get<std::int64_t>(attributes, key, AsInt);
}

Result<std::optional<Nanos>> GetDuration(const Attributes& attributes, std::string_view key) {
  return Get<Nanos>(attributes, key, AsDuration);
}

}  // namespace fabro::workflow
