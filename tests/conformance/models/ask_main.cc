// One case of cases.json through a client of ours; the twin of sdk/ask.mjs.
// usage: models_ask FORMAT BASE_URL STREAM(0|1) < case.json
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "fabro/agent/llm/http_adapter.h"
#include "fabro/codec/json/json.h"
#include "fabro/linux/file.h"

namespace fabro::llm {
namespace {

using model::Json;

Request RequestOf(const Json& asked, const std::string& format) {
  Request request;
  request.model = asked.Find("models")->StringAt(format);
  request.max_tokens = asked.IntAt("max_tokens");
  if (const Json* value = asked.Find("temperature")) request.temperature = *value->Double();
  if (const std::string system = asked.StringAt("system"); !system.empty()) {
    request.messages.push_back(TextMessage(Role::kSystem, system));
  }
  request.messages.push_back(TextMessage(Role::kUser, asked.StringAt("user")));
  if (const Json* rounds = asked.Find("rounds")) {
    for (const Json& round : *rounds->Items()) {
      Message calls{.role = Role::kAssistant};
      Message results{.role = Role::kTool};
      for (const Json& call : *round.Find("calls")->Items()) {
        calls.parts.emplace_back(ToolCallPart{.id = call.StringAt("id"),
                                              .name = call.StringAt("name"),
                                              .arguments = call.Find("args")->Dump()});
        results.parts.emplace_back(ToolResultPart{.call_id = call.StringAt("id"),
                                                  .name = call.StringAt("name"),
                                                  .content = call.StringAt("result")});
      }
      request.messages.push_back(std::move(calls));
      request.messages.push_back(std::move(results));
    }
  }
  if (const Json* tools = asked.Find("tools")) {
    for (const Json& tool : *tools->Items()) {
      request.tools.push_back({.name = tool.StringAt("name"),
                               .description = tool.StringAt("description"),
                               .parameters = tool.Find("parameters")->Dump()});
    }
  }
  return request;
}

Json ToJson(const Response& response) {
  std::string reasoning;
  for (const Part& part : response.message.parts) {
    if (const auto* thought = std::get_if<ReasoningPart>(&part)) reasoning += thought->text;
  }
  Json tools = Json::MakeArray();
  for (const ToolCallPart* call : ToolCallsOf(response.message)) {
    tools.Push(
        Json::MakeObject().Set("name", call->name).Set("args", *codec::ParseJson(call->arguments)));
  }
  return Json::MakeObject()
      .Set("text", TextOf(response.message))
      .Set("reasoning", reasoning)
      .Set("tools", std::move(tools))
      .Set("finish", ToString(response.finish))
      .Set("input", response.usage.input_tokens)
      .Set("output", response.usage.output_tokens);
}

int Main(const std::string& format, const std::string& base, bool stream) {
  const Result<std::string> text = ReadFd(STDIN_FILENO);
  const Result<Json> asked = codec::ParseJson(text.value_or(""));
  const auto api = ParseApi(format == "chat" ? "openai_compatible" : format);
  if (!asked.ok() || !api) return 2;
  HttpAdapter adapter(*api,
                      Endpoint{.provider = format, .base_url = base, .key = "test-key-0123456789"},
                      std::make_shared<http::Client>(http::ClientOptions{.proxy = "none"}),
                      std::make_shared<const Catalog>(Catalog::BuiltIn()));
  const Sink ignore = [](const StreamEvent&) -> Status { return {}; };
  const auto response = adapter.Generate(RequestOf(*asked, format), stream ? ignore : Sink(), -1);
  if (!response.ok()) {
    std::fprintf(stderr, "%s\n", response.error().ToString().c_str());
    return 1;
  }
  std::printf("%s\n", ToJson(*response).Dump().c_str());
  return 0;
}

}  // namespace
}  // namespace fabro::llm

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  return fabro::llm::Main(argv[1], argv[2], argv[3][0] == '1');
}
