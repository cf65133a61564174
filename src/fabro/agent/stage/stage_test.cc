#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fabro/agent/llm/scripted/scripted.h"
#include "fabro/agent/stage/agents.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/provider/fake/fake.h"

namespace fabro::agent {
namespace {

class StageTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(sandbox_.Initialize().ok()); }

  void Make(const std::string& script) {
    auto parsed = llm::ParseScript(script);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    const auto shared = std::make_shared<const llm::Script>(*parsed);
    config_.open_model = [shared](const ModelChoice& choice, bool) -> Result<OpenedModel> {
      return OpenedModel{.model = std::make_shared<llm::Scripted>(shared),
                         .id = choice.model.empty() ? "scripted" : choice.model,
                         .provider = "scripted"};
    };
    agents_ = MakeAgents(config_, clock_);
  }

  Result<StageAnswer> Run(const std::string& node, const std::string& thread = {},
                          std::uint64_t attempts = 0) {
    StageRequest request;
    request.node = node;
    request.prompt = "do it";
    request.thread_key = thread;
    request.finished_attempts = attempts;
    request.sandbox = &sandbox_;
    request.exec_id = "r/1";
    request.timeout = timeout_;
    request.one_call = one_call_;
    request.event = [this](const std::string& name, const model::Json& properties) -> Status {
      events_.emplace_back(name, properties);
      return {};
    };
    return agents_->Run(request);
  }

  std::string InputTurns() const {
    for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
      if (event->first == "agent.message") {
        return std::to_string(event->second.Find("usage")->IntAt("input_tokens"));
      }
    }
    return {};
  }

  FakeClock clock_;
  provider::FakeSandbox sandbox_;
  AgentsConfig config_;
  std::unique_ptr<Agents> agents_;
  std::optional<Nanos> timeout_;
  bool one_call_ = false;
  std::vector<std::pair<std::string, model::Json>> events_;
};

TEST_F(StageTest, AnswersWithTextFilesUsageAndDirectives) {
  Make(R"({"a":[{"turns":[
      {"tools":[{"name":"write_file","args":{"file_path":"d/x","content":"1"}}]},
      {"text":"done {\"outcome\":\"failed\",\"failure_reason\":\"no\"}"}]}]})");
  const auto answer = Run("a");
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->files_touched, std::vector<std::string>{"d/x"});
  ASSERT_TRUE(answer->directives);
  EXPECT_EQ(answer->directives->outcome, "failed");
  EXPECT_EQ(answer->usage.IntAt("tool_calls"), 1);
  EXPECT_EQ(answer->model, "scripted");
}

TEST_F(StageTest, AStatusFileSpeaksWhenTheTextDoesNot) {
  Make(R"({"a":[{"turns":[
      {"tools":[{"name":"write_file","args":{"file_path":"status.json",
                 "content":"{\"outcome\":\"skipped\",\"preferred_label\":\"B\"}"}}]},
      {"text":"see the file"}]}], "b":[{"text":"nothing"}]})");
  const auto answer = Run("a");
  ASSERT_TRUE(answer.ok());
  ASSERT_TRUE(answer->directives);
  EXPECT_EQ(answer->directives->preferred_next_label, "B");
  // It is old for the next stage.
  EXPECT_FALSE(Run("b")->directives);
}

TEST_F(StageTest, AThreadGoesOnAndAFreshSessionDoesNot) {
  Make(R"({"a":[{"text":"one"}],"b":[{"text":"two"}]})");
  ASSERT_TRUE(Run("a", "t").ok());
  const int first = std::stoi(InputTurns());
  ASSERT_TRUE(Run("b", "t").ok());
  EXPECT_GT(std::stoi(InputTurns()), first);
  ASSERT_TRUE(Run("b").ok());
  EXPECT_EQ(std::stoi(InputTurns()), first);
}

TEST_F(StageTest, APromptNodeMakesOneCallWithoutTools) {
  Make(
      R"({"a":[{"turns":[{"text":"t","tools":[{"name":"shell","args":{"command":"x"}}]},{"text":"u"}]}]})");
  one_call_ = true;
  const auto answer = Run("a");
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->text, "t");
  EXPECT_EQ(answer->usage.IntAt("turns"), 1);
}

TEST_F(StageTest, ATimeLimitEndsTheModelAndIsTransient) {
  Make(R"({"a":[{"turns":[{"hang":true}]}]})");
  timeout_ = std::chrono::milliseconds(20);
  const auto answer = Run("a");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason, "timeout");
  EXPECT_EQ(agents_->FailureClass(answer.error()), "transient_infra");
}

TEST_F(StageTest, ErrorsOfAModelHaveTheirClass) {
  Make(R"({"a":[{"error":"rate_limit"},{"error":"auth"},{"error":"context_length"}]})");
  EXPECT_EQ(agents_->FailureClass(Run("a", {}, 0).error()), "transient_infra");
  EXPECT_EQ(agents_->FailureClass(Run("a", {}, 1).error()), "deterministic");
  EXPECT_EQ(agents_->FailureClass(Run("a", {}, 2).error()), "budget_exhausted");
}

TEST_F(StageTest, AnAgentStartsAnotherAndWaitsForIt) {
  Make(R"({"a":[{"turns":[
      {"tools":[{"name":"spawn_agent","args":{"task":"write x"}}]},
      {"tools":[{"name":"wait","args":{"agent_id":"a1"}}]},
      {"tools":[{"name":"send_input","args":{"agent_id":"a1","message":"again"}}]},
      {"tools":[{"name":"wait","args":{"agent_id":"a1"}}]},
      {"tools":[{"name":"close_agent","args":{"agent_id":"a1"}}]},
      {"tools":[{"name":"wait","args":{"agent_id":"a1"}}]},
      {"text":"all done"}]}],
    "a/1":[{"turns":[
      {"tools":[{"name":"write_file","args":{"file_path":"x","content":"1"}},
                {"name":"spawn_agent","args":{"task":"no deeper"}}]},
      {"text":"x is written"},{"text":"again it is"}]}]})");
  const auto answer = Run("a");
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->text, "all done");
  EXPECT_EQ(answer->files_touched, std::vector<std::string>{"x"});
  std::vector<std::string> waits;
  std::vector<std::string> deeper;
  for (const auto& [name, properties] : events_) {
    if (name != "agent.tool.completed") continue;
    const std::string tool = properties.StringAt("tool_name");
    if (tool == "wait") waits.push_back(properties.StringAt("output"));
    if (tool == "spawn_agent") deeper.push_back(properties.StringAt("reason"));
  }
  ASSERT_EQ(waits.size(), 3U);
  EXPECT_EQ(waits[0], "success: true\nturns_used: 2\noutput:\nx is written");
  EXPECT_EQ(waits[1], "success: true\nturns_used: 1\noutput:\nagain it is");
  EXPECT_EQ(waits[2], "there is no such agent");
  ASSERT_EQ(deeper.size(), 2U);
  EXPECT_EQ(deeper[1] + deeper[0], "tool_unknown");
}

TEST_F(StageTest, ChildrenEndWithTheirParent) {
  Make(R"({"a":[{"turns":[{"tools":[{"name":"spawn_agent","args":{"task":"hang"}}]},
                          {"text":"I do not wait"}]}],
           "a/1":[{"turns":[{"hang":true}]}]})");
  ASSERT_TRUE(Run("a").ok());
  int failed = 0;
  for (const auto& [name, properties] : events_) failed += name == "agent.sub.failed" ? 1 : 0;
  EXPECT_EQ(failed, 1);
}

// The fake's network is "block": what works outside of it would be a way around.
TEST_F(StageTest, ServersOutsideOfARestrictedSandboxAreNotStarted) {
  const auto dir = TempDir::Make("agent_stage");
  ASSERT_TRUE(dir.ok());
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener.get(), plain, size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), plain, &size), 0);
  const std::string marker = dir->path() + "/started";
  McpServerConfig stdio{
      .name = "child", .type = "stdio", .argv = {"/bin/touch", marker}, .url = {}};
  stdio.startup_timeout = std::chrono::milliseconds(100);
  McpServerConfig http{.name = "far", .type = "http", .argv = {}, .url = {}};
  http.url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/mcp";
  http.startup_timeout = std::chrono::milliseconds(100);
  config_.mcp_servers = {stdio, http};
  Make(R"({"a":[{"turns":[{"tools":[{"name":"mcp__child__x","args":{}}]},{"text":"t"}]}]})");
  ASSERT_TRUE(Run("a").ok());
  int refused = 0;
  for (const auto& [name, properties] : events_) {
    if (name == "agent.mcp.failed") {
      refused += properties.StringAt("code") == "network_policy" ? 1 : 0;
    }
  }
  EXPECT_EQ(refused, 2);
  EXPECT_NE(::access(marker.c_str(), F_OK), 0);
  EXPECT_EQ(::accept(listener.get(), nullptr, nullptr), -1);  // Nobody came.
}

TEST_F(StageTest, SecretsDoNotLeaveInEvents) {
  config_.redact = [](std::string text) {
    for (std::size_t at = text.find("hunter2"); at != std::string::npos;
         at = text.find("hunter2")) {
      text.replace(at, 7, "***");
    }
    return text;
  };
  Make(R"({"a":[{"turns":[{"tools":[{"name":"shell","args":{"command":"echo hunter2"}}]},
                          {"text":"it is hunter2"}]}]})");
  ASSERT_TRUE(Run("a").ok());
  for (const auto& [name, properties] : events_) {
    EXPECT_EQ(properties.Dump().find("hunter2"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace fabro::agent
