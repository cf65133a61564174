#include "fabro/runs/control_socket.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

#include "fabro/codec/json/json.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/socket.h"
#include "fabro/runs/paths.h"

namespace fabro::runs {
namespace {

constexpr std::size_t kMaxMessage = std::size_t{64} << 10U;
constexpr std::chrono::seconds kPatience{5};  // With a peer that connected and says nothing.

}  // namespace

Result<std::unique_ptr<ControlSocket>> ControlSocket::Listen(const std::string& path, Answer answer,
                                                             int signal_fd,
                                                             std::function<void()> on_signal) {
  UniqueFd listener = TRY(ListenUnix(path, SocketType::kSeqPacket, 0600));
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop) return SysFailure("eventfd");
  return std::unique_ptr<ControlSocket>(new ControlSocket(path, std::move(listener),
                                                          std::move(stop), std::move(answer),
                                                          signal_fd, std::move(on_signal)));
}

ControlSocket::ControlSocket(std::string path, UniqueFd listener, UniqueFd stop, Answer answer,
                             int signal_fd, std::function<void()> on_signal)
    : path_(std::move(path)),
      listener_(std::move(listener)),
      stop_(std::move(stop)),
      answer_(std::move(answer)),
      signal_fd_(signal_fd),
      on_signal_(std::move(on_signal)),
      thread_([this] { Serve(); }) {}

ControlSocket::~ControlSocket() {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  thread_.join();
  (void)::unlink(path_.c_str());
}

void ControlSocket::Serve() {
  for (;;) {
    std::array<pollfd, 3> fds{pollfd{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                              pollfd{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                              pollfd{.fd = signal_fd_, .events = POLLIN, .revents = 0}};
    if (!Poll(fds).ok() || fds[0].revents != 0) return;
    if (fds[2].revents != 0) on_signal_();
    if (fds[1].revents != 0) Greet();
  }
}

// One request of one peer. Requests are small and answered at once, so peers take turns.
void ControlSocket::Greet() {
  const auto peer = Accept(listener_.get());
  if (!peer.ok()) return;
  const auto who = PeerCredentials(peer->get());
  // The directory keeps others out already; this holds when its mode was changed.
  if (!who.ok() || who->uid != ::geteuid()) return;
  const auto ready = PollOne(peer->get(), POLLIN, std::chrono::steady_clock::now() + kPatience);
  if (!ready.ok() || *ready == 0) return;
  const auto message = ReceiveMessage(peer->get(), kMaxMessage, 0);
  if (!message.ok() || message->closed) return;
  const auto request = codec::ParseJson(message->bytes);
  if (!request.ok()) return;
  (void)SendMessage(peer->get(), answer_(*request).Dump());  // A peer that left wants no answer.
}

Result<model::Json> AskWorker(const std::string& run_dir, const model::Json& request) {
  auto socket = ConnectUnix(ControlSocketPath(run_dir), SocketType::kSeqPacket);
  const auto unreachable = [](const Error& error) {
    return Failure(Code::kUnavailable, "the run's worker does not listen: " + error.message,
                   "worker_unreachable");
  };
  if (!socket.ok()) return unreachable(socket.error());
  const Status sent = SendMessage(socket->get(), request.Dump());
  if (!sent.ok()) return unreachable(sent.error());
  const auto ready =
      TRY(PollOne(socket->get(), POLLIN, std::chrono::steady_clock::now() + 2 * kPatience));
  if (ready == 0) {
    return Failure(Code::kUnavailable, "the run's worker does not answer", "worker_unreachable");
  }
  auto answer = ReceiveMessage(socket->get(), kMaxMessage, 0);
  if (!answer.ok()) return unreachable(answer.error());
  if (answer->closed) {
    return Failure(Code::kUnavailable, "the run's worker ended", "worker_unreachable");
  }
  return codec::ParseJson(answer->bytes);
}

}  // namespace fabro::runs
