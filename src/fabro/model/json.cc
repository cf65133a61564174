#include "fabro/model/json.h"

#include <array>
#include <charconv>
#include <cmath>

namespace fabro::model {
namespace {

// Length of the UTF-8 sequence at `at` (RFC 3629: no overlong forms, surrogates or values above
// U+10FFFF); 0 when there is none.
std::size_t SequenceLength(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  }
  if (length == 0 || at + length > text.size()) return 0;
  if (byte(at + 1) < low || byte(at + 1) > high) return 0;
  for (std::size_t i = at + 2; i < at + length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  return length;
}

void AppendEscape(char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(c);
  out += "\\u00";
  out += kHex[value >> 4U];
  out += kHex[value & 15U];
}

void AppendString(std::string_view text, std::string& out) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    const std::size_t length = SequenceLength(text, at);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
    } else if (length == 1 && (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20)) {
      AppendEscape(c, out);
      ++at;
    } else {
      out.append(text, at, length);
      at += length;
    }
  }
  out += '"';
}

void AppendDouble(double value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

void Append(const Json& value,
            std::string& out) {  // NOLINT(misc-no-recursion): depth is the value's.
  if (const bool* flag = value.Bool()) {
    out += *flag ? "true" : "false";
  } else if (const std::int64_t* number = value.Int()) {
    out += std::to_string(*number);
  } else if (const double* real = value.Double()) {
    AppendDouble(*real, out);
  } else if (const std::string* text = value.String()) {
    AppendString(*text, out);
  } else if (const Json::Array* items = value.Items()) {
    out += '[';
    for (std::size_t i = 0; i < items->size(); ++i) {
      if (i > 0) out += ',';
      Append((*items)[i], out);
    }
    out += ']';
  } else if (const Json::Object* members = value.Members()) {
    out += '{';
    for (std::size_t i = 0; i < members->size(); ++i) {
      if (i > 0) out += ',';
      AppendString((*members)[i].first, out);
      out += ':';
      Append((*members)[i].second, out);
    }
    out += '}';
  } else {
    out += "null";
  }
}

}  // namespace

Json Json::Strings(const std::vector<std::string>& values) {
  return Json(Array(values.begin(), values.end()));
}

const Json* Json::Find(std::string_view key) const {
  if (const Object* members = Members()) {
    for (const Member& member : *members) {
      if (member.first == key) return &member.second;
    }
  }
  return nullptr;
}

std::string Json::StringAt(std::string_view key, std::string_view otherwise) const {
  const Json* found = Find(key);
  const std::string* text = found != nullptr ? found->String() : nullptr;
  return text != nullptr ? *text : std::string(otherwise);
}

std::int64_t Json::IntAt(std::string_view key, std::int64_t otherwise) const {
  const Json* found = Find(key);
  const std::int64_t* number = found != nullptr ? found->Int() : nullptr;
  return number != nullptr ? *number : otherwise;
}

bool Json::BoolAt(std::string_view key, bool otherwise) const {
  const Json* found = Find(key);
  const bool* flag = found != nullptr ? found->Bool() : nullptr;
  return flag != nullptr ? *flag : otherwise;
}

std::vector<std::string> Json::StringsAt(std::string_view key) const {
  std::vector<std::string> texts;
  const Json* found = Find(key);
  const Array* items = found != nullptr ? found->Items() : nullptr;
  if (items == nullptr) return texts;
  for (const Json& item : *items) {
    if (const std::string* text = item.String()) texts.push_back(*text);
  }
  return texts;
}

Json& Json::Set(std::string_view key, Json value) {
  if (Members() == nullptr) value_ = Object{};
  Object& members = *Members();
  for (Member& member : members) {
    if (member.first == key) {
      member.second = std::move(value);
      return *this;
    }
  }
  members.emplace_back(key, std::move(value));
  return *this;
}

Json& Json::SetIfAny(std::string_view key, std::string_view text) {
  if (!text.empty()) Set(key, Json(text));
  return *this;
}

Json& Json::Push(Json value) {
  if (Items() == nullptr) value_ = Array{};
  Items()->push_back(std::move(value));
  return *this;
}

std::string Json::Dump() const {
  std::string out;
  Append(*this, out);
  return out;
}

std::string Json::ToText() const {
  if (const std::string* text = String()) return *text;
  if (IsNull()) return {};
  const double* real = Double();
  // Doubles hold whole numbers exactly below 2^53; above, the shortest form is used.
  if (real != nullptr && std::trunc(*real) == *real && std::fabs(*real) < 9007199254740992.0) {
    return std::to_string(static_cast<std::int64_t>(*real));
  }
  return Dump();
}

}  // namespace fabro::model
