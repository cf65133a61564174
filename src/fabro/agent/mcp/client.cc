#include "fabro/agent/mcp/client.h"

#include <chrono>
#include <utility>

namespace fabro::agent::mcp {

using model::Json;

namespace {

constexpr std::size_t kMaxTools = 1'000;
constexpr std::size_t kMaxDescription = 4'000;  // Characters.

Deadline After(Nanos span) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(span);
}

std::string BlockText(const Json& block) {
  const std::string type = block.StringAt("type");
  if (type == "text") return block.StringAt("text");
  if (type == "image" || type == "audio") {
    return "[" + type + ", " + block.StringAt("mimeType", "of unknown type") + "]";
  }
  if (type == "resource_link") return "[resource " + block.StringAt("uri") + "]";
  if (type == "resource") {
    const Json* resource = block.Find("resource");
    return "[resource " + (resource == nullptr ? "" : resource->StringAt("uri")) + "]";
  }
  return "[" + type + "]";
}

Json ClientCapabilities() {
  // Questions are answered with their own defaults: message.h.
  Json form = Json::MakeObject().Set("applyDefaults", true);
  return Json::MakeObject().Set("elicitation", Json::MakeObject().Set("form", std::move(form)));
}

}  // namespace

Result<std::unique_ptr<Client>> Client::Connect(std::unique_ptr<Transport> transport,
                                                Nanos startup_timeout, int cancel_fd) {
  std::unique_ptr<Client> client(new Client(std::move(transport)));
  Json params;
  params.Set("protocolVersion", kNewestProtocol).Set("capabilities", ClientCapabilities());
  params.Set("clientInfo", Json::MakeObject().Set("name", "fabro").Set("version", "0.1.0"));
  const Json result =
      TRY(client->Request("initialize", std::move(params), startup_timeout, cancel_fd));
  const std::string protocol = result.StringAt("protocolVersion");
  if (!IsKnownProtocol(protocol)) {
    return Failure(Code::kUnimplemented,
                   "the server speaks revision \"" + protocol.substr(0, 40) + "\"", "mcp_protocol");
  }
  if (const Json* info = result.Find("serverInfo")) client->server_name_ = info->StringAt("name");
  TRY(client->transport_->Notify(MakeNotification("notifications/initialized", Json()),
                                 After(startup_timeout)));
  client->transport_->Agreed(protocol);
  return client;
}

Result<Json> Client::Request(std::string_view method, Json params, Nanos timeout, int cancel_fd) {
  std::int64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    id = next_id_++;
  }
  const Message answer = TRY(
      transport_->Exchange(MakeRequest(id, method, std::move(params)), After(timeout), cancel_fd));
  if (!answer.failed) return answer.result;
  return Failure(Code::kFailedPrecondition,
                 "the server refused " + std::string(method) + ": " + answer.error_message + " (" +
                     std::to_string(answer.error_code) + ")",
                 "mcp_refused");
}

Result<std::vector<RemoteTool>> Client::ListTools(Nanos timeout, int cancel_fd) {
  std::vector<RemoteTool> tools;
  std::string cursor;
  do {
    Json params = Json::MakeObject();
    params.SetIfAny("cursor", cursor);
    const Json page = TRY(Request("tools/list", std::move(params), timeout, cancel_fd));
    const Json* list = page.Find("tools");
    if (list == nullptr || list->Items() == nullptr) break;
    for (const Json& item : *list->Items()) {
      RemoteTool tool{.name = item.StringAt("name"),
                      .description = item.StringAt("description"),
                      .schema = Json::MakeObject()};
      const Json* schema = item.Find("inputSchema");
      if (schema != nullptr && schema->Members() != nullptr) tool.schema = *schema;
      if (tool.schema.Find("type") == nullptr) tool.schema.Set("type", "object");
      tool.description = std::string(FirstCharacters(tool.description, kMaxDescription));
      if (!tool.name.empty()) tools.push_back(std::move(tool));
    }
    cursor = page.StringAt("nextCursor");
  } while (!cursor.empty() && tools.size() < kMaxTools);
  if (tools.size() > kMaxTools) tools.resize(kMaxTools);
  return tools;
}

ToolResult Client::CallTool(const std::string& name, const Json& arguments, Nanos timeout,
                            int cancel_fd) {
  Json params;
  params.Set("name", name).Set("arguments", arguments);
  const auto result = Request("tools/call", std::move(params), timeout, cancel_fd);
  if (!result.ok()) return ToolResult::Of(result.error());
  std::string text;
  const Json* content = result->Find("content");
  if (content != nullptr && content->Items() != nullptr) {
    for (const Json& block : *content->Items()) {
      if (!text.empty() && !text.ends_with('\n')) text += '\n';
      text += BlockText(block);
    }
  }
  const Json* structured = result->Find("structuredContent");
  if (text.empty() && structured != nullptr) text = structured->Dump();
  return result->BoolAt("isError") ? ToolResult::Fail(std::move(text), "mcp_tool_failed")
                                   : ToolResult::Text(std::move(text));
}

std::string ToolName(std::string_view server, std::string_view tool) {
  std::string name = "mcp__" + std::string(server) + "__" + std::string(tool);
  for (char& c : name) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!fine) c = '_';
  }
  return name.substr(0, 64);
}

Result<std::vector<Tool>> ToolsOf(const std::string& server, std::shared_ptr<Client> client,
                                  Nanos startup_timeout, Nanos tool_timeout) {
  const std::vector<RemoteTool> remote = TRY(client->ListTools(startup_timeout));
  std::vector<Tool> tools;
  for (const RemoteTool& one : remote) {
    Tool tool;
    tool.name = ToolName(server, one.name);
    tool.description = one.description;
    tool.category = Category::kShell;
    tool.parameters = one.schema;
    tool.limit = {.characters = 20'000};
    tool.run = [client, name = one.name, tool_timeout](const Json& arguments,
                                                       ToolContext& context) {
      return client->CallTool(name, arguments, tool_timeout, context.cancel_fd);
    };
    tools.push_back(std::move(tool));
  }
  return tools;
}

}  // namespace fabro::agent::mcp
