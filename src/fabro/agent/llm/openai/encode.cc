#include <utility>

#include "fabro/agent/llm/openai/wire.h"
#include "fabro/agent/llm/wire/json_text.h"

namespace fabro::llm::responses {
namespace {

using model::Json;

Json TextItem(std::string_view type, const std::string& text) {
  return Json::MakeObject().Set("type", type).Set("text", text);
}

Json ImageItem(const ImagePart& image) {
  Json item = Json::MakeObject().Set("type", "input_image");
  item.Set("image_url", image.url.empty() ? DataUrl(image) : image.url);
  item.Set("detail", image.detail.empty() ? "auto" : image.detail);
  return item;
}

Json UserItem(const Message& message) {
  Json content = Json::MakeArray();
  for (const Part& part : message.parts) {
    if (const auto* text = std::get_if<TextPart>(&part)) {
      content.Push(TextItem("input_text", text->text));
    }
    if (const auto* image = std::get_if<ImagePart>(&part)) content.Push(ImageItem(*image));
  }
  return Json::MakeObject()
      .Set("type", "message")
      .Set("role", "user")
      .Set("content", std::move(content));
}

Json ReasoningItem(const ReasoningPart& part) {
  Json summary = Json::MakeArray();
  if (!part.text.empty()) summary.Push(TextItem("summary_text", part.text));
  Json item = Json::MakeObject().Set("type", "reasoning");
  item.SetIfAny("id", part.id);
  item.Set("summary", std::move(summary)).Set("encrypted_content", part.signature);
  return item;
}

Json OutputItem(const ToolResultPart& result) {
  Json item = Json::MakeObject().Set("type", "function_call_output").Set("call_id", result.call_id);
  if (!result.image.has_value()) return item.Set("output", result.content);
  Json output = Json::MakeArray();
  if (!result.content.empty()) output.Push(TextItem("input_text", result.content));
  output.Push(ImageItem(*result.image));
  return item.Set("output", std::move(output));
}

Json CallItem(const ToolCallPart& call) {
  return Json::MakeObject()
      .Set("type", "function_call")
      .Set("call_id", call.id)
      .Set("name", call.name)
      .Set("arguments", call.arguments);
}

// A reasoning item must be followed by the item it belongs to: one at the end (its item was cut
// off) would be refused, so it is left out.
void PushAssistant(const Message& message, bool own, Json& input) {
  Json held;  // A reasoning item that waits for its follower.
  const auto push = [&](Json item) {
    if (!held.IsNull()) input.Push(std::exchange(held, Json()));
    input.Push(std::move(item));
  };
  for (const Part& part : message.parts) {
    if (const auto* reasoning = std::get_if<ReasoningPart>(&part)) {
      if (own && !reasoning->signature.empty()) held = ReasoningItem(*reasoning);
    } else if (const auto* text = std::get_if<TextPart>(&part)) {
      if (text->text.empty()) continue;
      push(Json::MakeObject()
               .Set("type", "message")
               .Set("role", "assistant")
               .Set("content", Json::MakeArray().Push(TextItem("output_text", text->text))));
    } else if (const auto* call = std::get_if<ToolCallPart>(&part)) {
      push(CallItem(*call));
    }
  }
}

Json InputOf(const Request& request, const std::string& provider) {
  Json input = Json::MakeArray();
  for (const Message& message : request.messages) {
    switch (message.role) {
      case Role::kSystem:
      case Role::kDeveloper:
        break;
      case Role::kUser:
        input.Push(UserItem(message));
        break;
      case Role::kAssistant:
        PushAssistant(message, MadeBy(message, provider, request.model), input);
        break;
      case Role::kTool:
        for (const Part& part : message.parts) {
          if (const auto* result = std::get_if<ToolResultPart>(&part)) {
            input.Push(OutputItem(*result));
          }
        }
        break;
    }
  }
  return input;
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
  return Json::MakeObject().Set("type", "function").Set("name", choice.name);
}

Status SetTools(const Request& request, Json& body) {
  if (request.tools.empty()) return {};
  Json tools = Json::MakeArray();
  for (const ToolDefinition& tool : request.tools) {
    Json schema = TRY(ParseObject(tool.parameters, "schema of tool " + tool.name));
    Json entry = Json::MakeObject().Set("type", "function").Set("name", tool.name);
    entry.SetIfAny("description", tool.description).Set("parameters", std::move(schema));
    // The default here is strict, which our schemas with optional properties do not meet.
    tools.Push(entry.Set("strict", false));
  }
  body.Set("tools", std::move(tools)).Set("tool_choice", ToolChoiceOf(request.tool_choice));
  return {};
}

Status SetFormat(const Request& request, Json& body) {
  const ResponseFormat& format = request.response_format;
  if (format.kind == ResponseFormat::Kind::kText) return {};
  Json json = Json::MakeObject();
  if (format.kind == ResponseFormat::Kind::kJson) {
    json.Set("type", "json_object");
  } else {
    Json schema = TRY(ParseObject(format.schema, "schema of the answer"));
    json.Set("type", "json_schema")
        .Set("name", format.name)
        .Set("schema", std::move(schema))
        .Set("strict", format.strict);
  }
  body.Set("text", Json::MakeObject().Set("format", std::move(json)));
  return {};
}

}  // namespace

Result<std::string> Encode(const Request& request, const std::string& provider,
                           const ModelInfo* info, bool stream, std::vector<std::string>& warnings) {
  Json body = Json::MakeObject().Set("model", request.model);
  body.SetIfAny("instructions", SystemText(request));
  body.Set("input", InputOf(request, provider));
  TRY(SetTools(request, body));
  TRY(SetFormat(request, body));
  if (request.max_tokens) body.Set("max_output_tokens", *request.max_tokens);
  if (request.temperature) body.Set("temperature", *request.temperature);
  if (request.top_p) body.Set("top_p", *request.top_p);
  if (!request.stop_sequences.empty()) {
    warnings.push_back("the Responses format has no stop sequences; they were left out");
  }
  if (!request.reasoning_effort.empty()) {
    const std::string effort = info == nullptr
                                   ? request.reasoning_effort
                                   : FitEffort(*info, request.reasoning_effort, warnings);
    if (!effort.empty()) body.Set("reasoning", Json::MakeObject().Set("effort", effort));
  }
  body.Set("store", false).Set("include", Json::MakeArray().Push("reasoning.encrypted_content"));
  if (stream) body.Set("stream", true);
  TRY(MergeOptions(request, provider, body));
  return body.Dump();
}

}  // namespace fabro::llm::responses
