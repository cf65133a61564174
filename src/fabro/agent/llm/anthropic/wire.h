// Anthropic's Messages format: https://docs.anthropic.com/en/api/messages and, for the stream,
// …/messages-streaming. Pure: no network here. Spec: agent 7.1, 6.10, 6.11.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fabro/agent/llm/catalog.h"
#include "fabro/agent/llm/wire/builder.h"
#include "fabro/agent/llm/wire/exchange.h"
#include "fabro/model/json.h"

namespace fabro::llm::anthropic {

// The body of POST /v1/messages. `info` may be null (a model that the catalog does not know).
// kInvalidRequest: a schema that is no JSON.
Result<std::string> Encode(const Request& request, const std::string& provider,
                           const ModelInfo* info, bool stream, std::vector<std::string>& warnings);

class MessagesDecoder : public Decoder {
 public:
  MessagesDecoder(const Sink& sink, std::string provider, std::string model, std::string key)
      : builder_(sink, provider, std::move(model)),
        provider_(std::move(provider)),
        key_(std::move(key)) {}

  Status Event(const http::SseEvent& event) override;
  Status Whole(std::string_view body) override;
  Result<Response> Finish() override;
  bool began() const override { return builder_.began(); }

 private:
  Status OnBlockStart(const model::Json& event);
  Status OnBlockDelta(const model::Json& event);
  Status OnBlockStop(const model::Json& event);
  Status Block(const model::Json& block, std::int64_t index, bool whole);
  void TakeUsage(const model::Json* usage);
  void TakeStop(const std::string& reason);

  ResponseBuilder builder_;
  std::string provider_;
  std::string key_;
  std::map<std::int64_t, std::size_t> parts_;  // The provider's index to ours.
  bool complete_ = false;
};

}  // namespace fabro::llm::anthropic
