// Bytes as they may come over the jailer's sockets: every decoder must give a value or an Error,
// and what it gives must survive being written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fabro/jail/protocol/messages.h"

namespace {

using namespace fabro::jail::protocol;

void Require(bool holds) {
  if (!holds) std::abort();
}

template <typename T, typename Decode>
void RoundTrip(std::string_view body, Decode decode) {
  const fabro::Result<T> value = decode(body);
  if (!value) return;
  const std::string again = Encode(*value);
  const fabro::Result<T> second = decode(again);
  Require(second.has_value() && Encode(*second) == again);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto frame = DecodeFrame(bytes);
  const std::string_view body = frame ? frame->body : bytes;
  RoundTrip<fabro::model::SandboxSpec>(body, DecodeSandboxSpec);
  RoundTrip<StartExec>(body, DecodeStartExec);
  RoundTrip<Signal>(body, DecodeSignal);
  RoundTrip<Terminate>(body, DecodeTerminate);
  RoundTrip<fabro::model::SandboxInfo>(body, DecodeSandboxInfo);
  RoundTrip<fabro::model::Outcome>(body, DecodeOutcome);
  (void)DecodeError(body);
  return 0;
}
