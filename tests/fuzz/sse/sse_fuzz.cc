// Server-sent events: whatever comes and however it is cut, the events are the same, and none is
// larger than allowed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fabro/http/sse.h"

namespace {

constexpr std::size_t kLimit = 4096;

// All events as one text; "!" where the parser refused.
std::string Parse(std::string_view bytes, std::size_t step) {
  fabro::http::SseParser parser(kLimit);
  std::string seen;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const auto fed = parser.Feed(bytes.substr(at, step),
                                 [&](const fabro::http::SseEvent& event) -> fabro::Status {
                                   if (event.data.size() > kLimit) std::abort();
                                   seen += event.event + "|" + event.data + "|" + event.id + "\n";
                                   return {};
                                 });
    if (!fed.ok()) return seen + "!";
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (Parse(bytes, 1) != Parse(bytes, size + 1)) std::abort();
  return 0;
}
