#include <utility>

#include "fabro/agent/llm/openai_compatible/wire.h"
#include "fabro/agent/llm/wire/json_text.h"

namespace fabro::llm::chat {
namespace {

using model::Json;

Json ImageItem(const ImagePart& image) {
  Json url = Json::MakeObject().Set("url", image.url.empty() ? DataUrl(image) : image.url);
  url.SetIfAny("detail", image.detail);
  return Json::MakeObject().Set("type", "image_url").Set("image_url", std::move(url));
}

Json TextItem(const std::string& text) {
  return Json::MakeObject().Set("type", "text").Set("text", text);
}

// A string when there is only text, which every server takes; a list of items else.
Json UserContent(const Message& message) {
  Json items = Json::MakeArray();
  bool only_text = true;
  for (const Part& part : message.parts) {
    if (const auto* text = std::get_if<TextPart>(&part)) items.Push(TextItem(text->text));
    if (const auto* image = std::get_if<ImagePart>(&part)) {
      items.Push(ImageItem(*image));
      only_text = false;
    }
  }
  return only_text ? Json(TextOf(message)) : items;
}

// Reasoning does not go back: most of these servers refuse the field that they send it in.
Json AssistantMessage(const Message& message) {
  Json json = Json::MakeObject().Set("role", "assistant");
  const std::string text = TextOf(message);
  const auto calls = ToolCallsOf(message);
  json.Set("content", text.empty() && !calls.empty() ? Json() : Json(text));
  if (calls.empty()) return json;
  Json list = Json::MakeArray();
  for (const ToolCallPart* call : calls) {
    list.Push(
        Json::MakeObject()
            .Set("id", call->id)
            .Set("type", "function")
            .Set("function",
                 Json::MakeObject().Set("name", call->name).Set("arguments", call->arguments)));
  }
  return json.Set("tool_calls", std::move(list));
}

// One message a result. These carry no images, so one follows as the user's.
void PushResults(const Message& message, Json& messages) {
  Json images = Json::MakeArray();
  for (const Part& part : message.parts) {
    const auto* result = std::get_if<ToolResultPart>(&part);
    if (result == nullptr) continue;
    messages.Push(Json::MakeObject()
                      .Set("role", "tool")
                      .Set("tool_call_id", result->call_id)
                      .Set("content", result->content));
    if (result->image.has_value()) images.Push(ImageItem(*result->image));
  }
  if (!images.Items()->empty()) {
    messages.Push(Json::MakeObject().Set("role", "user").Set("content", std::move(images)));
  }
}

Json MessagesOf(const Request& request) {
  Json messages = Json::MakeArray();
  if (const std::string system = SystemText(request); !system.empty()) {
    messages.Push(Json::MakeObject().Set("role", "system").Set("content", system));
  }
  for (const Message& message : request.messages) {
    switch (message.role) {
      case Role::kSystem:
      case Role::kDeveloper:
        break;
      case Role::kTool:
        PushResults(message, messages);
        break;
      case Role::kAssistant:
        messages.Push(AssistantMessage(message));
        break;
      case Role::kUser:
        messages.Push(Json::MakeObject().Set("role", "user").Set("content", UserContent(message)));
        break;
    }
  }
  return messages;
}

Json ToolChoiceOf(const ToolChoice& choice) {
  switch (choice.mode) {
    case ToolChoice::Mode::kAuto:
      return "auto";
    case ToolChoice::Mode::kNone:
      return "none";
    case ToolChoice::Mode::kRequired:
      return "required";
    case ToolChoice::Mode::kNamed:
      break;
  }
  return Json::MakeObject()
      .Set("type", "function")
      .Set("function", Json::MakeObject().Set("name", choice.name));
}

Status SetTools(const Request& request, Json& body) {
  if (request.tools.empty()) return {};
  Json tools = Json::MakeArray();
  for (const ToolDefinition& tool : request.tools) {
    Json schema = TRY(ParseObject(tool.parameters, "schema of tool " + tool.name));
    Json function = Json::MakeObject().Set("name", tool.name);
    function.SetIfAny("description", tool.description).Set("parameters", std::move(schema));
    tools.Push(Json::MakeObject().Set("type", "function").Set("function", std::move(function)));
  }
  body.Set("tools", std::move(tools)).Set("tool_choice", ToolChoiceOf(request.tool_choice));
  return {};
}

Status SetFormat(const Request& request, Json& body) {
  const ResponseFormat& format = request.response_format;
  if (format.kind == ResponseFormat::Kind::kText) return {};
  if (format.kind == ResponseFormat::Kind::kJson) {
    body.Set("response_format", Json::MakeObject().Set("type", "json_object"));
    return {};
  }
  Json schema = TRY(ParseObject(format.schema, "schema of the answer"));
  Json named = Json::MakeObject()
                   .Set("name", format.name)
                   .Set("schema", std::move(schema))
                   .Set("strict", format.strict);
  body.Set("response_format",
           Json::MakeObject().Set("type", "json_schema").Set("json_schema", std::move(named)));
  return {};
}

}  // namespace

Result<std::string> Encode(const Request& request, const std::string& provider,
                           const ModelInfo* info, bool stream, std::vector<std::string>& warnings) {
  Json body = Json::MakeObject().Set("model", request.model).Set("messages", MessagesOf(request));
  TRY(SetTools(request, body));
  TRY(SetFormat(request, body));
  if (request.max_tokens) body.Set("max_tokens", *request.max_tokens);
  if (request.temperature) body.Set("temperature", *request.temperature);
  if (request.top_p) body.Set("top_p", *request.top_p);
  if (!request.stop_sequences.empty()) body.Set("stop", Json::Strings(request.stop_sequences));
  // Not to a model that the catalog does not know: a local server may refuse the field.
  if (info != nullptr && info->reasoning == fabro::llm::Reasoning::kEffort) {
    body.SetIfAny("reasoning_effort", FitEffort(*info, request.reasoning_effort, warnings));
  }
  if (stream) {
    body.Set("stream", true).Set("stream_options", Json::MakeObject().Set("include_usage", true));
  }
  TRY(MergeOptions(request, provider, body));
  return body.Dump();
}

}  // namespace fabro::llm::chat
