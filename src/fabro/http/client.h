// Outgoing HTTP: one blocking exchange at a time on the caller's thread, its body streamed as it
// comes, over TCP (with a proxy, TLS, a CA of one's own) or a unix socket. libcurl is behind it and
// nowhere else.
//
// Redirects are never followed: they are answers with a status of 3xx, so no credential travels to
// a host that its owner did not name. Certificates are always verified. Nothing is kept between
// exchanges but idle connections. Error messages name scheme, host and port, never the rest of the
// URL, a header or a body.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/duration.h"
#include "fabro/base/result.h"

namespace fabro::http {

struct Header {
  std::string name{};
  std::string value{};  // No line breaks: "http_header_invalid".
  friend bool operator==(const Header&, const Header&) = default;
};
using Headers = std::vector<Header>;

// The first of that name, whatever the case of its letters; null pointer: none.
const std::string* FindHeader(const Headers& headers, std::string_view name);

struct Timeouts {
  Nanos connect = std::chrono::seconds(10);  // Name, TCP and TLS.
  Nanos idle = std::chrono::minutes(5);      // Without a byte in either direction.
  std::optional<Nanos> total{};              // Unset: as long as bytes come.
};

struct Request {
  std::string method = "GET";
  std::string url{};  // http or https; without user and password.
  Headers headers{};
  std::string body{};  // Sent as it is; empty: none, unless the method is POST or PUT.
  Timeouts timeouts{};
  std::string unix_socket{};  // Connect there; the URL's host is only said in the header.
  // Connect to this address and no other, past proxies: for who has resolved and checked the name
  // already. The URL's host stays the one of the header and of the certificate.
  std::string pinned_address{};
};

struct Head {
  int status = 0;
  Headers headers{};
};

struct Response {
  int status = 0;
  Headers headers{};
  std::string body{};  // Empty when Handlers::body took it.
};

// Called on the caller's thread; an Error ends the exchange and is what Send returns.
struct Handlers {
  std::function<Status(const Head&)> head{};
  std::function<Status(std::string_view)> body{};  // Bytes as they come; empty: they are collected.
};

struct ClientOptions {
  // "http://host:port", "socks5h://…"; empty: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY of
  // the environment; "none": no proxy whatever the environment says.
  std::string proxy{};
  std::string ca_file{};  // PEM, instead of the system's roots.
  std::uint64_t max_body_bytes = 64 * 1024 * 1024;
  std::string user_agent = "fabro";
};

// Thread-safe; concurrent exchanges use connections of their own.
class Client {
 public:
  explicit Client(ClientOptions options = {});
  ~Client();

  // `cancel_fd` readable means cancel; -1: never; not owned. Any status is a success here. Reasons
  // of failure: http_url_invalid, http_header_invalid; before an answer began http_resolve,
  // http_connect, http_tls, http_proxy, http_connect_timeout; at any time http_broken (the
  // connection ended or spoke nonsense), http_idle_timeout, http_total_timeout, http_canceled,
  // http_body_too_large, http_failed.
  Result<Response> Send(const Request& request, const Handlers& handlers = {}, int cancel_fd = -1);

 private:
  class Pool;
  std::unique_ptr<Pool> pool_;
};

// "https://host:8443/a/b?c" to its parts. kInvalidArgument, "http_url_invalid": another scheme, no
// host, user or password in it.
struct UrlParts {
  std::string scheme{};
  std::string host{};  // Without brackets.
  std::uint16_t port = 0;
  std::string path{};  // With its query; "/" at least.
};
Result<UrlParts> ParseUrl(std::string_view url);

}  // namespace fabro::http
