// What a caller and its jailer say to each other, over AF_UNIX SOCK_SEQPACKET: one message a
// packet, a frame (magic, version, type, request number) and a body in the form of bytes.h.
//
//   connection    kHello, kCreate, kExec, kInfo, kStop; each but kExec gets one reply with its
//                 number. Requests may follow each other without a wait for the replies.
//   exec channel  a socket pair of its own for each Exec, passed in kExec: the caller sends kSignal
//                 and kTerminate, the jailer kAccepted or kError, then kOutcome. Its hang-up
//                 cancels.
//
// Host paths never cross as text: kCreate carries an O_PATH descriptor for each, in the order root
// directory (of RootSource::kDir), workspace directory (disk), binds. The jailer believes nothing:
// every length is checked here and the whole plan is validated again (isolation.md 2.1).
//
// All functions are pure. Decoders give kInvalidArgument "protocol_error" and never read past the
// end.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/model/outcome.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail::protocol {

inline constexpr std::uint32_t kMagic = 0x46424A52;  // "FBJR"
inline constexpr std::uint16_t kVersion = 3;
inline constexpr std::size_t kMaxMessage = 192 * 1024;  // Below the default SO_SNDBUF.
inline constexpr std::size_t kMaxFds = 96;
inline constexpr std::size_t kMaxBinds = 32;

enum class Type : std::uint16_t {
  // caller -> jailer, on the connection
  kHello = 1,   // No body. Reply: kHelloOk.
  kCreate = 2,  // SandboxSpec, descriptors of its paths. Reply: kReady or kError.
  kExec = 3,    // StartExec, fds: exec channel, then stdin, stdout, stderr unless tty.
  kInfo = 4,    // No body. Reply: kReady or kError (jail_gone).
  kStop = 5,    // No body. Reply: kStopped or kError; then the jailer hangs up.
  // jailer -> caller, on the connection
  kHelloOk = 20,
  kReady = 21,  // SandboxInfo
  kStopped = 22,
  // caller -> jailer, on an exec channel
  kSignal = 40,     // Signal
  kTerminate = 41,  // Terminate
  // jailer -> caller, on an exec channel
  kAccepted = 60,  // No body; fd: the terminal's master side when it was asked for.
  kOutcome = 61,   // Outcome
  // either channel, jailer -> caller
  kError = 80,  // Error
};

struct Frame {
  Type type = Type::kError;
  std::uint32_t request = 0;  // The reply has the number of its request. 0 on exec channels.
  std::string_view body;      // Points into the packet.
};

std::string EncodeFrame(Type type, std::uint32_t request, std::string_view body = {});
Result<Frame> DecodeFrame(std::string_view packet);

struct StartExec {
  model::ExecSpec spec;
  bool file_helper = false;  // Our own program instead of spec.argv[0].
  // The Jail ends with this command as if kStop followed; the reply, kStopped, has the number of
  // the kExec. That no guest is left is already in the Outcome (cleanup_succeeded).
  bool then_stop = false;
  std::uint16_t rows = 24;  // Of the terminal.
  std::uint16_t columns = 80;
  friend bool operator==(const StartExec&, const StartExec&) = default;
};

struct Signal {
  std::int32_t number = 0;
};

struct Terminate {
  model::Fate fate = model::Fate::kCancelled;
  std::chrono::milliseconds grace{0};
};

// HostPaths are left out (see above): the decoded ones are empty.
std::string Encode(const model::SandboxSpec& spec);
std::string Encode(const StartExec& start);
std::string Encode(const Signal& signal);
std::string Encode(const Terminate& terminate);
std::string Encode(const model::SandboxInfo& info);
std::string Encode(const model::Outcome& outcome);
std::string Encode(const Error& error);  // Without `where`.

Result<model::SandboxSpec> DecodeSandboxSpec(std::string_view body);
Result<StartExec> DecodeStartExec(std::string_view body);
Result<Signal> DecodeSignal(std::string_view body);
Result<Terminate> DecodeTerminate(std::string_view body);
Result<model::SandboxInfo> DecodeSandboxInfo(std::string_view body);
Result<model::Outcome> DecodeOutcome(std::string_view body);
// The Error that was sent; of bytes that are none, the Error that says so.
Error DecodeError(std::string_view body);

}  // namespace fabro::jail::protocol
