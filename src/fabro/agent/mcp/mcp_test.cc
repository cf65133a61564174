#include <gtest/gtest.h>

#include "fabro/agent/mcp/client.h"
#include "fabro/codec/json/json.h"

namespace fabro::agent::mcp {
namespace {

using model::Json;

Json Parse(std::string_view text) { return codec::ParseJson(text).value_or(Json()); }

TEST(McpMessage, IsReadOrRefused) {
  EXPECT_EQ(ParseMessage(R"({"jsonrpc":"2.0","id":1,"result":{}})")->kind,
            Message::Kind::kResponse);
  EXPECT_EQ(ParseMessage(R"({"jsonrpc":"2.0","id":"a","method":"ping"})")->kind,
            Message::Kind::kRequest);
  EXPECT_EQ(ParseMessage(R"({"jsonrpc":"2.0","method":"x"})")->kind, Message::Kind::kNotification);
  EXPECT_TRUE(
      ParseMessage(R"({"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m"}})")->failed);
  for (const char* bad :
       {"", "[]", "{}", R"({"jsonrpc":"1.0","id":1,"result":{}})", R"({"jsonrpc":"2.0","id":1})",
        R"({"jsonrpc":"2.0","result":{}})", R"({"jsonrpc":"2.0","method":3})"}) {
    EXPECT_FALSE(ParseMessage(bad).ok()) << bad;
  }
}

TEST(McpMessage, QuestionsAreAnsweredWithTheirDefaultsOrDeclined) {
  EXPECT_EQ(AnswerElicitation(Parse(R"({"requestedSchema":{"properties":{
                "n":{"type":"integer","default":3},"o":{"type":"string"}}}})"))
                .Dump(),
            R"({"action":"accept","content":{"n":3}})");
  EXPECT_EQ(AnswerElicitation(Parse(R"({"requestedSchema":{"required":["n"],"properties":{
                "n":{"type":"integer"}}}})"))
                .Dump(),
            R"({"action":"decline"})");
  EXPECT_EQ(AnswerElicitation(Json()).Dump(), R"({"action":"decline"})");
  Message other{.kind = Message::Kind::kRequest, .id = Json(1), .method = "sampling/createMessage"};
  EXPECT_NE(AnswerServer(other).Find("error"), nullptr);
}

TEST(McpClient, NamesOfToolsAreTame) {
  EXPECT_EQ(ToolName("my server", "read/file"), "mcp__my_server__read_file");
  EXPECT_EQ(ToolName("s", std::string(100, 'x')).size(), 64U);
}

// A server in a few lines of shell: it answers by what stands in the request.
constexpr const char* kServer = R"sh(
while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case $line in
    *'"initialize"'*) echo '{"jsonrpc":"2.0","id":'$id',"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"sh","version":"1"}}}' ;;
    *'"tools/list"'*)
      echo '{"jsonrpc":"2.0","id":"ask","method":"ping"}'
      read -r pong
      echo '{"jsonrpc":"2.0","id":'$id',"result":{"tools":[{"name":"echo","description":"d","inputSchema":{"type":"object","properties":{"t":{"type":"string"}}}}]}}' ;;
    *'"boom"'*) exit 1 ;;
    *'"hang"'*) read -r never ;;
    *'"tools/call"'*) echo '{"jsonrpc":"2.0","id":'$id',"result":{"content":[{"type":"text","text":"hi"},{"type":"image","mimeType":"image/png","data":""}]}}' ;;
  esac
done)sh";

Result<std::shared_ptr<Client>> Start() {
  auto transport = TRY(StartStdioTransport(
      {.argv = {"/bin/sh", "-c", kServer}, .env = {"PATH=/usr/bin:/bin"}, .cwd = {}}));
  std::unique_ptr<Client> client =
      TRY(Client::Connect(std::move(transport), std::chrono::seconds(10)));
  return std::shared_ptr<Client>(std::move(client));
}

TEST(McpClient, TalksToAChild) {
  const auto client = Start();
  ASSERT_TRUE(client.ok()) << client.error().message;
  EXPECT_EQ((*client)->server_name(), "sh");
  const auto tools = ToolsOf("s", *client, std::chrono::seconds(10), std::chrono::seconds(10));
  ASSERT_TRUE(tools.ok()) << tools.error().message;
  ASSERT_EQ(tools->size(), 1U);
  EXPECT_EQ(tools->front().name, "mcp__s__echo");
  const ToolResult result =
      (*client)->CallTool("echo", Json::MakeObject(), std::chrono::seconds(10), -1);
  EXPECT_EQ(result.output, "hi\n[image, image/png]");
}

TEST(McpClient, AServerThatEndsOrHangsIsAFailedCall) {
  const auto client = Start();
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(
      (*client)->CallTool("hang", Json::MakeObject(), std::chrono::milliseconds(50), -1).reason,
      "mcp_timeout");
  const auto other = Start();
  EXPECT_EQ((*other)->CallTool("boom", Json::MakeObject(), std::chrono::seconds(10), -1).reason,
            "mcp_gone");
}

TEST(McpClient, AProgramThatIsNoneIsAnError) {
  EXPECT_FALSE(StartStdioTransport({.argv = {"/no/such"}, .env = {}, .cwd = {}}).ok());
}

}  // namespace
}  // namespace fabro::agent::mcp
