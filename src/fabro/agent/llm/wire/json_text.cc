#include "fabro/agent/llm/wire/json_text.h"

#include <utility>

#include "fabro/codec/json/json.h"
#include "fabro/codec/text.h"

namespace fabro::llm {

using model::Json;

namespace {

void Lay(Json& into, const Json& over) {
  if (into.Members() == nullptr || over.Members() == nullptr) {
    into = over;
    return;
  }
  for (const auto& [key, value] : *over.Members()) {
    Json merged = into.Find(key) != nullptr ? *into.Find(key) : Json();
    Lay(merged, value);
    into.Set(key, std::move(merged));
  }
}

Result<Json> OptionsOf(const Request& request, const std::string& provider) {
  const auto found = request.provider_options.find(provider);
  if (found == request.provider_options.end()) return Json::MakeObject();
  return ParseObject(found->second, "provider options of " + provider);
}

}  // namespace

Result<Json> ParseObject(std::string_view text, const std::string& what) {
  Result<Json> parsed = codec::ParseJson(text);
  if (!parsed.ok() || parsed->Members() == nullptr) {
    return CallFailure(ErrorKind::kInvalidRequest, what + ": not a JSON object");
  }
  return parsed;
}

Result<Json> ParseAnswer(std::string_view text) {
  Result<Json> parsed = codec::ParseJson(text);
  if (!parsed.ok() || parsed->Members() == nullptr) {
    return CallFailure(ErrorKind::kStream, "the answer is not the JSON that the format says");
  }
  return parsed;
}

Json ArgumentsAsObject(const std::string& arguments) {
  Result<Json> parsed = codec::ParseJson(arguments);
  if (parsed.ok() && parsed->Members() != nullptr) return *std::move(parsed);
  return Json::MakeObject().Set("raw_arguments", arguments);
}

Status MergeOptions(const Request& request, const std::string& provider, Json& body) {
  const Json options = TRY(OptionsOf(request, provider));
  for (const auto& [key, value] : *options.Members()) {
    if (key == "auto_cache" || key == "beta_headers") continue;  // Of the Anthropic adapter.
    Json merged = body.Find(key) != nullptr ? *body.Find(key) : Json();
    Lay(merged, value);
    body.Set(key, std::move(merged));
  }
  return {};
}

bool OptionIsFalse(const Request& request, const std::string& provider, std::string_view key) {
  const Result<Json> options = OptionsOf(request, provider);
  return options.ok() && !options->BoolAt(key, true);
}

std::vector<std::string> OptionTexts(const Request& request, const std::string& provider,
                                     std::string_view key) {
  const Result<Json> options = OptionsOf(request, provider);
  return options.ok() ? options->StringsAt(key) : std::vector<std::string>{};
}

bool MadeBy(const Message& message, const std::string& provider, const std::string& model) {
  return message.provider == provider && message.model == model;
}

std::string SystemText(const Request& request) {
  std::string text;
  for (const Message& message : request.messages) {
    if (message.role != Role::kSystem && message.role != Role::kDeveloper) continue;
    if (!text.empty()) text += "\n\n";
    text += TextOf(message);
  }
  return text;
}

std::string DataUrl(const ImagePart& image) {
  return "data:" + image.media_type + ";base64," + codec::Base64(image.bytes);
}

}  // namespace fabro::llm
