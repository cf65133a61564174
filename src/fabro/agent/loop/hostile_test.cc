// A model that means harm, or makes no sense.
#include "fabro/linux/scoped_dir.h"
#include "fabro/provider/local/local.h"
#include "tests/support/agent_session.h"

namespace fabro::agent {
namespace {

using Strings = std::vector<std::string>;

// Calls one tool and then answers.
class Blurting final : public llm::Model {
 public:
  Blurting(std::string tool, std::string arguments)
      : call_{.id = "1",
              .name = std::move(tool),
              .arguments = std::move(arguments),
              .signature = {}} {}
  Result<llm::Response> Generate(const llm::Request&, const llm::Sink&, int) override {
    llm::Response response;
    response.message = llm::TextMessage(llm::Role::kAssistant, "ok");
    if (!std::exchange(called_, true)) response.message.parts = {std::move(call_)};
    return response;
  }

 private:
  llm::ToolCallPart call_;
  bool called_ = false;
};

TEST_F(SessionTest, GarbageForArgumentsIsAnErrorResult) {
  Session& session = Make(R"(
    {"tools":[{"name":"shell","raw_args":"not json"},{"name":"shell","raw_args":"[1,2]"},
              {"name":"shell","raw_args":"{\"command\":"},{"name":"shell","raw_args":""},
              {"name":"shell","args":{"command":["rm","-rf","/"]}},
              {"name":"shell","args":{"command":"x","timeout_ms":"soon"}},
              {"name":"read_file","args":{"file_path":null}},
              {"name":"\u001b[2J","args":{}},{"name":"../../bin/sh","args":{}}]},
    {"text":"ok"})");
  const auto answer = session.Submit("go", Io());
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->tool_calls, 9U);
  for (const std::string& tool : Tools()) EXPECT_TRUE(tool.ends_with(":error")) << tool;
  EXPECT_TRUE(sandbox_.Calls().empty());
}

TEST_F(SessionTest, DeeplyNestedArgumentsAreRefused) {
  std::string deep;
  for (int i = 0; i < 5'000; ++i) deep += "[";
  Session& session =
      Make(R"({"tools":[{"name":"shell","raw_args":")" + deep + R"("}]},{"text":"ok"})");
  ASSERT_TRUE(session.Submit("go", Io()).ok());
  EXPECT_EQ(Tools(), Strings{"shell:error"});
}

TEST_F(SessionTest, AThousandCallsInOneTurnAreAllAnsweredAndFewAreRun) {
  std::string calls;
  for (int i = 0; i < 1'000; ++i) {
    calls += std::string(i == 0 ? "" : ",") + R"({"name":"glob","args":{"pattern":")" +
             std::to_string(i) + R"("}})";
  }
  Session& session = Make(R"({"tools":[)" + calls + R"(]},{"text":"ok"})");
  const auto answer = session.Submit("go", Io());
  ASSERT_TRUE(answer.ok());
  int ran = 0;
  for (const std::string& tool : Tools()) ran += tool == "glob:ok" ? 1 : 0;
  EXPECT_EQ(ran, 128);
  EXPECT_EQ(session.history().turns()[2].message.parts.size(), 1'000U);
}

TEST_F(SessionTest, EndlessCallsEndAtTheLimit) {
  config_.max_turns = 20;
  std::string turns;
  for (int i = 0; i < 30; ++i) {
    turns += R"({"tools":[{"name":"glob","args":{"pattern":")" + std::to_string(i) + R"("}}]},)";
  }
  Session& session = Make(turns + R"({"text":"ok"})");
  const auto answer = session.Submit("go", Io());
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->end, Answer::End::kTurnLimit);
  EXPECT_EQ(answer->turns, 20U);
}

TEST_F(SessionTest, HugeArgumentsStayOutOfEvents) {
  Blurting model("write_file",
                 R"({"file_path":"f","content":")" + std::string(32'000'000, 'x') + R"("})");
  Session session(model, sandbox_, SandboxTools(Profile::kOther),
                  std::make_shared<Permissions>(Level::kFull, nullptr), config_);
  const auto answer = session.Submit("go", Io());
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(Tools(), Strings{"write_file:error"});
  for (const AgentEvent& event : events_) EXPECT_LT(event.properties.Dump().size(), 300'000U);
}

TEST_F(SessionTest, EscapeCodesInAQuestionAreShownInert) {
  std::string seen;
  Session& session = Make(
      R"({"tools":[{"name":"shell","args":{"command":"\u001b[2J\u001b[1;1Hls \u202e"}}]},{"text":"ok"})",
      Level::kReadOnly, [&](const PermissionQuestion& question) {
        seen = question.arguments;
        return Result<PermissionAnswer>(PermissionAnswer{});
      });
  ASSERT_TRUE(session.Submit("go", Io()).ok());
  EXPECT_EQ(seen.find('\x1b'), std::string::npos);
  EXPECT_EQ(seen.find("\u202e"), std::string::npos);
}

// On this machine nothing but permissions keeps a file tool in the workspace.
TEST_F(SessionTest, APathOutOfTheWorkspaceNeedsFullOnThisMachine) {
  auto dir = TempDir::Make("hostile");
  ASSERT_TRUE(dir.ok());
  auto local = provider::MakeLocalSandbox({.working_directory = dir->path(),
                                           .env = {},
                                           .filter = {},
                                           .run_id = "t",
                                           .host_environment = provider::OwnEnvironment()});
  ASSERT_TRUE(local->Initialize().ok());
  (void)Make(R"({"tools":[
      {"name":"write_file","args":{"file_path":"/var/tmp/../../etc/fabro-was-here","content":"x"}},
      {"name":"write_file","args":{"file_path":".git/hooks/post-checkout","content":"x"}},
      {"name":"write_file","args":{"file_path":"fine.txt","content":"x"}}]},{"text":"ok"})");
  Session session(*model_, *local, SandboxTools(Profile::kOther),
                  std::make_shared<Permissions>(Level::kReadWrite, nullptr), config_);
  ASSERT_TRUE(session.Submit("go", Io()).ok());
  EXPECT_EQ(Tools(), (Strings{"write_file:error", "write_file:error", "write_file:ok"}));
}

}  // namespace
}  // namespace fabro::agent
