#include "raw_caller.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <utility>

#include "fabro/linux/socket.h"

namespace fabro::security {

using jail::protocol::Type;

bool Readable(int fd) {
  const auto events = PollOne(fd, POLLIN, Patience());
  return events.ok() && *events != 0;
}

Running StartIn(jail::Jail& jail, const model::ExecSpec& spec, std::string* line) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd out(ends[0]);
  jail::GuestStdio stdio;
  stdio.out = UniqueFd(ends[1]);
  int feed[2] = {-1, -1};
  EXPECT_EQ(::pipe2(feed, O_CLOEXEC), 0);
  stdio.in = UniqueFd(feed[0]);
  stdio.err = UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  auto exec = jail.Start(spec, std::move(stdio));
  EXPECT_TRUE(exec.ok()) << exec.error().ToString();
  for (char c = 0; line != nullptr && ::read(out.get(), &c, 1) == 1 && c != '\n';)
    line->push_back(c);
  return {*std::move(exec), std::move(out), UniqueFd(feed[1])};
}

model::ExecSpec True() {
  model::ExecSpec spec;
  spec.argv = {"/bin/true"};
  return spec;
}

bool RawCaller::Answers(Type expected) {
  if (!Readable(connection_.get())) return false;
  const auto message =
      ReceiveMessage(connection_.get(), jail::protocol::kMaxMessage, jail::protocol::kMaxFds);
  if (!message || message->closed) return false;
  const auto frame = jail::protocol::DecodeFrame(message->bytes);
  return frame.ok() && frame->type == expected;
}

std::string RawCaller::Refusal(const model::ExecSpec& spec, std::vector<int> streams) {
  auto pair = MakeSocketPair(SocketType::kSeqPacket);
  if (!pair) return "socketpair";
  streams.insert(streams.begin(), pair->second.get());
  if (!Send(Type::kExec, jail::protocol::Encode(jail::protocol::StartExec{.spec = spec}),
            streams)) {
    return "send";
  }
  pair->second.reset();
  if (!Readable(pair->first.get())) return "no answer";
  const auto message = ReceiveMessage(pair->first.get(), jail::protocol::kMaxMessage, 1);
  if (!message || message->closed) return "closed";
  const auto frame = jail::protocol::DecodeFrame(message->bytes);
  if (!frame || frame->type != Type::kError) return "accepted";
  return jail::protocol::DecodeError(frame->body).reason;
}

UniqueFd RawCaller::Start(const model::ExecSpec& spec) {
  auto pair = MakeSocketPair(SocketType::kSeqPacket);
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!pair || !null) return {};
  const int fds[] = {pair->second.get(), null.get(), null.get(), null.get()};
  const auto body = jail::protocol::Encode(jail::protocol::StartExec{.spec = spec});
  if (!Send(Type::kExec, body, fds)) return {};
  return std::move(pair->first);
}

}  // namespace fabro::security
