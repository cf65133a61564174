// For attacks on the engine: commands that run beside others, and a caller that speaks to a jailer
// without the client.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/jail/protocol/messages.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/socket.h"
#include "fabro/linux/unique_fd.h"
#include "harness.h"

namespace fabro::security {

inline Deadline Patience() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }

// Has something to read, or is hung up, within our patience.
bool Readable(int fd);

struct Running {
  jail::Exec exec;
  UniqueFd out;
  UniqueFd in;
};

// Starts a command; with `line`, reads the first line that it writes.
Running StartIn(jail::Jail& jail, const model::ExecSpec& spec, std::string* line = nullptr);
model::ExecSpec True();

// A connection to a jailer.
class RawCaller {
 public:
  explicit RawCaller(UniqueFd connection) : connection_(std::move(connection)) {}

  Status Send(jail::protocol::Type type, std::string_view body, std::span<const int> fds = {}) {
    // A command with a number ends its Jail when it ends.
    const std::uint32_t request = type == jail::protocol::Type::kExec ? 0 : 1;
    return SendMessage(connection_.get(), jail::protocol::EncodeFrame(type, request, body), fds);
  }
  // Whether the jailer's next word is that.
  bool Answers(jail::protocol::Type expected);
  // What it says on the channel of a command that it refused.
  std::string Refusal(const model::ExecSpec& spec, std::vector<int> streams);
  // The channel of a command that was sent off, with /dev/null for its streams.
  UniqueFd Start(const model::ExecSpec& spec);
  UniqueFd& connection() { return connection_; }

 private:
  UniqueFd connection_;
};

}  // namespace fabro::security
