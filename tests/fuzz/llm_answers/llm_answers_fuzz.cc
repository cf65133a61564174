// The four wire formats' answers, whole and streamed, and their errors: the first byte chooses.
// Nothing crashes, a response that is given out is whole, and its calls have ids.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "fabro/agent/llm/anthropic/wire.h"
#include "fabro/agent/llm/gemini/wire.h"
#include "fabro/agent/llm/openai/wire.h"
#include "fabro/agent/llm/openai_compatible/wire.h"

using namespace fabro::llm;  // NOLINT(google-build-using-namespace): a fuzz target.

namespace {

std::unique_ptr<Decoder> Make(int format, const Sink& sink) {
  switch (format) {
    case 0:
      return std::make_unique<anthropic::MessagesDecoder>(sink, "p", "m", "key");
    case 1:
      return std::make_unique<responses::ResponsesDecoder>(sink, "p", "m", "key");
    case 2:
      return std::make_unique<chat::ChatDecoder>(sink, "p", "m", "key");
    default:
      return std::make_unique<gemini::GeminiDecoder>(sink, "p", "m", "key");
  }
}

void Check(const Response& response) {
  if (response.usage.total() < 0 && response.usage.input_tokens < 0) std::abort();
  for (const ToolCallPart* call : ToolCallsOf(response.message)) {
    if (call->id.empty() || call->arguments.empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int choice = data[0] % 9;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (choice == 8) {
    (void)ErrorOfAnswer("p", data[0] * 4, bytes, "key");
    (void)RetryAfterOf({{.name = "retry-after", .value = std::string(bytes.substr(0, 64))}}, bytes,
                       fabro::RealClock());
    return 0;
  }
  const Sink sink = [](const StreamEvent&) -> fabro::Status { return {}; };
  const std::unique_ptr<Decoder> decoder = Make(choice % 4, sink);
  fabro::Status read;
  if (choice < 4) {
    fabro::http::SseParser events(1 << 20);
    read = events.Feed(bytes, [&](const fabro::http::SseEvent& e) { return decoder->Event(e); });
  } else {
    read = decoder->Whole(bytes);
  }
  if (!read.ok()) return 0;
  const fabro::Result<Response> response = decoder->Finish();
  if (response.ok()) Check(*response);
  return 0;
}
