// OpenAI's Responses format: https://platform.openai.com/docs/api-reference/responses. Nothing is
// stored at the provider; reasoning travels with us, encrypted. Pure. Spec: agent 7.2.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fabro/agent/llm/catalog.h"
#include "fabro/agent/llm/wire/builder.h"
#include "fabro/agent/llm/wire/exchange.h"
#include "fabro/model/json.h"

namespace fabro::llm::responses {

// The body of POST /v1/responses. `info` may be null.
Result<std::string> Encode(const Request& request, const std::string& provider,
                           const ModelInfo* info, bool stream, std::vector<std::string>& warnings);

class ResponsesDecoder : public Decoder {
 public:
  ResponsesDecoder(const Sink& sink, std::string provider, std::string model, std::string key)
      : builder_(sink, provider, std::move(model)),
        provider_(std::move(provider)),
        key_(std::move(key)) {}

  Status Event(const http::SseEvent& event) override;
  Status Whole(std::string_view body) override;
  Result<Response> Finish() override;
  bool began() const override { return builder_.began(); }

 private:
  // What an output item became here; a message may have several texts.
  struct Item {
    std::size_t part = 0;
    bool streamed = false;  // Its content came by deltas.
  };
  Result<Item*> ItemAt(std::int64_t index, const model::Json& item);
  Status OnItemDone(const model::Json& event);
  Status OnDelta(const std::string& type, const model::Json& event);
  Status Fill(const model::Json& item, std::int64_t index);
  Status End(const model::Json& response);
  void TakeUsage(const model::Json* usage);

  ResponseBuilder builder_;
  std::string provider_;
  std::string key_;
  std::map<std::int64_t, Item> items_;  // By output_index.
  bool has_calls_ = false;
  bool complete_ = false;
};

}  // namespace fabro::llm::responses
