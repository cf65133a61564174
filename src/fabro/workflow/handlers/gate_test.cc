// Human gates: what is asked, what an answer does, and what a crash leaves of both.
#include "fabro/workflow/handlers/testing/run_test.h"

namespace fabro::workflow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kGate = R"(ask [shape=hexagon, label="Go?"]; yes [script=ok]; no [script=ok];
    start -> ask; ask -> yes [label="[A] Accept"]; ask -> no [label="R) Refuse"];
    ask -> exit [label="S - Stop"]; yes -> exit; no -> exit)";

class GateTest : public testing::RunTest {
 protected:
  std::string Context(const std::string& key) {
    const RunState state = *Replay(store_);
    const auto found = state.context.find(key);
    return found == state.context.end() ? "" : found->second.ToText();
  }
};

TEST_F(GateTest, AKeyANumberALabelAndTheBeginningOfOneChoose) {
  Question question;
  question.options = {{"A", "[A] Accept", "x"}, {"R", "R) Refuse", "y"}, {"S", "S - Stop", "z"}};
  EXPECT_EQ(MatchAnswer(question, "r")->key, "R");
  EXPECT_EQ(MatchAnswer(question, " 3 ")->key, "S");
  EXPECT_EQ(MatchAnswer(question, "ACCEPT")->key, "A");
  EXPECT_EQ(MatchAnswer(question, "ref")->key, "R");
  EXPECT_FALSE(MatchAnswer(question, "4").has_value());
  EXPECT_FALSE(MatchAnswer(question, "maybe").has_value());
  question.allow_freeform = true;
  EXPECT_EQ(MatchAnswer(question, "maybe")->kind, Answer::Kind::kText);
  EXPECT_FALSE(MatchAnswer(question, "  ").has_value());
}

TEST_F(GateTest, TheSecondOptionWithAKeyGetsItsNumber) {
  const Graph graph = GraphOf(R"(ask [shape=hexagon]; start -> ask; ask -> a [label="Start"];
      ask -> b [label="Stop"]; ask -> c; ask -> d [condition="outcome=failed"]; ask -> e [freeform=true])");
  const GraphIndex index(graph);
  const auto options = OptionsOf(index, index.IndexOf("ask"));
  ASSERT_EQ(options.size(), 3U);
  EXPECT_EQ(options[0].key, "S");
  EXPECT_EQ(options[1].key, "2");
  EXPECT_EQ(options[2].key, "C");
  EXPECT_EQ(options[2].label, "c");
}

TEST_F(GateTest, TheAnswerChoosesTheEdgeAndIsRecorded) {
  sandbox_.Script("ok", {});
  Answer("q-1", "refuse");
  EXPECT_EQ(RunGraph(kGate).kind, RunEnd::Kind::kSucceeded);
  EXPECT_THAT(Completed(), ElementsAre("start@1", "ask@1", "no@1", "exit@1"));
  EXPECT_EQ(Context("human.gate.selected"), "R");
  EXPECT_EQ(Context("human.gate.label"), "R) Refuse");
  EXPECT_EQ(Context("human.gate.ask.answer"), "R");
  const auto completed = Events("interview.completed");
  ASSERT_EQ(completed.size(), 1U);
  EXPECT_EQ(completed[0].properties.StringAt("by"), "tester");
}

TEST_F(GateTest, AnAnswerThatFitsNothingIsRefusedAndTheNextOneTaken) {
  sandbox_.Script("ok", {});
  Answer("q-1", "perhaps");
  Answer("q-1", "a");
  EXPECT_EQ(RunGraph(kGate).kind, RunEnd::Kind::kSucceeded);
  EXPECT_EQ(Events("run.notice")[0].properties.StringAt("code"), "answer_rejected");
  EXPECT_THAT(Completed(), ElementsAre("start@1", "ask@1", "yes@1", "exit@1"));
}

TEST_F(GateTest, AutoApprovalTakesTheFirstOption) {
  sandbox_.Script("ok", {});
  config_.auto_approve = true;
  EXPECT_EQ(RunGraph(kGate).kind, RunEnd::Kind::kSucceeded);
  EXPECT_THAT(Completed(), ElementsAre("start@1", "ask@1", "yes@1", "exit@1"));
}

TEST_F(GateTest, WhatWasInterruptedFailsClosed) {
  model::Json nothing;
  nothing.Set("interrupted", true);
  interviews_.Post("q-1", {.item = "i", .by = "eof", .answer = nothing});
  const RunEnd end = RunGraph(kGate);
  EXPECT_EQ(end.kind, RunEnd::Kind::kFailed);
  EXPECT_THAT(Completed(), ElementsAre("start@1", "ask@1"));
}

TEST_F(GateTest, AConditionIsTheOnlyWayOnFromAnUnansweredGate) {
  sandbox_.Script("ok", {});
  model::Json nothing;
  nothing.Set("interrupted", true);
  interviews_.Post("q-1", {.item = "i", .by = "eof", .answer = nothing});
  EXPECT_EQ(RunGraph(R"(ask [shape=hexagon]; a [script=ok]; b [script=ok]; start -> ask;
      ask -> a [label="[A] A"]; ask -> b [condition="outcome=failed"]; a -> exit; b -> exit)")
                .kind,
            RunEnd::Kind::kSucceeded);
  EXPECT_THAT(Completed(), ElementsAre("start@1", "ask@1", "b@1", "exit@1"));
}

TEST_F(GateTest, FreeTextGoesTheFreeformWay) {
  sandbox_.Script("ok", {});
  Answer("q-1", "make it blue");
  EXPECT_EQ(RunGraph(R"(ask [shape=hexagon]; a [script=ok]; b [script=ok]; start -> ask;
      ask -> a [label="[A] A"]; ask -> b [freeform=true]; a -> exit; b -> exit)")
                .kind,
            RunEnd::Kind::kSucceeded);
  EXPECT_THAT(Completed(), ElementsAre("start@1", "ask@1", "b@1", "exit@1"));
  EXPECT_EQ(Context("human.gate.text"), "make it blue");
}

TEST_F(GateTest, ATimeoutTakesTheDefaultChoice) {
  sandbox_.Script("ok", {});
  EXPECT_EQ(RunGraph(R"(ask [shape=hexagon, timeout=1ms, human.default_choice=no]; yes [script=ok];
      no [script=ok]; start -> ask; ask -> yes [label="[A] Accept"]; ask -> no [label="[R] Refuse"];
      yes -> exit; no -> exit)")
                .kind,
            RunEnd::Kind::kSucceeded);
  EXPECT_THAT(Completed(), ElementsAre("start@1", "ask@1", "no@1", "exit@1"));
  EXPECT_EQ(Events("interview.timeout").size(), 1U);
}

TEST_F(GateTest, ATimeoutWithoutDefaultIsRetriedAndThenFails) {
  const RunEnd end = RunGraph(R"(ask [shape=hexagon, timeout=1ms, max_retries=1]; start -> ask;
      ask -> exit [label="[A] Accept"])");
  EXPECT_EQ(end.kind, RunEnd::Kind::kFailed);
  EXPECT_EQ(end.reason, "transient_infra");
  EXPECT_EQ(Events("interview.started").size(), 2U);
}

TEST_F(GateTest, AQuestionIsAskedAgainUnderItsIdAfterAPause) {
  sandbox_.Script("ok", {});
  paused_ = false;
  const Graph graph = GraphOf(kGate);
  {
    // The first worker asks and is told to end.
    RunState state = *Replay(store_);
    FakeClock clock;
    EventLog log(store_, state, RunId("01K"), clock);
    ASSERT_TRUE(log.Emit("run.started").ok());
    const auto control = *Control::Make();
    const EngineDeps deps{.blobs = blobs_,
                          .sandbox = &sandbox_,
                          .checkpointer = nullptr,
                          .handlers = BuiltInHandlers(),
                          .output = output_,
                          .control = *control,
                          .clock = clock,
                          .sleeper = sleeper_,
                          .interviews = &interviews_};
    auto engine = *Engine::Make(graph, {.run = RunId("01K")}, deps, state, log);
    std::thread pauser([&] {
      const UniqueFd watch = *store_.Watch();
      while (Events("interview.started").empty()) {
        ASSERT_TRUE(PollOne(watch.get(), POLLIN).ok());
        store::DrainWatch(watch.get());
      }
      control->Pause();
    });
    const RunEnd end = *engine->Run();
    pauser.join();
    EXPECT_EQ(end.kind, RunEnd::Kind::kPaused);
  }
  Answer("q-1", "a");
  EXPECT_EQ(RunGraph(graph).kind, RunEnd::Kind::kSucceeded);
  const auto asked = Events("interview.started");
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[1].properties.StringAt("question_id"), "q-1");
  EXPECT_EQ(Events("stage.interrupted").size(), 1U);
  EXPECT_THAT(Completed(), ElementsAre("start@1", "ask@1", "yes@1", "exit@1"));
}

TEST_F(GateTest, ARecordedAnswerIsNotAskedForAgain) {
  sandbox_.Script("ok", {});
  const Graph graph = GraphOf(kGate);
  Answer("q-1", "a");
  RunGraph(graph);
  // As a worker that died right after it recorded the answer left the store.
  store::MemoryStore cut;
  for (model::Event& event : All(store_)) {
    const bool last = event.name == "interview.completed";
    std::vector<model::Event> one{std::move(event)};
    ASSERT_TRUE(cut.Append(one).ok());
    if (last) break;
  }
  RunState state = *Replay(cut);
  FakeClock clock;
  EventLog log(cut, state, RunId("01K"), clock);
  ASSERT_TRUE(log.Emit("run.resumed").ok());
  const auto control = *Control::Make();
  const EngineDeps deps{.blobs = blobs_,
                        .sandbox = &sandbox_,
                        .checkpointer = nullptr,
                        .handlers = BuiltInHandlers(),
                        .output = output_,
                        .control = *control,
                        .clock = clock,
                        .sleeper = sleeper_,
                        .interviews = nullptr};
  auto engine = *Engine::Make(graph, {.run = RunId("01K")}, deps, state, log);
  EXPECT_EQ(engine->Run()->kind, RunEnd::Kind::kSucceeded);
  std::size_t asked = 0;
  for (const model::Event& event : All(cut)) asked += event.name == "interview.started";
  EXPECT_EQ(asked, 1U);
}

TEST_F(GateTest, AStageThatWasInterruptedAsksBeforeItRunsAgain) {
  const Graph graph = GraphOf("a [script=ok, resume=ask]; start -> a -> exit");
  sandbox_.Script("ok", {});
  RunGraph(graph);
  store::MemoryStore cut;
  for (model::Event& event : All(store_)) {
    const bool last = event.name == "stage.started" && event.node_id == "a";
    std::vector<model::Event> one{std::move(event)};
    ASSERT_TRUE(cut.Append(one).ok());
    if (last) break;
  }
  RunState state = *Replay(cut);
  FakeClock clock;
  EventLog log(cut, state, RunId("01K"), clock);
  ASSERT_TRUE(log.Emit("run.resumed").ok());
  Answer("q-1", "no");
  const auto control = *Control::Make();
  const EngineDeps deps{.blobs = blobs_,
                        .sandbox = &sandbox_,
                        .checkpointer = nullptr,
                        .handlers = BuiltInHandlers(),
                        .output = output_,
                        .control = *control,
                        .clock = clock,
                        .sleeper = sleeper_,
                        .interviews = &interviews_};
  auto engine = *Engine::Make(graph, {.run = RunId("01K")}, deps, state, log);
  const RunEnd end = *engine->Run();
  EXPECT_EQ(end.kind, RunEnd::Kind::kFailed);
  EXPECT_THAT(end.message, HasSubstr("nobody wanted it run again"));
}

}  // namespace
}  // namespace fabro::workflow
