// A server that is our child: a message a line on its standard input and output (specification,
// "Transports", stdio). What it says on standard error is its own affair.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <optional>
#include <utility>

#include "fabro/agent/mcp/transport.h"
#include "fabro/linux/file.h"
#include "fabro/linux/process.h"
#include "fabro/linux/spawn.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::agent::mcp {
namespace {

using model::Json;

constexpr std::size_t kMaxLine = std::size_t{32} << 20U;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> MakePipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return SysFailure("pipe2");
  return Pipe{.read = UniqueFd(ends[0]), .write = UniqueFd(ends[1])};
}

class StdioTransport final : public Transport {
 public:
  StdioTransport(Process process, UniqueFd to, UniqueFd from)
      : process_(std::move(process)), to_(std::move(to)), from_(std::move(from)) {}

  StdioTransport(const StdioTransport&) = delete;
  StdioTransport& operator=(const StdioTransport&) = delete;
  // The server may have children of its own; it began a session.
  ~StdioTransport() override { (void)::kill(-process_.pid(), SIGKILL); }

  Result<Message> Exchange(const Json& request, Deadline deadline, int cancel_fd) override {
    const std::lock_guard one(mutex_);
    TRY(Write(request, deadline, cancel_fd));
    for (;;) {
      const std::string line = TRY(ReadLine(deadline, cancel_fd));
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      const Message message = TRY(ParseMessage(line));
      if (message.kind == Message::Kind::kRequest) {
        TRY(Write(AnswerServer(message), deadline, cancel_fd));
      } else if (message.kind == Message::Kind::kResponse &&
                 (message.id.IsNull() || message.id == *request.Find("id"))) {
        return message;
      }
    }
  }

  Status Notify(const Json& notification, Deadline deadline) override {
    const std::lock_guard one(mutex_);
    return Write(notification, deadline, -1);
  }

  void Agreed(const std::string&) override {}

 private:
  static Error Gone() { return Failure(Code::kUnavailable, "the server has ended", "mcp_gone"); }

  // Until `fd` is ready.
  static Status Wait(int fd, short events, Deadline deadline, int cancel_fd) {
    std::array<pollfd, 2> fds{{{.fd = fd, .events = events, .revents = 0},
                               {.fd = cancel_fd, .events = POLLIN, .revents = 0}}};
    const int ready = TRY(Poll(fds, deadline));
    if (ready == 0) {
      return Failure(Code::kDeadlineExceeded, "the server did not answer in time", "mcp_timeout");
    }
    if (fds[1].revents != 0) return Failure(Code::kCancelled, "cancelled", "mcp_canceled");
    return {};
  }

  Status Write(const Json& json, Deadline deadline, int cancel_fd) {
    const std::string line = json.Dump() + "\n";
    for (std::string_view rest = line; !rest.empty();) {
      TRY(Wait(to_.get(), POLLOUT, deadline, cancel_fd));
      const ssize_t wrote = ::write(to_.get(), rest.data(), rest.size());
      if (wrote < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (wrote < 0) return Gone();
      rest.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return {};
  }

  Result<std::string> ReadLine(Deadline deadline, int cancel_fd) {
    for (std::size_t looked = 0;;) {
      const std::size_t end = buffer_.find('\n', looked);
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      looked = buffer_.size();
      if (looked > kMaxLine) {
        return Failure(Code::kResourceExhausted, "a message is too large", "mcp_too_large");
      }
      TRY(Wait(from_.get(), POLLIN, deadline, cancel_fd));
      std::array<char, 65536> chunk{};
      const ssize_t got = ::read(from_.get(), chunk.data(), chunk.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got <= 0) return Gone();
      buffer_.append(chunk.data(), static_cast<std::size_t>(got));
    }
  }

  std::mutex mutex_;
  Process process_;
  UniqueFd to_;
  UniqueFd from_;
  std::string buffer_;
};

}  // namespace

Result<std::unique_ptr<Transport>> StartStdioTransport(StdioServer server) {
  Pipe in = TRY(MakePipe());
  Pipe out = TRY(MakePipe());
  SpawnRequest request;
  request.argv = std::move(server.argv);
  request.env = std::move(server.env);
  request.cwd = std::move(server.cwd);
  request.in = in.read.get();
  request.out = out.write.get();
  request.new_session = true;
  Process process = TRY(Spawn(request));
  // A server that does not read must not hold us up.
  (void)::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  return std::unique_ptr<Transport>(std::make_unique<StdioTransport>(
      std::move(process), std::move(in.write), std::move(out.read)));
}

}  // namespace fabro::agent::mcp
