// The head that every packet has: whose it is, which version, which message, answer to what.
#include <array>

#include "fabro/base/bytes.h"
#include "fabro/jail/protocol/messages.h"

namespace fabro::jail::protocol {
namespace {

constexpr const char* kOneBuild = "use faber and faber-jailer of one build";

bool IsKnown(std::uint16_t type) {
  constexpr std::array kKnown = {Type::kHello,  Type::kCreate,    Type::kExec,     Type::kInfo,
                                 Type::kStop,   Type::kHelloOk,   Type::kReady,    Type::kStopped,
                                 Type::kSignal, Type::kTerminate, Type::kAccepted, Type::kOutcome,
                                 Type::kError};
  for (const Type known : kKnown) {
    if (static_cast<std::uint16_t>(known) == type) return true;
  }
  return false;
}

}  // namespace

std::string EncodeFrame(Type type, std::uint32_t request, std::string_view body) {
  ByteWriter out;
  out.U32(kMagic);
  out.U16(kVersion);
  out.U16(static_cast<std::uint16_t>(type));
  out.U32(request);
  std::string packet = out.Take();
  packet.append(body);
  return packet;
}

Result<Frame> DecodeFrame(std::string_view packet) {
  constexpr std::size_t kFrameBytes = 12;
  ByteReader in(packet);
  const std::uint32_t magic = in.U32();
  const std::uint16_t version = in.U16();
  const std::uint16_t type = in.U16();
  const std::uint32_t request = in.U32();
  if (in.bad() || magic != kMagic) {
    return Failure(Code::kInvalidArgument, "malformed message: frame", "protocol_error", kOneBuild);
  }
  if (version != kVersion) {
    return Failure(Code::kFailedPrecondition,
                   "the other side speaks protocol version " + std::to_string(version) +
                       ", this one " + std::to_string(kVersion),
                   "protocol_error", kOneBuild);
  }
  if (!IsKnown(type)) {
    return Failure(Code::kInvalidArgument, "malformed message: type " + std::to_string(type),
                   "protocol_error", kOneBuild);
  }
  return Frame{
      .type = static_cast<Type>(type), .request = request, .body = packet.substr(kFrameBytes)};
}

}  // namespace fabro::jail::protocol
