#include "fabro/template/value.h"

#include <array>
#include <charconv>
#include <cmath>

namespace fabro::templates {
namespace {

std::string NumberText(double number) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: whole numbers are exact up to here.
  std::array<char, 32> buffer{};
  char* const end = buffer.data() + buffer.size();
  const bool whole = std::trunc(number) == number && std::fabs(number) <= kExact;
  const auto result = whole ? std::to_chars(buffer.data(), end, static_cast<std::int64_t>(number))
                            : std::to_chars(buffer.data(), end, number);
  return {buffer.data(), result.ptr};
}

void AppendJsonString(std::string& json, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  json += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (c == '\n') {
      json += "\\n";
    } else if (c == '\t') {
      json += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      json += "\\u00";
      json += kDigits[byte >> 4U];
      json += kDigits[byte & 15U];
    } else {
      json += c;
    }
  }
  json += '"';
}

void AppendJson(std::string& json, const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) {
    AppendJsonString(json, *text);
  } else if (const auto* list = std::get_if<List>(&value.data)) {
    json += '[';
    for (const Value& item : *list) {
      if (json.back() != '[') json += ',';
      AppendJson(json, item);
    }
    json += ']';
  } else if (const auto* map = std::get_if<Map>(&value.data)) {
    json += '{';
    for (const Member& member : map->members) {
      if (json.back() != '{') json += ',';
      AppendJsonString(json, member.name);
      json += ':';
      AppendJson(json, member.value);
    }
    json += '}';
  } else if (const auto* real = std::get_if<double>(&value.data);
             real != nullptr && !std::isfinite(*real)) {
    json += "null";
  } else {
    json += TextOf(value);
  }
}

}  // namespace

bool operator==(const Map& a, const Map& b) { return a.members == b.members; }

const Value* Map::Find(std::string_view name) const {
  for (const Member& member : members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

void Map::Set(std::string name, Value value) {
  for (Member& member : members) {
    if (member.name == name) {
      member.value = std::move(value);
      return;
    }
  }
  members.push_back({std::move(name), std::move(value)});
}

std::string TextOf(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) return *text;
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag ? "true" : "false";
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) return std::to_string(*whole);
  if (const auto* real = std::get_if<double>(&value.data)) return NumberText(*real);
  return JsonOf(value);
}

std::string JsonOf(const Value& value) {
  std::string json;
  AppendJson(json, value);
  return json;
}

bool IsTruthy(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) return !text->empty();
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag;
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) return *whole != 0;
  if (const auto* real = std::get_if<double>(&value.data)) return *real != 0;
  if (const auto* list = std::get_if<List>(&value.data)) return !list->empty();
  return !std::get<Map>(value.data).members.empty();
}

std::string ShellQuote(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace fabro::templates
