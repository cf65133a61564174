// OpenAI's Chat Completions format, which most other servers speak:
// https://platform.openai.com/docs/api-reference/chat. Pure. Spec: agent 7.3.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fabro/agent/llm/catalog.h"
#include "fabro/agent/llm/wire/builder.h"
#include "fabro/agent/llm/wire/exchange.h"
#include "fabro/model/json.h"

namespace fabro::llm::chat {

// The body of POST …/chat/completions. `info` may be null.
Result<std::string> Encode(const Request& request, const std::string& provider,
                           const ModelInfo* info, bool stream, std::vector<std::string>& warnings);

class ChatDecoder : public Decoder {
 public:
  ChatDecoder(const Sink& sink, std::string provider, std::string model, std::string key)
      : builder_(sink, provider, std::move(model)),
        provider_(std::move(provider)),
        key_(std::move(key)) {}

  Status Event(const http::SseEvent& event) override;
  Status Whole(std::string_view body) override;
  Result<Response> Finish() override;
  bool began() const override { return builder_.began(); }

 private:
  struct Call {
    std::size_t part = 0;
    std::string id;
  };
  Status Content(const model::Json& delta);
  Status ToolCalls(const model::Json& calls);
  Status Text(std::string_view text);
  Status Reasoning(std::string_view text);
  void TakeUsage(const model::Json* usage);

  ResponseBuilder builder_;
  std::string provider_;
  std::string key_;
  std::optional<std::size_t> text_;  // Open parts.
  std::optional<std::size_t> reasoning_;
  std::map<std::int64_t, Call> calls_;  // By the provider's index.
  bool started_ = false;
  bool finished_ = false;
};

}  // namespace fabro::llm::chat
