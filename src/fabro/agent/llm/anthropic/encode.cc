#include <algorithm>
#include <utility>

#include "fabro/agent/llm/anthropic/wire.h"
#include "fabro/agent/llm/wire/json_text.h"
#include "fabro/codec/text.h"

namespace fabro::llm::anthropic {
namespace {

using model::Json;

constexpr std::int64_t kDefaultMaxTokens = 4096;  // Of a model that the catalog does not know.
constexpr std::int64_t kMaxTokensCap = 32000;

Json CacheMark() { return Json::MakeObject().Set("type", "ephemeral"); }

Json ImageBlock(const ImagePart& image) {
  Json source;
  if (!image.url.empty()) {
    source.Set("type", "url").Set("url", image.url);
  } else {
    source.Set("type", "base64")
        .Set("media_type", image.media_type)
        .Set("data", codec::Base64(image.bytes));
  }
  return Json::MakeObject().Set("type", "image").Set("source", std::move(source));
}

Json TextBlock(const std::string& text) {
  return Json::MakeObject().Set("type", "text").Set("text", text);
}

Json ResultBlock(const ToolResultPart& result) {
  Json block = Json::MakeObject().Set("type", "tool_result").Set("tool_use_id", result.call_id);
  if (result.image.has_value()) {
    Json content = Json::MakeArray();
    if (!result.content.empty()) content.Push(TextBlock(result.content));
    content.Push(ImageBlock(*result.image));
    block.Set("content", std::move(content));
  } else {
    block.Set("content", result.content);
  }
  if (result.is_error) block.Set("is_error", true);
  return block;
}

// Null: nothing that this provider takes.
Json ReasoningBlock(const ReasoningPart& part) {
  if (part.redacted) {
    return Json::MakeObject().Set("type", "redacted_thinking").Set("data", part.signature);
  }
  if (part.signature.empty()) return {};  // Interrupted: it would be refused.
  return Json::MakeObject()
      .Set("type", "thinking")
      .Set("thinking", part.text)
      .Set("signature", part.signature);
}

Json BlockOf(const Part& part, bool own) {
  // An empty text block is refused by the API.
  if (const auto* text = std::get_if<TextPart>(&part)) {
    return text->text.empty() ? Json() : TextBlock(text->text);
  }
  if (const auto* image = std::get_if<ImagePart>(&part)) return ImageBlock(*image);
  if (const auto* result = std::get_if<ToolResultPart>(&part)) return ResultBlock(*result);
  if (const auto* call = std::get_if<ToolCallPart>(&part)) {
    return Json::MakeObject()
        .Set("type", "tool_use")
        .Set("id", call->id)
        .Set("name", call->name)
        .Set("input", ArgumentsAsObject(call->arguments));
  }
  const auto& reasoning = std::get<ReasoningPart>(part);
  return own ? ReasoningBlock(reasoning) : Json();
}

// Roles must alternate, so neighbours of one role are one message; results of tools are the user's,
// and come first in it.
Json MessagesOf(const Request& request, const std::string& provider) {
  struct Turn {
    std::string role;
    Json::Array results;
    Json::Array blocks;
  };
  std::vector<Turn> turns;
  for (const Message& message : request.messages) {
    if (message.role == Role::kSystem || message.role == Role::kDeveloper) continue;
    const std::string role = message.role == Role::kAssistant ? "assistant" : "user";
    const bool own = MadeBy(message, provider, request.model);
    for (const Part& part : message.parts) {
      Json block = BlockOf(part, own);
      if (block.IsNull()) continue;
      // Only now: a message of nothing must not part its neighbours.
      if (turns.empty() || turns.back().role != role) turns.push_back({role, {}, {}});
      const bool result = std::holds_alternative<ToolResultPart>(part);
      (result ? turns.back().results : turns.back().blocks).push_back(std::move(block));
    }
  }
  Json messages = Json::MakeArray();
  for (Turn& turn : turns) {
    Json::Array content = std::move(turn.results);
    std::move(turn.blocks.begin(), turn.blocks.end(), std::back_inserter(content));
    messages.Push(Json::MakeObject().Set("role", turn.role).Set("content", std::move(content)));
  }
  return messages;
}

// The last block of the last user message and of the one before it, so that this call writes what
// the next one reads (agent 6.10). With tools and system that makes four marks, the most allowed.
void MarkMessages(Json& messages) {
  int marks = 0;
  Json::Array& list = *messages.Items();
  for (auto message = list.rbegin(); message != list.rend() && marks < 2; ++message) {
    if (message->StringAt("role") != "user") continue;
    for (auto& [key, value] : *message->Members()) {
      if (key == "content") value.Items()->back().Set("cache_control", CacheMark());
    }
    ++marks;
  }
}

Result<Json> ToolsOf(const Request& request, bool cache) {
  Json tools = Json::MakeArray();
  for (const ToolDefinition& tool : request.tools) {
    Json schema = TRY(ParseObject(tool.parameters, "schema of tool " + tool.name));
    Json entry = Json::MakeObject().Set("name", tool.name);
    entry.SetIfAny("description", tool.description).Set("input_schema", std::move(schema));
    tools.Push(std::move(entry));
  }
  if (cache) tools.Items()->back().Set("cache_control", CacheMark());
  return tools;
}

Json ToolChoiceOf(const ToolChoice& choice) {
  Json json = Json::MakeObject();
  switch (choice.mode) {
    case ToolChoice::Mode::kAuto:
    case ToolChoice::Mode::kNone:
      return json.Set("type", "auto");
    case ToolChoice::Mode::kRequired:
      return json.Set("type", "any");
    case ToolChoice::Mode::kNamed:
      return json.Set("type", "tool").Set("name", choice.name);
  }
  return json;
}

std::int64_t MaxTokens(const Request& request, const ModelInfo* info) {
  if (request.max_tokens.has_value()) return *request.max_tokens;
  if (info == nullptr || info->max_output == 0) return kDefaultMaxTokens;
  return std::min(info->max_output, kMaxTokensCap);
}

std::int64_t BudgetOf(const std::string& effort, std::int64_t max_tokens) {
  std::int64_t budget = effort == "low" ? 4096 : effort == "medium" ? 10000 : 20000;
  // The API wants at least 1024, and less than max_tokens.
  return std::max<std::int64_t>(1024, std::min(budget, max_tokens / 2));
}

// A forced tool excludes thinking (API reference, extended thinking).
bool ForcesTool(const Request& request) {
  return !request.tools.empty() && (request.tool_choice.mode == ToolChoice::Mode::kRequired ||
                                    request.tool_choice.mode == ToolChoice::Mode::kNamed);
}

// True: thinking is on.
bool SetReasoning(const Request& request, const ModelInfo* info, Json& body,
                  std::vector<std::string>& warnings) {
  if (info == nullptr || info->reasoning == Reasoning::kNone || request.reasoning_effort.empty()) {
    return false;
  }
  const std::string effort = FitEffort(*info, request.reasoning_effort, warnings);
  const bool forced = ForcesTool(request);
  if (info->reasoning == Reasoning::kAdaptive) {
    if (!forced) body.Set("thinking", Json::MakeObject().Set("type", "adaptive"));
    body.Set("output_config", Json::MakeObject().Set("effort", effort));
    return !forced;
  }
  const std::int64_t max_tokens = MaxTokens(request, info);
  if (forced || max_tokens <= 2048) return false;
  body.Set(
      "thinking",
      Json::MakeObject().Set("type", "enabled").Set("budget_tokens", BudgetOf(effort, max_tokens)));
  return true;
}

Status SetFormat(const Request& request, Json& body) {
  if (request.response_format.kind != ResponseFormat::Kind::kJsonSchema) return {};
  Json schema = TRY(ParseObject(request.response_format.schema, "schema of the answer"));
  Json config = body.Find("output_config") != nullptr ? *body.Find("output_config") : Json();
  config.Set("format",
             Json::MakeObject().Set("type", "json_schema").Set("schema", std::move(schema)));
  body.Set("output_config", std::move(config));
  return {};
}

}  // namespace

Result<std::string> Encode(const Request& request, const std::string& provider,
                           const ModelInfo* info, bool stream, std::vector<std::string>& warnings) {
  const bool cache = !OptionIsFalse(request, provider, "auto_cache");
  Json body =
      Json::MakeObject().Set("model", request.model).Set("max_tokens", MaxTokens(request, info));
  if (const std::string system = SystemText(request); !system.empty()) {
    Json block = TextBlock(system);
    if (cache) block.Set("cache_control", CacheMark());
    body.Set("system", Json::MakeArray().Push(std::move(block)));
  }
  Json messages = MessagesOf(request, provider);
  if (cache) MarkMessages(messages);
  body.Set("messages", std::move(messages));
  if (!request.tools.empty() && request.tool_choice.mode != ToolChoice::Mode::kNone) {
    Json tools = TRY(ToolsOf(request, cache));
    body.Set("tools", std::move(tools)).Set("tool_choice", ToolChoiceOf(request.tool_choice));
  }
  const bool thinks = SetReasoning(request, info, body, warnings);
  TRY(SetFormat(request, body));
  // With thinking on, the API takes neither.
  if (request.temperature && !thinks) body.Set("temperature", *request.temperature);
  if (request.top_p && !thinks) body.Set("top_p", *request.top_p);
  if (!request.stop_sequences.empty()) {
    body.Set("stop_sequences", Json::Strings(request.stop_sequences));
  }
  if (request.speed == "fast") {
    if (info != nullptr && info->fast) {
      body.Set("speed", "fast");
    } else {
      warnings.push_back(request.model + " offers no fast mode; speed was left out");
    }
  }
  if (const auto user = request.metadata.find("user_id"); user != request.metadata.end()) {
    body.Set("metadata", Json::MakeObject().Set("user_id", user->second));
  }
  if (stream) body.Set("stream", true);
  TRY(MergeOptions(request, provider, body));
  return body.Dump();
}

}  // namespace fabro::llm::anthropic
