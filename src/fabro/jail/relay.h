// The caller's half of a command's standard streams: pipes of our own, read as they fill, counted
// against the output limit, with an optional source for stdin. The guest never gets a descriptor of
// the caller (isolation engine, section 2.4 "Stdio").
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/jail/jail.h"
#include "fabro/model/outcome.h"

namespace fabro::jail {

enum class Stream { kStdout, kStderr };

struct RelayOptions {
  // Called as bytes come, in order per stream, from the relaying thread. An Error ends the command.
  std::function<Status(Stream, std::string_view)> on_output;
  // Fed to the guest; -1: /dev/null. Not owned; read with poll, never made non-blocking.
  int stdin_fd = -1;
  // Readable means: cancel (an eventfd, a signalfd). -1: never. Not owned.
  int cancel_fd = -1;
  // Ends the command when it is over; beside the ExecSpec's wall limit, which the jailer holds.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  std::chrono::milliseconds grace{2000};  // Between SIGTERM and the kill.
  // After the leader has ended, how long a background process may hold the pipes open.
  std::chrono::milliseconds drain{1000};
};

struct Relayed {
  model::Outcome outcome;
  std::uint64_t stdout_bytes = 0;  // Delivered; at the output limit exactly the limit.
  std::uint64_t stderr_bytes = 0;
};

// Starts `spec` (without tty) in the Jail and stays with it to the end.
Result<Relayed> RunRelayed(Jail& jail, const model::ExecSpec& spec, const RelayOptions& options);

// Jail::StartAlone and the same: the launch of one command in a Jail of its own. `Relayed` comes
// when no process of the guest is left.
struct RanAlone {
  Relayed relayed;
  model::SandboxInfo info;
};
Result<RanAlone> RunAlone(Jailer jailer, const model::SandboxSpec& sandbox,
                          const model::ExecSpec& spec, const RelayOptions& options);

}  // namespace fabro::jail
