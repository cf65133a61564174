#include "fabro/config/engine/read_value.h"

#include <algorithm>
#include <charconv>

#include "fabro/base/byte_size.h"
#include "fabro/base/duration.h"

namespace fabro::config::engine {
namespace {

using model::Json;
using Kind = YamlNode::Kind;

Error Bad(std::string message, std::string fix) {
  return Failure(Code::kInvalidArgument, std::move(message), "config_invalid", std::move(fix));
}

Error WrongKind(const KeyInfo& key, const YamlNode& node) {
  const std::string_view is = node.kind == Kind::kMap    ? "a map"
                              : node.kind == Kind::kList ? "a list"
                              : node.kind == Kind::kNull ? "nothing"
                                                         : "one value";
  return Bad(std::string(is) + " stands here", "write " + TypeText(key));
}

bool AllDigits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool AmongWords(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

std::string RangeText(const KeyInfo& key, std::uint64_t value) {
  if (key.type == KeyType::kBytes) return ToString(ByteSize(value));
  if (key.type == KeyType::kNanos) return ToString(Nanos(value));
  return std::to_string(value);
}

Result<Json> Ranged(const KeyInfo& key, std::uint64_t value) {
  if (value >= key.least && value <= key.most) return Json(value);
  const std::string fix =
      "write " + RangeText(key, key.least) + " to " + RangeText(key, key.most) +
      (key.fallback.empty() ? ", or leave it out" : ", or leave it out for the default");
  if (value == 0) return Bad("0 is no value that can be set", fix);
  return Bad(RangeText(key, value) + " is out of range", fix);
}

Result<Json> Number(const KeyInfo& key, const std::string& text) {
  const std::string wants = "write " + TypeText(key);
  if (text.starts_with('-')) return Bad("'" + text + "' is negative", wants);
  if (AllDigits(text)) {
    std::uint64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc()) return Bad("'" + text + "' is too large", wants);
    return Ranged(key, value);
  }
  if (key.type == KeyType::kBytes) {
    const auto size = ParseByteSize(text);
    if (!size.ok()) return Bad(size.error().message, wants);
    return Ranged(key, size->bytes());
  }
  if (key.type == KeyType::kNanos) {
    const auto span = ParseDuration(text);
    if (!span.ok()) return Bad(span.error().message, wants);
    return Ranged(key, static_cast<std::uint64_t>(span->count()));
  }
  return Bad("'" + text + "' is not a whole number", wants);
}

Result<Json> Texts(const KeyInfo& key, const YamlNode& node) {
  if (node.kind != Kind::kList) return WrongKind(key, node);
  Json list = Json::MakeArray();
  for (const YamlNode& item : node.items) {
    if (item.kind != Kind::kScalar) return Bad("an element of the list is no text", "write [a, b]");
    list.Push(item.text);
  }
  return list;
}

// 443, or "8000-8010".
Result<Json> Ports(const KeyInfo& key, const YamlNode& node) {
  if (node.kind != Kind::kList) return WrongKind(key, node);
  constexpr unsigned kMostPort = 65535;
  Json list = Json::MakeArray();
  for (const YamlNode& item : node.items) {
    const std::string& text = item.text;
    const std::size_t dash = text.find('-');
    const std::string first = text.substr(0, dash);
    const std::string last = dash == std::string::npos ? first : text.substr(dash + 1);
    const bool digits = item.kind == Kind::kScalar && AllDigits(first) && AllDigits(last) &&
                        first.size() < 6 && last.size() < 6;
    const unsigned low = digits ? static_cast<unsigned>(std::stoul(first)) : 0;
    const unsigned high = digits ? static_cast<unsigned>(std::stoul(last)) : 0;
    if (low < 1 || high > kMostPort || low > high) {
      return Bad("'" + text + "' is no port", "write 1 to 65535, or a range as 8000-8010");
    }
    list.Push(low == high ? Json(std::int64_t{low}) : Json(text));
  }
  return list;
}

Result<Json> Mount(const YamlNode& node) {
  const std::string fix = "a mount is {source: PATH, target: PATH, read_only: true}";
  if (node.kind != Kind::kMap) return Bad("a mount is a map", fix);
  Json mount = Json::MakeObject();
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const std::string& name = node.keys[i].text;
    const YamlNode& value = node.items[i];
    if (value.kind != Kind::kScalar) return Bad("mount: " + name + " has no value", fix);
    if (name == "source" || name == "target") {
      mount.Set(name, value.text);
    } else if (name == "read_only" && (value.text == "true" || value.text == "false")) {
      mount.Set(name, value.text == "true");
    } else {
      return Bad("mount: '" + name + ": " + value.text + "' is not understood", fix);
    }
  }
  if (mount.Find("source") == nullptr || mount.Find("target") == nullptr) {
    return Bad("a mount lacks its source or target", fix);
  }
  if (mount.Find("read_only") == nullptr) mount.Set("read_only", true);
  return mount;
}

Result<Json> Mounts(const KeyInfo& key, const YamlNode& node) {
  if (node.kind != Kind::kList) return WrongKind(key, node);
  Json list = Json::MakeArray();
  for (const YamlNode& item : node.items) {
    Json mount = TRY(Mount(item));
    list.Push(std::move(mount));
  }
  return list;
}

// Quoted where a plain word would be read as something else.
std::string Scalar(const std::string& text) {
  const bool plain = !text.empty() && text != "null" && text != "~" && text != "true" &&
                     text != "false" && std::ranges::all_of(text, [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '_' || c == '/' || c == '.' ||
                              c == '+';
                     });
  if (plain && !AllDigits(text)) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

}  // namespace

Result<Json> ReadValue(const KeyInfo& key, const YamlNode& node) {
  if (node.kind == Kind::kNull && key.nullable) return Json();
  switch (key.type) {
    case KeyType::kTextList:
      return Texts(key, node);
    case KeyType::kPortList:
      return Ports(key, node);
    case KeyType::kMounts:
      return Mounts(key, node);
    default:
      break;
  }
  if (node.kind != Kind::kScalar) return WrongKind(key, node);
  const std::string wants = "write " + TypeText(key);
  switch (key.type) {
    case KeyType::kBool:
      if (node.text == "true" || node.text == "false") return Json(node.text == "true");
      return Bad("'" + node.text + "' is neither true nor false", wants);
    case KeyType::kWord:
      if (AmongWords(key.words, node.text)) return Json(node.text);
      return Bad("'" + node.text + "' is none of its words", wants);
    case KeyType::kBytes:
    case KeyType::kNanos:
    case KeyType::kCount:
      return Number(key, node.text);
    default:
      return Json(node.text);
  }
}

std::string WriteValue(const KeyInfo& key, const Json& value) {
  if (value.IsNull()) return "null";
  if (key.secret) return "'***'";
  if (const auto* text = value.String()) return Scalar(*text);
  const auto* items = value.Items();
  if (items == nullptr) return value.Dump();
  std::string out = "[";
  for (const Json& item : *items) {
    if (out.size() > 1) out += ", ";
    if (const auto* text = item.String()) {
      out += Scalar(*text);
    } else if (item.Members() != nullptr) {
      out += "{source: " + Scalar(item.StringAt("source")) +
             ", target: " + Scalar(item.StringAt("target")) +
             ", read_only: " + (item.BoolAt("read_only", true) ? "true" : "false") + "}";
    } else {
      out += item.Dump();
    }
  }
  return out + "]";
}

}  // namespace fabro::config::engine
