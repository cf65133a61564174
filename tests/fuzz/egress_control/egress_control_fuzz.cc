// Messages between faber-jailer and faber-egressd, and the allow list in text.
#include <cstdint>
#include <cstdlib>

#include "fabro/egress/wire/control.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace wire = fabro::egress::wire;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto message = wire::Decode(bytes)) (void)wire::DecodeError(message->body);
  if (const auto add = wire::DecodeAdd(bytes)) {
    (void)fabro::model::CheckEgress(add->policy);
    const auto again = wire::DecodeAdd(wire::Encode(*add));
    if (!again || again->policy != add->policy) std::abort();
  }
  if (const auto rule = fabro::model::ParseHostRule(bytes)) {
    const auto again = fabro::model::ParseHostRule(fabro::model::ToString(*rule));
    if (!again || *again != *rule) std::abort();
  }
  return 0;
}
