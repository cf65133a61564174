// "Streamable HTTP" (specification, "Transports"): every message of ours is a POST; the answer is
// JSON, or a stream of events that may break off and is taken up again by a GET with the last
// event's id. A GET of its own listens for what the server asks by itself.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "fabro/agent/mcp/transport.h"
#include "fabro/http/client.h"
#include "fabro/http/sse.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::agent::mcp {
namespace {

using model::Json;
using std::chrono::milliseconds;

constexpr int kMaxResumptions = 100;
constexpr milliseconds kDefaultRetry{1000};
constexpr milliseconds kLongestRetry{60'000};
constexpr milliseconds kOpening{1000};
constexpr std::string_view kDone = "mcp_done";  // Reason of an Error that ends a stream on purpose.

bool IsEventStream(const http::Headers& headers) {
  const std::string* type = http::FindHeader(headers, "content-type");
  return type != nullptr && type->starts_with("text/event-stream");
}

void Signal(int fd) {
  const std::uint64_t one = 1;
  if (fd >= 0) (void)!::write(fd, &one, sizeof one);
}

// Where a stream stands, so that it can be taken up again.
struct Place {
  std::string last_id;
  milliseconds retry = kDefaultRetry;
};

class HttpTransport final : public Transport {
 public:
  explicit HttpTransport(HttpServer server) : server_(std::move(server)) {}
  HttpTransport(const HttpTransport&) = delete;
  HttpTransport& operator=(const HttpTransport&) = delete;

  ~HttpTransport() override {
    Signal(stop_.get());
    if (listener_.joinable()) listener_.join();
    EndSession();
  }

  // The answer may come on the stream of the request, on one that takes it up again, or on the one
  // that listens.
  Result<Message> Exchange(const Json& request, Deadline deadline, int cancel_fd) override {
    const std::lock_guard one(exchanging_);
    Wanted wanted{.id = *request.Find("id"), .found = {}, .place = {}, .opened_fd = -1};
    const UniqueFd woken = TRY(Expect(wanted.id, cancel_fd));
    const Status streamed = StreamUntilFound(request, wanted, deadline, woken.get());
    const std::lock_guard lock(mutex_);
    expected_ = Json();
    if (elsewhere_) return *std::exchange(elsewhere_, std::nullopt);
    if (!streamed.ok()) return streamed.error();
    if (wanted.found) return *std::move(wanted.found);
    return Failure(Code::kUnavailable, "the server ended its stream without an answer", "mcp_gone");
  }

  Status Notify(const Json& notification, Deadline deadline) override {
    http::Request post = TRY(Base("POST", deadline));
    post.body = notification.Dump();
    const http::Response response = TRY(client_.Send(post));
    return CheckStatus(response.status);
  }

  void Agreed(const std::string& protocol) override {
    {
      const std::lock_guard lock(mutex_);
      protocol_ = protocol;
    }
    stop_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    listening_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stop_ || !listening_) return;
    listener_ = std::thread([this] { Listen(); });
    // Before anything is asked, so that no question of the server finds nobody. A server may hold
    // the answer back until it has something to say.
    (void)PollOne(listening_.get(), POLLIN, std::chrono::steady_clock::now() + kOpening);
  }

 private:
  struct Wanted {
    Json id;
    std::optional<Message> found;
    Place place;
    int opened_fd = -1;  // An eventfd to tell when an answer began.
  };

  // A descriptor that is readable on cancel, and when the listener has found the answer.
  Result<UniqueFd> Expect(const Json& id, int cancel_fd) {
    const std::lock_guard lock(mutex_);
    expected_ = id;
    elsewhere_.reset();
    if (!arrived_) arrived_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    UniqueFd both(::epoll_create1(EPOLL_CLOEXEC));
    if (!arrived_ || !both) return SysFailure("eventfd");
    std::uint64_t count = 0;
    (void)!::read(arrived_.get(), &count, sizeof count);
    for (const int fd : {arrived_.get(), cancel_fd}) {
      epoll_event event{};
      event.events = EPOLLIN;
      if (fd >= 0 && ::epoll_ctl(both.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        return SysFailure("epoll_ctl");
      }
    }
    return both;
  }

  Status StreamUntilFound(const Json& request, Wanted& wanted, Deadline deadline, int cancel_fd) {
    http::Request post = TRY(Base("POST", deadline));
    post.body = request.Dump();
    TRY(Stream(post, wanted, cancel_fd));
    for (int i = 0; !wanted.found && i < kMaxResumptions; ++i) {
      if (wanted.place.last_id.empty()) break;
      TRY(Pause(wanted.place.retry, deadline, cancel_fd));
      http::Request get = TRY(Base("GET", deadline));
      get.headers.push_back({"Last-Event-ID", wanted.place.last_id});
      TRY(Stream(get, wanted, cancel_fd));
    }
    return {};
  }

  Result<http::Request> Base(const std::string& method, Deadline deadline) {
    http::Request request;
    request.method = method;
    request.url = server_.url;
    request.headers = {{"Accept", "application/json, text/event-stream"}};
    if (method == "GET") request.headers = {{"Accept", "text/event-stream"}};
    if (method == "POST") request.headers.push_back({"Content-Type", "application/json"});
    for (const auto& [name, value] : server_.headers) request.headers.push_back({name, value});
    {
      const std::lock_guard lock(mutex_);
      if (!session_.empty()) request.headers.push_back({"Mcp-Session-Id", session_});
      if (!protocol_.empty()) request.headers.push_back({"MCP-Protocol-Version", protocol_});
    }
    if (deadline) {
      const auto left = *deadline - std::chrono::steady_clock::now();
      request.timeouts.total = std::max<Nanos>(left, milliseconds(1));
    }
    if (server_.admit) {
      const http::UrlParts url = TRY(http::ParseUrl(server_.url));
      request.pinned_address = TRY(server_.admit(url.host, url.port));
    }
    return request;
  }

  static Status CheckStatus(int status) {
    if (status >= 200 && status < 300) return {};
    if (status == 401 || status == 403) {
      return Failure(Code::kUnauthenticated, "the server wants authorization", "mcp_unauthorized",
                     "configure its headers; OAuth is not supported");
    }
    return Failure(Code::kUnavailable, "the server answered " + std::to_string(status),
                   "mcp_status");
  }

  // Sends, reads what comes back, and answers what the server asks meanwhile.
  Status Stream(const http::Request& request, Wanted& wanted, int cancel_fd) {
    http::SseParser parser;
    int status = 0;
    bool events = false;
    std::string body;
    http::Handlers handlers;
    handlers.head = [&](const http::Head& head) -> Status {
      status = head.status;
      events = IsEventStream(head.headers);
      Signal(wanted.opened_fd);
      if (const std::string* id = http::FindHeader(head.headers, "mcp-session-id")) {
        const std::lock_guard lock(mutex_);
        if (session_.empty()) session_ = *id;
      }
      return {};
    };
    handlers.body = [&](std::string_view bytes) -> Status {
      if (!events) {
        body.append(bytes);
        return {};
      }
      return parser.Feed(bytes, [&](const http::SseEvent& event) -> Status {
        if (!event.id.empty()) wanted.place.last_id = event.id;
        TRY(Take(event.data, wanted));
        if (!wanted.found) return {};
        return Failure(Code::kCancelled, "done", std::string(kDone));
      });
    };
    const auto sent = client_.Send(request, handlers, cancel_fd);
    if (parser.retry()) wanted.place.retry = std::min(*parser.retry(), kLongestRetry);
    if (!sent.ok() && sent.error().reason != kDone) {
      // A stream that broke after it began can be taken up again.
      const bool resumable = events && !wanted.place.last_id.empty();
      if (!resumable || sent.error().reason != "http_broken") return sent.error();
      return {};
    }
    TRY(CheckStatus(status));
    return events ? Status() : Take(body, wanted);
  }

  // One message, or none.
  Status Take(const std::string& text, Wanted& wanted) {
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) return {};
    Message message = TRY(ParseMessage(text));
    if (message.kind == Message::Kind::kRequest) {
      const Deadline soon = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      return Notify(AnswerServer(message), soon);
    }
    if (message.kind != Message::Kind::kResponse) return {};
    if (message.id.IsNull() || message.id == wanted.id) {
      wanted.found = std::move(message);
      return {};
    }
    const std::lock_guard lock(mutex_);
    if (message.id != expected_ || elsewhere_) return {};
    elsewhere_ = std::move(message);
    Signal(arrived_.get());
    return {};
  }

  static Status Pause(milliseconds span, Deadline deadline, int cancel_fd) {
    const auto until = std::chrono::steady_clock::now() + span;
    if (deadline && *deadline < until) {
      return Failure(Code::kDeadlineExceeded, "the server did not answer in time", "mcp_timeout");
    }
    const short woken = TRY(PollOne(cancel_fd, POLLIN, until));  // -1 is never ready.
    if (woken != 0) return Failure(Code::kCancelled, "cancelled", "mcp_canceled");
    return {};
  }

  // The thread that listens. A server that does not offer it says 405, and that is that.
  void Listen() {
    Wanted nothing{.id = Json("none"),  // No id of ours.
                   .found = {},
                   .place = {},
                   .opened_fd = listening_.get()};
    for (int i = 0; i < kMaxResumptions; ++i) {
      auto get = Base("GET", std::nullopt);
      if (!get.ok()) return;
      if (!nothing.place.last_id.empty()) {
        get->headers.push_back({"Last-Event-ID", nothing.place.last_id});
      }
      const Status streamed = Stream(*get, nothing, stop_.get());
      Signal(listening_.get());
      if (!streamed.ok()) return;
      if (!Pause(nothing.place.retry, std::nullopt, stop_.get()).ok()) return;
    }
  }

  // Politeness; the server forgets us anyway.
  void EndSession() {
    {
      const std::lock_guard lock(mutex_);
      if (session_.empty()) return;
    }
    auto request = Base("DELETE", std::chrono::steady_clock::now() + std::chrono::seconds(2));
    if (request.ok()) (void)client_.Send(*request);
  }

  HttpServer server_;
  http::Client client_{{.max_body_bytes = std::uint64_t{32} << 20U}};
  std::mutex exchanging_;
  std::mutex mutex_;                  // What follows, down to the threads' own.
  Json expected_;                     // The id of the exchange that goes on.
  std::optional<Message> elsewhere_;  // Its answer, when the listener got it.
  UniqueFd arrived_;
  std::string session_;
  std::string protocol_;
  UniqueFd stop_;
  UniqueFd listening_;
  std::thread listener_;
};

}  // namespace

std::unique_ptr<Transport> MakeHttpTransport(HttpServer server) {
  return std::make_unique<HttpTransport>(std::move(server));
}

}  // namespace fabro::agent::mcp
