// Google's Gemini format: https://ai.google.dev/api/generate-content. Pure. Spec: agent 7.4.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fabro/agent/llm/catalog.h"
#include "fabro/agent/llm/wire/builder.h"
#include "fabro/agent/llm/wire/exchange.h"
#include "fabro/model/json.h"

namespace fabro::llm::gemini {

// The body of POST …:generateContent and …:streamGenerateContent. `info` may be null.
Result<std::string> Encode(const Request& request, const std::string& provider,
                           const ModelInfo* info, std::vector<std::string>& warnings);

// A JSON Schema as the part of OpenAPI's that this provider takes: what it does not know is left
// out, `const`, `oneOf` and lists of types are said its way.
model::Json ReduceSchema(const model::Json& schema);

class GeminiDecoder : public Decoder {
 public:
  GeminiDecoder(const Sink& sink, std::string provider, std::string model, std::string key)
      : builder_(sink, provider, std::move(model)),
        provider_(std::move(provider)),
        key_(std::move(key)) {}

  Status Event(const http::SseEvent& event) override;
  Status Whole(std::string_view body) override;
  Result<Response> Finish() override;
  bool began() const override { return builder_.began(); }

 private:
  Status Chunk(const model::Json& chunk, std::string_view text);
  Status Part(const model::Json& part);
  Status Spoken(const model::Json& part, bool thought);
  void TakeUsage(const model::Json* usage);
  void TakeFinish(const std::string& reason);

  ResponseBuilder builder_;
  std::string provider_;
  std::string key_;
  std::optional<std::size_t> open_;  // A text or a thought that may go on.
  bool open_is_thought_ = false;
  bool started_ = false;
  bool finished_ = false;
  bool has_calls_ = false;
};

}  // namespace fabro::llm::gemini
