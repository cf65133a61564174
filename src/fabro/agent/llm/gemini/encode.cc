#include <utility>

#include "fabro/agent/llm/gemini/wire.h"
#include "fabro/agent/llm/wire/json_text.h"
#include "fabro/codec/text.h"

namespace fabro::llm::gemini {
namespace {

using model::Json;

Json TextItem(const std::string& text) { return Json::MakeObject().Set("text", text); }

Json ImageItem(const ImagePart& image) {
  if (!image.url.empty()) {
    return Json::MakeObject().Set(
        "fileData", Json::MakeObject().Set("mimeType", image.media_type).Set("fileUri", image.url));
  }
  return Json::MakeObject().Set(
      "inlineData",
      Json::MakeObject().Set("mimeType", image.media_type).Set("data", codec::Base64(image.bytes)));
}

Json CallItem(const ToolCallPart& call, bool own) {
  Json item = Json::MakeObject().Set(
      "functionCall",
      Json::MakeObject().Set("name", call.name).Set("args", ArgumentsAsObject(call.arguments)));
  if (own) item.SetIfAny("thoughtSignature", call.signature);
  return item;
}

Json ResultItem(const ToolResultPart& result) {
  Json response = Json::MakeObject().Set(result.is_error ? "error" : "result", result.content);
  return Json::MakeObject().Set(
      "functionResponse",
      Json::MakeObject().Set("name", result.name).Set("response", std::move(response)));
}

void PushPart(const llm::Part& part, bool own, Json& parts) {
  if (const auto* text = std::get_if<TextPart>(&part)) {
    if (text->text.empty()) return;
    Json item = TextItem(text->text);
    if (own) item.SetIfAny("thoughtSignature", text->signature);
    parts.Push(std::move(item));
  } else if (const auto* image = std::get_if<ImagePart>(&part)) {
    parts.Push(ImageItem(*image));
  } else if (const auto* call = std::get_if<ToolCallPart>(&part)) {
    parts.Push(CallItem(*call, own));
  } else if (const auto* result = std::get_if<ToolResultPart>(&part)) {
    parts.Push(ResultItem(*result));
    if (result->image.has_value()) parts.Push(ImageItem(*result->image));
  } else if (const auto& reasoning = std::get<ReasoningPart>(part);
             own && !reasoning.signature.empty()) {
    parts.Push(
        TextItem(reasoning.text).Set("thought", true).Set("thoughtSignature", reasoning.signature));
  }
}

Json ContentsOf(const Request& request, const std::string& provider) {
  Json contents = Json::MakeArray();
  std::string last_role;
  for (const Message& message : request.messages) {
    if (message.role == Role::kSystem || message.role == Role::kDeveloper) continue;
    const std::string role = message.role == Role::kAssistant ? "model" : "user";
    Json parts = Json::MakeArray();
    const bool own = MadeBy(message, provider, request.model);
    for (const llm::Part& part : message.parts) PushPart(part, own, parts);
    if (parts.Items()->empty()) continue;
    if (role != last_role) {
      contents.Push(Json::MakeObject().Set("role", role).Set("parts", std::move(parts)));
    } else {
      // Neighbours of one role are one content.
      for (auto& [key, value] : *contents.Items()->back().Members()) {
        if (key != "parts") continue;
        for (Json& item : *parts.Items()) value.Push(std::move(item));
      }
    }
    last_role = role;
  }
  return contents;
}

Status SetTools(const Request& request, Json& body) {
  if (request.tools.empty()) return {};
  Json functions = Json::MakeArray();
  for (const ToolDefinition& tool : request.tools) {
    const Json schema = TRY(ParseObject(tool.parameters, "schema of tool " + tool.name));
    Json function = Json::MakeObject().Set("name", tool.name);
    function.SetIfAny("description", tool.description);
    // An object without properties is refused; a function without parameters is not.
    const Json* properties = schema.Find("properties");
    if (properties != nullptr && properties->Members() != nullptr &&
        !properties->Members()->empty()) {
      function.Set("parameters", ReduceSchema(schema));
    }
    functions.Push(std::move(function));
  }
  body.Set("tools", Json::MakeArray().Push(
                        Json::MakeObject().Set("functionDeclarations", std::move(functions))));
  Json calling = Json::MakeObject();
  switch (request.tool_choice.mode) {
    case ToolChoice::Mode::kAuto:
      calling.Set("mode", "AUTO");
      break;
    case ToolChoice::Mode::kNone:
      calling.Set("mode", "NONE");
      break;
    case ToolChoice::Mode::kRequired:
      calling.Set("mode", "ANY");
      break;
    case ToolChoice::Mode::kNamed:
      calling.Set("mode", "ANY")
          .Set("allowedFunctionNames", Json::MakeArray().Push(request.tool_choice.name));
      break;
  }
  body.Set("toolConfig", Json::MakeObject().Set("functionCallingConfig", std::move(calling)));
  return {};
}

Status SetFormat(const Request& request, Json& config) {
  if (request.response_format.kind == ResponseFormat::Kind::kText) return {};
  config.Set("responseMimeType", "application/json");
  if (request.response_format.kind != ResponseFormat::Kind::kJsonSchema) return {};
  const Json schema = TRY(ParseObject(request.response_format.schema, "schema of the answer"));
  config.Set("responseSchema", ReduceSchema(schema));
  return {};
}

// Thoughts are asked for, since their signatures must come back with what follows them.
void SetReasoning(const Request& request, const ModelInfo* info, Json& config,
                  std::vector<std::string>& warnings) {
  if (info == nullptr || info->reasoning != Reasoning::kLevel) return;
  if (request.reasoning_effort.empty()) return;
  Json thinking = Json::MakeObject();
  thinking.SetIfAny("thinkingLevel", FitEffort(*info, request.reasoning_effort, warnings));
  config.Set("thinkingConfig", thinking.Set("includeThoughts", true));
}

}  // namespace

Result<std::string> Encode(const Request& request, const std::string& provider,
                           const ModelInfo* info, std::vector<std::string>& warnings) {
  Json body = Json::MakeObject();
  if (const std::string system = SystemText(request); !system.empty()) {
    body.Set("systemInstruction",
             Json::MakeObject().Set("parts", Json::MakeArray().Push(TextItem(system))));
  }
  body.Set("contents", ContentsOf(request, provider));
  TRY(SetTools(request, body));
  Json config = Json::MakeObject();
  if (request.temperature) config.Set("temperature", *request.temperature);
  if (request.top_p) config.Set("topP", *request.top_p);
  if (request.max_tokens) config.Set("maxOutputTokens", *request.max_tokens);
  if (!request.stop_sequences.empty()) {
    config.Set("stopSequences", Json::Strings(request.stop_sequences));
  }
  TRY(SetFormat(request, config));
  SetReasoning(request, info, config, warnings);
  if (!config.Members()->empty()) body.Set("generationConfig", std::move(config));
  TRY(MergeOptions(request, provider, body));
  return body.Dump();
}

}  // namespace fabro::llm::gemini
