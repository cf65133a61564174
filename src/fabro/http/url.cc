#include <charconv>

#include "fabro/http/client.h"

namespace fabro::http {
namespace {

Error Bad(const std::string& why) {
  return Failure(Code::kInvalidArgument, "the URL " + why, "http_url_invalid");
}

bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || c == '\\') return true;
  }
  return false;
}

Result<std::uint16_t> ParsePort(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) {
    return Bad("has no valid port");
  }
  return port;
}

}  // namespace

Result<UrlParts> ParseUrl(std::string_view url) {
  if (HasControl(url)) return Bad("holds a blank, a backslash or a control character");
  UrlParts parts;
  for (const std::string_view scheme : {"http", "https"}) {
    if (url.starts_with(scheme) && url.substr(scheme.size()).starts_with("://")) {
      parts.scheme = scheme;
    }
  }
  if (parts.scheme.empty()) return Bad("begins with neither http:// nor https://");
  url.remove_prefix(parts.scheme.size() + 3);
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  std::string_view rest = url.substr(authority.size());
  rest = rest.substr(0, rest.find('#'));
  if (authority.find('@') != std::string_view::npos) return Bad("holds a user or password");
  parts.port = parts.scheme == "https" ? 443 : 80;
  std::string_view after;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return Bad("has an open bracket");
    parts.host = authority.substr(1, close - 1);
    after = authority.substr(close + 1);
  } else {
    parts.host = authority.substr(0, authority.find(':'));
    after = authority.substr(parts.host.size());
  }
  if (parts.host.empty()) return Bad("has no host");
  if (!after.empty()) {
    if (after.front() != ':') return Bad("has something after its host");
    parts.port = TRY(ParsePort(after.substr(1)));
  }
  if (!rest.starts_with('/')) parts.path = "/";
  parts.path += rest;
  return parts;
}

const std::string* FindHeader(const Headers& headers, std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (const Header& header : headers) {
    if (header.name.size() != name.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < name.size(); ++i) {
      same = same && lower(header.name[i]) == lower(name[i]);
    }
    if (same) return &header.value;
  }
  return nullptr;
}

}  // namespace fabro::http
