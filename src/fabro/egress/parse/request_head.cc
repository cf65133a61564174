#include <algorithm>
#include <optional>
#include <utility>

#include "fabro/egress/parse/first_bytes.h"
#include "fabro/model/egress.h"

namespace fabro::egress {
namespace {

using State = FirstBytes::State;

FirstBytes Other() { return {}; }

bool IsTokenByte(char c) {
  const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return word || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenByte);
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool SameWord(std::string_view one, std::string_view lower) {
  return std::equal(one.begin(), one.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

// "example.com:80" without its port; nullopt when it is no host name.
std::optional<std::string> HostOf(std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos) {
    const std::string_view port = authority.substr(colon + 1);
    if (!std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      return std::nullopt;
    }
    authority = authority.substr(0, colon);
  }
  return model::NormalName(authority);
}

// What the request line itself says about the host: nothing ("/path", "*"), or a name.
struct Target {
  bool good = false;
  std::optional<std::string> host;
};
Target ReadRequestLine(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return {};
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!IsToken(method) || target.empty() || target.find(' ') != std::string_view::npos) return {};
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return {};
  if (target.front() == '/' || target == "*") return {.good = true, .host = {}};
  std::string_view authority = target;
  if (method != "CONNECT") {
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) return {};
    authority = target.substr(scheme + 3);
    authority = authority.substr(0, authority.find_first_of("/?#"));
    if (authority.find('@') != std::string_view::npos) return {};
  }
  std::optional<std::string> host = HostOf(authority);
  if (!host) return {};
  return {.good = true, .host = std::move(host)};
}

}  // namespace

FirstBytes ReadRequestHead(std::string_view bytes) {
  // A method comes first, so that something else is seen before a line of it is whole.
  const std::string_view start = bytes.substr(0, bytes.find(' '));
  constexpr std::size_t kLongestMethod = 32;
  if (start.size() > kLongestMethod || (!start.empty() && !IsToken(start))) return Other();
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= kMaxFirstBytes) return Other();
    return {.state = State::kMore, .name = {}};
  }
  std::string_view head = bytes.substr(0, end + 2);
  bool first = true;
  Target target;
  std::optional<std::string> host;
  while (!head.empty()) {
    const std::size_t stop = head.find("\r\n");
    const std::string_view line = head.substr(0, stop);
    head.remove_prefix(stop + 2);
    if (line.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos) return Other();
    if (std::exchange(first, false)) {
      target = ReadRequestLine(line);
      if (!target.good) return Other();
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return Other();
    if (!SameWord(line.substr(0, colon), "host")) continue;
    const std::string_view value = Trimmed(line.substr(colon + 1));
    if (host) return Other();
    host = HostOf(value);
    if (!host) return Other();
  }
  if (target.host && host && *target.host != *host) return Other();
  if (!host) host = target.host;
  if (!host) return {.state = State::kNothing, .name = {}};
  return {.state = State::kName, .name = *host};
}

}  // namespace fabro::egress
