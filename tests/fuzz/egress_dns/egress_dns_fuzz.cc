// A guest's questions: parsing never reads past the end, and every answer is one that fits.
#include <cstdint>
#include <cstdlib>

#include "fabro/egress/parse/dns.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace dns = fabro::egress::dns;
  const auto parsed = dns::ParseQuery({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  const auto address = fabro::model::ParseIpAddress("fd66:6b::1");
  const std::string answer = dns::BuildAnswer(parsed->query, parsed->trouble, address, 30);
  if (answer.size() > dns::kMaxMessage + 64 || dns::ParseQuery(answer)) std::abort();
  return 0;
}
