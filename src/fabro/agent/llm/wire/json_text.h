// JSON texts of requests (schemas, arguments, options) as values, and small things that all wire
// formats do with them.
#pragma once

#include <string>
#include <string_view>

#include "fabro/agent/llm/model.h"
#include "fabro/model/json.h"

namespace fabro::llm {

// kInvalidRequest, naming `what`, for what is no JSON object.
Result<model::Json> ParseObject(std::string_view text, const std::string& what);
// The same for an answer: kStream.
Result<model::Json> ParseAnswer(std::string_view text);

// A call's arguments as the object that a provider wants back; what the model wrote wrong stays
// visible as {"raw_arguments": "…"}.
model::Json ArgumentsAsObject(const std::string& arguments);

// Lays the request's options for `provider` over `body`, objects member by member, but for those
// that steer the adapter itself (auto_cache, beta_headers).
Status MergeOptions(const Request& request, const std::string& provider, model::Json& body);
bool OptionIsFalse(const Request& request, const std::string& provider, std::string_view key);
std::vector<std::string> OptionTexts(const Request& request, const std::string& provider,
                                     std::string_view key);

// Whether opaque data of an assistant message may go to this provider and model.
bool MadeBy(const Message& message, const std::string& provider, const std::string& model);

// System and developer messages, joined by an empty line.
std::string SystemText(const Request& request);

// "data:image/png;base64,…"
std::string DataUrl(const ImagePart& image);

}  // namespace fabro::llm
