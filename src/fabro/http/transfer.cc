#include "fabro/http/transfer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace fabro::http {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

struct ListDeleter {
  void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

void Append(List& list, const std::string& text) {
  curl_slist* longer = ::curl_slist_append(list.get(), text.c_str());
  if (longer == nullptr) return;  // Out of memory, which ends the process elsewhere.
  (void)list.release();
  list.reset(longer);
}

std::string Trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

// What libcurl's callbacks see of an exchange.
struct Exchange {
  const Handlers& handlers;
  std::uint64_t max_body;
  Head head;
  bool head_given = false;
  std::string body;
  std::uint64_t received = 0;
  SteadyTime last_byte = std::chrono::steady_clock::now();
  curl_off_t sent = 0;
  std::optional<Error> stop = std::nullopt;  // Of a handler, or a limit of ours.

  Status GiveHead() {
    if (std::exchange(head_given, true) || !handlers.head) return {};
    return handlers.head(head);
  }
};

// A status line begins a new head: those of 1xx answers are forgotten.
std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size * count);
  exchange.last_byte = std::chrono::steady_clock::now();
  if (line.starts_with("HTTP/")) {
    exchange.head = Head{};
    const std::size_t blank = line.find(' ');
    if (blank != std::string_view::npos) {
      exchange.head.status = std::atoi(std::string(line.substr(blank + 1, 3)).c_str());
    }
  } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
    exchange.head.headers.push_back(
        {.name = Trim(line.substr(0, colon)), .value = Trim(line.substr(colon + 1))});
  } else if (Trim(line).empty() && exchange.head.status >= 200) {
    if (auto given = exchange.GiveHead(); !given.ok()) {
      exchange.stop = std::move(given).error();
      return 0;
    }
  }
  return size * count;
}

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view bytes(data, size * count);
  exchange.last_byte = std::chrono::steady_clock::now();
  exchange.received += bytes.size();
  if (exchange.received > exchange.max_body) {
    exchange.stop =
        Failure(Code::kResourceExhausted,
                "the answer is longer than " + std::to_string(exchange.max_body) + " bytes",
                "http_body_too_large");
    return 0;
  }
  if (!exchange.handlers.body) {
    exchange.body.append(bytes);
    return bytes.size();
  }
  if (auto taken = exchange.handlers.body(bytes); !taken.ok()) {
    exchange.stop = std::move(taken).error();
    return 0;
  }
  return bytes.size();
}

// Sending counts as life too.
int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t sent) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (sent != exchange.sent) exchange.last_byte = std::chrono::steady_clock::now();
  exchange.sent = sent;
  return 0;
}

long Milliseconds(Nanos span) {
  return static_cast<long>(std::max<std::int64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(span).count(), 1));
}

// The parts of an exchange that libcurl only borrows.
struct Borrowed {
  List headers;
  List connect_to;
};

void SetProxy(CURL* easy, const Request& request, const ClientOptions& options) {
  const bool direct =
      options.proxy == "none" || !request.unix_socket.empty() || !request.pinned_address.empty();
  if (direct) {
    ::curl_easy_setopt(easy, CURLOPT_PROXY, "");
  } else if (!options.proxy.empty()) {
    ::curl_easy_setopt(easy, CURLOPT_PROXY, options.proxy.c_str());
    ::curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  }
  ::curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

void SetPlace(CURL* easy, const Request& request, const UrlParts& url, Borrowed& borrowed) {
  ::curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  ::curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  ::curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  if (!request.unix_socket.empty()) {
    ::curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  }
  if (request.pinned_address.empty()) return;
  const bool v6 = request.pinned_address.find(':') != std::string::npos;
  const std::string address = v6 ? "[" + request.pinned_address + "]" : request.pinned_address;
  // An empty first half stands for every host and port.
  Append(borrowed.connect_to, "::" + address + ":" + std::to_string(url.port));
  ::curl_easy_setopt(easy, CURLOPT_CONNECT_TO, borrowed.connect_to.get());
  // A connection made under another rule must not serve this one, nor this one the next.
  ::curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  ::curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

void SetMessage(CURL* easy, const Request& request, const ClientOptions& options,
                Borrowed& borrowed) {
  for (const Header& header : request.headers) {
    // libcurl's form of a header without a value ends in a semicolon.
    Append(borrowed.headers,
           header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
  }
  Append(borrowed.headers, "Expect:");  // No waiting for "100 Continue".
  const bool has_body =
      !request.body.empty() || request.method == "POST" || request.method == "PUT";
  if (has_body) {
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    if (FindHeader(request.headers, "Content-Type") == nullptr) {
      Append(borrowed.headers, "Content-Type:");
    }
  }
  if (request.method == "HEAD") {
    ::curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else {
    ::curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  ::curl_easy_setopt(easy, CURLOPT_HTTPHEADER, borrowed.headers.get());
  ::curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
}

void SetLimits(CURL* easy, const Request& request, const ClientOptions& options) {
  ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(request.timeouts.connect));
  // A cancelled lookup of a name is left to end by itself; its thread frees what it holds.
  ::curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  ::curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca_file.empty()) {
    ::curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
    ::curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
}

void SetCallbacks(CURL* easy, Exchange& exchange) {
  ::curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &OnHeader);
  ::curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &OnBody);
  ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  ::curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &OnProgress);
  ::curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &exchange);
  ::curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

std::string PlaceOf(const Request& request, const UrlParts& url) {
  if (!request.unix_socket.empty()) return request.unix_socket;
  return url.scheme + "://" + url.host + ":" + std::to_string(url.port);
}

struct Kind {
  std::string_view reason;
  Code code;
  std::string_view fix;
};

Kind KindOf(CURLcode code, bool connected) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {"http_resolve", Code::kUnavailable, "check the host name and the network"};
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
      return {"http_proxy", Code::kUnavailable, "check HTTPS_PROXY and HTTP_PROXY"};
    case CURLE_COULDNT_CONNECT:
      return {"http_connect", Code::kUnavailable, "check that the server runs and can be reached"};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return {"http_tls", Code::kUnavailable,
              "check the server's certificate, or name the CA that signed it"};
    case CURLE_OPERATION_TIMEDOUT:
      return connected ? Kind{"http_idle_timeout", Code::kDeadlineExceeded, ""}
                       : Kind{"http_connect_timeout", Code::kDeadlineExceeded,
                              "check that the server can be reached"};
    case CURLE_URL_MALFORMAT:
      return {"http_url_invalid", Code::kInvalidArgument, ""};
    case CURLE_UNSUPPORTED_PROTOCOL:  // Its answer is not HTTP; the scheme was checked before.
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_WEIRD_SERVER_REPLY:
      return {"http_broken", Code::kUnavailable, ""};
    default:
      return {"http_failed", Code::kUnavailable, ""};
  }
}

Error Failed(const std::string& place, std::string what, std::string_view reason, Code code,
             std::string_view fix = {}) {
  return Failure(code, place + ": " + std::move(what), std::string(reason), std::string(fix));
}

}  // namespace

Result<std::unique_ptr<Transport>> Transport::Make() {
  // Thread-safe and counted since libcurl 7.84; never undone, as its threads may outlive any place.
  static const CURLcode global = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  if (global != CURLE_OK) return Failure(Code::kInternal, "libcurl does not start", "http_failed");
  CURLM* multi = ::curl_multi_init();
  CURL* easy = ::curl_easy_init();
  if (multi == nullptr || easy == nullptr) {
    ::curl_easy_cleanup(easy);
    if (multi != nullptr) ::curl_multi_cleanup(multi);
    return Failure(Code::kInternal, "libcurl gives no handle", "http_failed");
  }
  return std::unique_ptr<Transport>(new Transport(multi, easy));
}

Transport::~Transport() {
  ::curl_easy_cleanup(easy_);
  ::curl_multi_cleanup(multi_);
}

namespace {

// The loop over a transfer: libcurl's work, our deadlines, and the descriptor that cancels.
class Drive {
 public:
  Drive(CURLM* multi, CURL* easy, const Request& request, Exchange& exchange, std::string place)
      : multi_(multi),
        easy_(easy),
        request_(request),
        exchange_(exchange),
        place_(std::move(place)) {}

  // The result of the transfer, or what ended it before.
  Result<CURLcode> Run(int cancel_fd) {
    for (;;) {
      int running = 0;
      ::curl_multi_perform(multi_, &running);
      int left = 0;
      while (const CURLMsg* message = ::curl_multi_info_read(multi_, &left)) {
        if (message->msg == CURLMSG_DONE) return message->data.result;
      }
      const SteadyTime now = std::chrono::steady_clock::now();
      TRY(CheckDeadlines(now));
      curl_waitfd cancel{.fd = cancel_fd, .events = CURL_WAIT_POLLIN, .revents = 0};
      ::curl_multi_poll(multi_, &cancel, cancel_fd >= 0 ? 1 : 0, WaitMs(now), nullptr);
      if (cancel.revents != 0) {
        return Failed(place_, "the exchange was cancelled", "http_canceled", Code::kCancelled);
      }
    }
  }

 private:
  bool Connected() const {
    curl_off_t micros = 0;
    ::curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &micros);
    return micros > 0;
  }

  Status CheckDeadlines(SteadyTime now) const {
    if (request_.timeouts.total.has_value() && now >= started_ + *request_.timeouts.total) {
      return Failed(place_, "no whole answer within " + HumanDuration(*request_.timeouts.total),
                    "http_total_timeout", Code::kDeadlineExceeded);
    }
    if (now >= exchange_.last_byte + request_.timeouts.idle && Connected()) {
      return Failed(place_, "nothing came for " + HumanDuration(request_.timeouts.idle),
                    "http_idle_timeout", Code::kDeadlineExceeded);
    }
    return {};
  }

  int WaitMs(SteadyTime now) const {
    Nanos wait = std::chrono::minutes(1);  // libcurl shortens it to what it waits for itself.
    if (Connected()) {
      wait = std::min<Nanos>(wait, exchange_.last_byte + request_.timeouts.idle - now);
    }
    if (request_.timeouts.total.has_value()) {
      wait = std::min<Nanos>(wait, started_ + *request_.timeouts.total - now);
    }
    return static_cast<int>(Milliseconds(wait));
  }

  CURLM* multi_;
  CURL* easy_;
  const Request& request_;
  Exchange& exchange_;
  std::string place_;
  SteadyTime started_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<Response> Transport::Perform(const Request& request, const UrlParts& url,
                                    const ClientOptions& options, const Handlers& handlers,
                                    int cancel_fd) {
  Borrowed borrowed;
  std::array<char, CURL_ERROR_SIZE> detail{};
  Exchange exchange{
      .handlers = handlers, .max_body = options.max_body_bytes, .head = {}, .body = {}};
  ::curl_easy_reset(easy_);
  SetPlace(easy_, request, url, borrowed);
  SetProxy(easy_, request, options);
  SetMessage(easy_, request, options, borrowed);
  SetLimits(easy_, request, options);
  SetCallbacks(easy_, exchange);
  ::curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, detail.data());

  const std::string place = PlaceOf(request, url);
  ::curl_multi_add_handle(multi_, easy_);
  const Result<CURLcode> ended = Drive(multi_, easy_, request, exchange, place).Run(cancel_fd);
  curl_off_t connected = 0;
  ::curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &connected);
  ::curl_multi_remove_handle(multi_, easy_);
  ::curl_easy_reset(easy_);  // Nothing of this frame stays in the handle.

  if (exchange.stop.has_value()) return *std::move(exchange.stop);
  if (!ended.ok()) return ended.error();
  if (*ended != CURLE_OK) {
    const Kind kind = KindOf(*ended, connected > 0);
    const char* text = detail[0] != '\0' ? detail.data() : ::curl_easy_strerror(*ended);
    return Failed(place, text, kind.reason, kind.code, kind.fix);
  }
  return Response{.status = exchange.head.status,
                  .headers = std::move(exchange.head.headers),
                  .body = std::move(exchange.body)};
}

}  // namespace fabro::http
