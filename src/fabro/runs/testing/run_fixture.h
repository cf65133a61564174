// For tests of runs: a storage directory, a workspace, and workers that are real processes.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/runs/runs.h"
#include "fabro/store/event_store.h"

// The build names the program.
#ifndef FABRO_TEST_WORKER
#define FABRO_TEST_WORKER "runs_test_worker"
#endif

namespace fabro::runs::testing {

class RunFixture : public ::testing::Test {
 protected:
  RunSpec SpecOf(const std::string& graph) const {
    RunSpec spec;
    spec.workflow = "test";
    spec.workflow_path = dir_.path() + "/test.fabro";
    spec.graph_source = graph;
    spec.environment = "local";
    spec.source_directory = Workspace();
    return spec;
  }
  RunRef MakeRun(const RunSpec& spec) const {
    auto run = Create(Storage(), spec);
    EXPECT_TRUE(run.ok()) << run.error().ToString();
    return run.ok() ? *run : RunRef{};
  }
  // Waits until the worker is gone, whatever the run's state is then.
  RunSummary Ended(const RunRef& run) const {
    auto summary = Wait(run, std::nullopt);
    EXPECT_TRUE(summary.ok()) << summary.error().ToString();
    return summary.ok() ? *summary : RunSummary{};
  }
  static std::vector<model::Event> Events(const RunRef& run) {
    auto store = store::OpenRunDb(run.dir, true);
    EXPECT_TRUE(store.ok()) << store.error().ToString();
    return store.ok() ? *(*store)->Read(0, 100'000) : std::vector<model::Event>();
  }
  static std::vector<std::string> Names(const std::vector<model::Event>& events) {
    std::vector<std::string> names;
    for (const model::Event& event : events) names.push_back(event.name);
    return names;
  }
  static std::string Log(const RunRef& run) {
    auto text = ReadFile(run.dir + "/runtime/server.log");
    return text.ok() ? *text : std::string();
  }

  std::string Storage() const { return dir_.path() + "/storage"; }
  std::string Workspace() const { return dir_.path() + "/work"; }
  static WorkerCommand Worker() { return {.program = FABRO_TEST_WORKER, .arguments = {}}; }

  void SetUp() override { ASSERT_TRUE(MakeDirs(Workspace()).ok()); }

  TempDir dir_ = *TempDir::Make("fabro-runs-test");
};

// The next worker kills itself after so many events.
class KillAfter {
 public:
  explicit KillAfter(std::size_t events) {
    ::setenv("FABRO_TEST_KILL_AFTER", std::to_string(events).c_str(), 1);
  }
  ~KillAfter() { ::unsetenv("FABRO_TEST_KILL_AFTER"); }
  KillAfter(const KillAfter&) = delete;
  KillAfter& operator=(const KillAfter&) = delete;
};

}  // namespace fabro::runs::testing
