#include "fabro/agent/loop/session.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>

#include "fabro/linux/unique_fd.h"
#include "tests/support/agent_session.h"

namespace fabro::agent {
namespace {

using Strings = std::vector<std::string>;

TEST_F(SessionTest, AnswersWithoutTools) {
  Session& session = Make(R"({"text":"hello"})");
  const auto answer = session.Submit("hi", Io());
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->text, "hello");
  EXPECT_EQ(answer->turns, 1U);
  EXPECT_GT(answer->usage.input_tokens, 0);
  EXPECT_EQ(Names(), (Strings{"agent.session.started", "agent.input", "agent.message",
                              "agent.processing.end", "agent.session.ended"}));
}

TEST_F(SessionTest, GoesRoundUntilTheModelCallsNoTool) {
  ASSERT_TRUE(sandbox_.WriteFile("old.txt", "alpha\n").ok());
  ASSERT_TRUE(sandbox_.WriteFile("other.txt", "beta\n").ok());
  Session& session = Make(R"(
     {"tools":[{"name":"write_file","args":{"file_path":"old.txt","content":"1\n"}}]},
     {"tools":[{"name":"read_file","args":{"file_path":"./old.txt"}}]},
     {"tools":[{"name":"write_file","args":{"file_path":"old.txt","content":"3\n"}}]},
     {"tools":[{"name":"grep","args":{"pattern":"bet"}}]},
     {"tools":[{"name":"write_file","args":{"file_path":"other.txt","content":"4\n"}},
               {"name":"write_file","args":{"file_path":"new.txt","content":"5\n"}}]},
     {"tools":[{"name":"no_such_tool","args":{}}]},
     {"text":"done"})");
  const auto answer = session.Submit("go", Io());
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->text, "done");
  EXPECT_EQ(Tools(), (Strings{"write_file:error", "read_file:ok", "write_file:ok", "grep:ok",
                              "write_file:ok", "write_file:ok", "no_such_tool:error"}));
  EXPECT_EQ(session.Touched(),
            (Strings{"/workspace/new.txt", "/workspace/old.txt", "/workspace/other.txt"}));
}

TEST_F(SessionTest, CallsOfOneTurnRunSideBySideAndWritesInTheirOrder) {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  sandbox_.OnOther([&](const provider::ExecRequest&) {
    const int now = ++running;
    most = std::max(most.load(), now);
    // Waits for the other one: alone, this would never end.
    while (running.load() < 2 && most.load() < 2) {
    }
    return Result<provider::FakeExec>(provider::FakeExec{});
  });
  Session& session = Make(R"(
     {"tools":[{"name":"shell","args":{"command":"a"}},{"name":"shell","args":{"command":"b"}},
               {"name":"write_file","args":{"file_path":"f","content":"1"}},
               {"name":"read_file","args":{"file_path":"f"}},
               {"name":"write_file","args":{"file_path":"f","content":"2"}}]},
     {"text":"ok"})");
  ASSERT_TRUE(session.Submit("go", Io()).ok());
  EXPECT_EQ(most.load(), 2);
  EXPECT_EQ(sandbox_.ReadFile("f").value_or(""), "2");
  const llm::Message& results = session.history().turns()[2].message;
  ASSERT_EQ(results.parts.size(), 5U);
  EXPECT_EQ(std::get<llm::ToolResultPart>(results.parts[3]).content, "1 | 1\n");
}

TEST_F(SessionTest, PermissionsDenyWhatNobodyApproves) {
  const char* script = R"({"tools":[{"name":"shell","args":{"command":"x"}}]},{"text":"ok"})";
  Session& alone = Make(script, Level::kReadWrite);
  ASSERT_TRUE(alone.Submit("go", Io()).ok());
  EXPECT_EQ(Tools(), Strings{"shell:error"});
  EXPECT_NE(LastOutput().find("needs the level \"full\""), std::string::npos) << LastOutput();
  EXPECT_EQ(Count("agent.permission.asked"), 0);
  EXPECT_EQ(Count("agent.permission.denied"), 1);
  EXPECT_TRUE(sandbox_.Calls().empty());

  events_.clear();
  sandbox_.Script("x", {});
  std::string seen;
  Session& asked = Make(script, Level::kReadWrite, [&](const PermissionQuestion& question) {
    seen = question.arguments;
    return Result<PermissionAnswer>(PermissionAnswer{.consent = Consent::kYes, .by = "ann"});
  });
  ASSERT_TRUE(asked.Submit("go", Io()).ok());
  EXPECT_EQ(Tools(), Strings{"shell:ok"});
  EXPECT_EQ(seen, R"({"command":"x"})");
  EXPECT_EQ(Count("agent.permission.asked"), 1);
  EXPECT_EQ(Count("agent.permission.granted"), 1);
}

TEST_F(SessionTest, SteeringReachesTheModelBeforeItsNextTurn) {
  Session& session = Make(R"({"tools":[{"name":"glob","args":{"pattern":"*"}}]},{"text":"ok"})");
  on_event_ = [&](const AgentEvent& event) {
    if (event.name == "agent.tool.started") session.Steer("look left");
  };
  ASSERT_TRUE(session.Submit("go", Io()).ok());
  EXPECT_EQ(Count("agent.steering.injected"), 1);
  const auto& turns = session.history().turns();
  ASSERT_EQ(turns.size(), 5U);
  EXPECT_EQ(turns[3].kind, Turn::Kind::kSteering);
  EXPECT_EQ(llm::TextOf(turns[3].message), "look left");
}

TEST_F(SessionTest, AFollowUpIsANewInputAfterTheAnswer) {
  Session& session = Make(R"({"text":"one"},{"text":"two"})");
  session.FollowUp("and now?");
  const auto answer = session.Submit("go", Io());
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->text, "two");
  EXPECT_EQ(Count("agent.input"), 2);
}

TEST_F(SessionTest, TheSameCallsAgainAndAgainAreRemarkedOn) {
  config_.max_rounds = 12;
  std::string turns;
  for (int i = 0; i < 12; ++i) {
    turns += R"({"tools":[{"name":"glob","args":{"pattern":"*"}}]},)";
  }
  Session& session = Make(turns + R"({"text":"ok"})");
  const auto answer = session.Submit("go", Io());
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->end, Answer::End::kRoundLimit);
  EXPECT_EQ(Count("agent.loop.detected"), 1);
  EXPECT_EQ(Count("agent.turn.limit"), 1);
}

TEST_F(SessionTest, ABrokenStreamGoesOnWhereItStopped) {
  Session& session = Make(R"({"partial":"half ","text":"whole","error":"stream","times":2})");
  const auto answer = session.Submit("go", Io());
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->text, "half half whole");
  EXPECT_EQ(Count("agent.warning"), 2);
}

TEST_F(SessionTest, APermanentErrorEndsTheSession) {
  Session& session = Make(R"({"error":"auth"})");
  const auto answer = session.Submit("go", Io());
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason, "llm_authentication");
  EXPECT_EQ(Names().back(), "agent.session.ended");
  EXPECT_EQ(Count("agent.error"), 1);
}

TEST_F(SessionTest, AFullWindowIsCompacted) {
  config_.context_window = 2'000;
  ASSERT_TRUE(sandbox_.WriteFile("long", std::string(3'000, 'x')).ok());
  std::string turns;
  for (int i = 1; i <= 8; ++i) {
    turns += R"({"tools":[{"name":"read_file","args":{"file_path":"long","offset":1,"limit":)" +
             std::to_string(i) + "}}]},";
  }
  Session& session = Make(turns + R"({"text":"ok"})");
  const auto answer = session.Submit("the goal", Io());
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->text, "ok");
  EXPECT_GE(Count("agent.compaction.completed"), 1);
  EXPECT_EQ(session.history().turns().front().kind, Turn::Kind::kSummary);
  EXPECT_NE(llm::TextOf(session.history().turns().front().message).find("/workspace/long"),
            std::string::npos);
}

TEST_F(SessionTest, TooLongAContextIsCompactedOnceAndThenGivenUp) {
  Session& session = Make(R"({"error":"context_length"})");
  const auto answer = session.Submit("go", Io());
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason, "llm_context_length");
}

TEST_F(SessionTest, CancellingEndsCommandsAndAnswersTheCalls) {
  const UniqueFd cancel(::eventfd(0, EFD_CLOEXEC));
  cancel_fd_ = cancel.get();
  sandbox_.Script("hang", {.output = {}, .endless = true});
  Session& session = Make(R"({"tools":[{"name":"shell","args":{"command":"hang"}},
                                       {"name":"write_file","args":{"file_path":"f","content":""}}]},
                             {"text":"never"})");
  int started = 0;
  on_event_ = [&](const AgentEvent& event) {
    const std::uint64_t one = 1;
    if (event.name == "agent.tool.started" && ++started == 2) {
      ASSERT_EQ(::write(cancel.get(), &one, sizeof one), 8);
    }
  };
  const auto answer = session.Submit("go", Io());
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason, "llm_canceled");
  EXPECT_EQ(Tools(), (Strings{"shell:error", "write_file:error"}));
  EXPECT_FALSE(sandbox_.FileExists("f").value_or(true));
}

TEST_F(SessionTest, ABudgetIsAskedBeforeEveryCall) {
  Session& session = Make(R"({"tools":[{"name":"glob","args":{"pattern":"*"}}]},{"text":"ok"})");
  SubmitIo io = Io();
  int calls = 0;
  io.may_call = [&]() -> Status {
    if (++calls < 2) return {};
    return Failure(Code::kResourceExhausted, "spent", "budget_exhausted");
  };
  const auto answer = session.Submit("go", io);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason, "budget_exhausted");
}

TEST_F(SessionTest, AStoreThatFailsEndsTheSession) {
  Session& session = Make(R"({"text":"x"})");
  SubmitIo io = Io();
  io.events = [](const AgentEvent& event) -> Status {
    if (event.name != "agent.message") return {};
    return Failure(Code::kResourceExhausted, "disk full", "no_space");
  };
  const auto answer = session.Submit("go", io);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason, "no_space");
}

}  // namespace
}  // namespace fabro::agent
