// First bytes of HTTP: what is read of a whole head is not read of a part of it.
#include <cstdint>
#include <cstdlib>

#include "fabro/egress/parse/first_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fabro::egress::FirstBytes;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const FirstBytes whole = fabro::egress::ReadRequestHead(bytes);
  const FirstBytes part = fabro::egress::ReadRequestHead(bytes.substr(0, size / 2));
  const bool named = part.state == FirstBytes::State::kName;
  if (named && (whole.state != FirstBytes::State::kName || whole.name != part.name)) std::abort();
  return 0;
}
