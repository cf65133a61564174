#include "fabro/http/client.h"

#include <mutex>
#include <utility>

#include "fabro/http/transfer.h"

namespace fabro::http {
namespace {

constexpr std::size_t kMaxIdleTransports = 8;

// RFC 9110 5.6.2; what passes cannot end the header it stands in.
bool IsToken(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!alnum && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

Status CheckMessage(const Request& request) {
  if (!IsToken(request.method)) {
    return Failure(Code::kInvalidArgument, "the method is no HTTP method", "http_header_invalid");
  }
  for (const Header& header : request.headers) {
    if (!IsToken(header.name)) {
      return Failure(Code::kInvalidArgument, "a header has an invalid name", "http_header_invalid");
    }
    for (const char c : header.value) {
      if ((static_cast<unsigned char>(c) >= ' ' && c != '\x7f') || c == '\t') continue;
      return Failure(Code::kInvalidArgument,
                     "the value of header " + header.name + " holds a control character",
                     "http_header_invalid", "look for a line break at the end of a key");
    }
  }
  return {};
}

}  // namespace

class Client::Pool {
 public:
  explicit Pool(ClientOptions options) : options_(std::move(options)) {}

  Result<std::unique_ptr<Transport>> Take() {
    {
      const std::scoped_lock lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Transport> transport = std::move(idle_.back());
        idle_.pop_back();
        return transport;
      }
    }
    return Transport::Make();
  }

  void Return(std::unique_ptr<Transport> transport) {
    const std::scoped_lock lock(mutex_);
    if (idle_.size() < kMaxIdleTransports) idle_.push_back(std::move(transport));
  }

  const ClientOptions& options() const { return options_; }

 private:
  const ClientOptions options_;
  std::mutex mutex_;  // idle_.
  std::vector<std::unique_ptr<Transport>> idle_;
};

Client::Client(ClientOptions options) : pool_(std::make_unique<Pool>(std::move(options))) {}
Client::~Client() = default;

Result<Response> Client::Send(const Request& request, const Handlers& handlers, int cancel_fd) {
  const UrlParts url = TRY(ParseUrl(request.url));
  TRY(CheckMessage(request));
  std::unique_ptr<Transport> transport = TRY(pool_->Take());
  Result<Response> response =
      transport->Perform(request, url, pool_->options(), handlers, cancel_fd);
  pool_->Return(std::move(transport));
  return response;
}

}  // namespace fabro::http
