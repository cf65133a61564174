// Our MCP client for npm's @modelcontextprotocol/conformance: `mcp_client URL` connects, lists the
// tools, and calls each of them with arguments made from its schema.
#include <chrono>
#include <cstdio>

#include "fabro/agent/mcp/client.h"

namespace {

using fabro::model::Json;

Json ArgumentsFor(const Json& schema) {
  Json arguments = Json::MakeObject();
  const Json* properties = schema.Find("properties");
  if (properties == nullptr || properties->Members() == nullptr) return arguments;
  std::int64_t number = 2;
  for (const auto& [name, property] : *properties->Members()) {
    const std::string type = property.StringAt("type");
    if (type == "number" || type == "integer") arguments.Set(name, number++);
    if (type == "string") arguments.Set(name, "text");
    if (type == "boolean") arguments.Set(name, true);
  }
  return arguments;
}

fabro::Status Talk(const char* url) {
  using namespace fabro::agent::mcp;
  constexpr auto kLimit = std::chrono::seconds(20);
  const auto client = TRY(Client::Connect(MakeHttpTransport({.url = url, .headers = {}}), kLimit));
  const auto tools = TRY(client->ListTools(kLimit));
  for (const RemoteTool& tool : tools) {
    const auto result = client->CallTool(tool.name, ArgumentsFor(tool.schema), kLimit, -1);
    std::printf("%s: %s\n", tool.name.c_str(), result.output.c_str());
    if (result.is_error) {
      return fabro::Failure(fabro::Code::kInternal, result.output, result.reason);
    }
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const fabro::Status talked = Talk(argv[1]);
  if (!talked.ok()) std::fprintf(stderr, "%s\n", talked.error().ToString().c_str());
  return talked.ok() ? 0 : 1;
}
