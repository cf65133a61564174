// A provider that is called over HTTP in one of the four wire formats.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fabro/agent/llm/catalog.h"
#include "fabro/agent/llm/wire/exchange.h"

namespace fabro::llm {

// No useful answer is longer; the http::Client of an adapter is made with this.
inline constexpr std::uint64_t kMaxAnswerBytes = 16 * 1024 * 1024;

enum class Api {
  kAnthropic,         // Messages
  kOpenAi,            // Responses
  kOpenAiCompatible,  // Chat Completions
  kGemini,
};

// "anthropic", "openai", "openai_compatible", "gemini": what settings say.
std::optional<Api> ParseApi(std::string_view word);
std::string_view ToString(Api api);

class HttpAdapter : public Adapter {
 public:
  HttpAdapter(Api api, Endpoint endpoint, std::shared_ptr<http::Client> client,
              std::shared_ptr<const Catalog> catalog)
      : api_(api),
        endpoint_(std::move(endpoint)),
        client_(std::move(client)),
        catalog_(std::move(catalog)) {}

  Result<Response> Call(const Request& request, const Sink& sink, int cancel_fd,
                        CallInfo& info) override;

 private:
  Result<Post> PostOf(const Request& request, bool stream,
                      std::vector<std::string>& warnings) const;
  std::unique_ptr<Decoder> DecoderOf(const Request& request, const Sink& sink) const;

  Api api_;
  Endpoint endpoint_;
  std::shared_ptr<http::Client> client_;
  std::shared_ptr<const Catalog> catalog_;
};

}  // namespace fabro::llm
