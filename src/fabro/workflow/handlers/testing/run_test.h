// For tests of the engine with the real handlers: a run over the fake sandbox and a store in
// memory.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fabro/linux/scoped_dir.h"
#include "fabro/provider/fake/fake.h"
#include "fabro/workflow/engine/engine.h"
#include "fabro/workflow/graph/parser.h"
#include "fabro/workflow/handlers/table.h"

namespace fabro::workflow::testing {

class NoOutput final : public StageOutput {
 public:
  Result<model::Json> Begin(std::uint64_t, const std::string&) override { return model::Json(); }
  Status Append(std::uint64_t, provider::Stream, std::string_view) override { return {}; }
};

// Notes the spans and does not wait.
class NotedSleeper final : public Sleeper {
 public:
  bool Sleep(Nanos span, int) override {
    const std::lock_guard lock(mutex_);
    spans.push_back(span);
    return true;
  }
  std::vector<Nanos> spans;

 private:
  std::mutex mutex_;
};

// A wall clock that stands and a steady one too.
class RunTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(sandbox_.Initialize().ok()); }

  static Graph GraphOf(const std::string& body) {
    auto graph = Parse(
        "digraph T { node [shape=parallelogram]; start [shape=Mdiamond]; "
        "exit [shape=Msquare]; " +
        body + " }");
    EXPECT_TRUE(graph.has_value()) << graph.error().message;
    return graph.has_value() ? *std::move(graph) : Graph{};
  }

  // A spell of the run in `store_`: from its beginning, or a resume of what is there.
  RunEnd RunGraph(const std::string& body) { return RunGraph(GraphOf(body)); }
  RunEnd RunGraph(const Graph& graph, const ChildWorkflows* children = nullptr) {
    RunState state = *Replay(store_);
    FakeClock clock;
    EventLog log(store_, state, RunId("01K"), clock);
    EXPECT_TRUE(log.Emit(state.started ? "run.resumed" : "run.started").ok());
    control_ = *Control::Make();
    if (cancelled_) control_->Cancel(CancelReason::kUser);
    if (paused_) control_->Pause();
    const EngineDeps deps{.blobs = blobs_,
                          .sandbox = &sandbox_,
                          .checkpointer = nullptr,
                          .handlers = BuiltInHandlers(),
                          .output = output_,
                          .control = *control_,
                          .clock = clock,
                          .sleeper = sleeper_,
                          .interviews = &interviews_};
    config_.run = RunId("01K");
    auto engine = Engine::Make(graph, config_, deps, state, log, children);
    EXPECT_TRUE(engine.ok()) << engine.error().ToString();
    auto end = (*engine)->Run();
    EXPECT_TRUE(end.ok()) << end.error().ToString();
    return *end;
  }

  void Answer(const std::string& question, const std::string& text) {
    model::Json json;
    json.Set("text", text);
    interviews_.Post(question, {.item = "item", .by = "tester", .answer = json});
  }

  static std::vector<model::Event> All(store::EventStore& store) {
    auto events = store.Read(0, 100'000);
    EXPECT_TRUE(events.ok());
    return events.ok() ? *std::move(events) : std::vector<model::Event>();
  }

  std::vector<model::Event> Events(const std::string& name) {
    std::vector<model::Event> found;
    for (model::Event& event : All(store_)) {
      if (event.name == name) found.push_back(std::move(event));
    }
    return found;
  }

  std::vector<std::string> Completed() {
    std::vector<std::string> stages;
    for (const model::Event& event : Events("stage.completed")) stages.push_back(event.stage_id);
    return stages;
  }

  static provider::FakeExec Exits(int code) {
    provider::FakeExec exec;
    exec.exit_code = code;
    return exec;
  }
  static provider::FakeExec Endless() {
    provider::FakeExec exec;
    exec.endless = true;
    return exec;
  }

  TempDir dir_ = *TempDir::Make("fabro-loop-test");
  store::BlobStore blobs_{dir_.path()};
  store::MemoryStore store_;
  provider::FakeSandbox sandbox_;
  NoOutput output_;
  NotedSleeper sleeper_;
  Interviews interviews_;
  std::unique_ptr<Control> control_;
  EngineConfig config_;
  bool cancelled_ = false;
  bool paused_ = false;
};

}  // namespace fabro::workflow::testing
