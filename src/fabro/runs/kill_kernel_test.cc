// The worker is killed after every single event of a run, and the run resumed: it must end as if
// nothing had happened, except that the stage that was in flight runs again and says so. The
// resume is killed as well: at a sample of its events, and at each one in the soak.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "fabro/runs/runs.h"
#include "fabro/runs/testing/run_fixture.h"

namespace fabro::runs {
namespace {

using testing::KillAfter;

// A loop, a failing stage, a retry target behind a goal gate and a conditional; each command leaves
// a line in `trace`, so that what really ran is known and not only what the events say.
constexpr const char* kGraph = R"(digraph Kill {
  node [shape=parallelogram]
  start [shape=Mdiamond]
  exit [shape=Msquare]
  build [script="echo build >> trace; echo built > built.log"]
  test [script="echo test >> trace; test -e fixed", goal_gate=true, retry_target=fix]
  ask [shape=diamond]
  fix [script="echo fix >> trace; touch fixed", max_visits=1]
  pack [script="echo pack >> trace; echo packed > packed.log; echo two > two.log"]
  start -> build -> test -> ask
  ask -> pack [condition="outcome=succeeded"]
  ask -> fix
  fix -> build
  pack -> exit
})";

struct Traversal {
  RunStatus status = RunStatus::kSubmitted;
  std::vector<std::string> completed;  // Stage ids, in order.
  std::vector<std::string> edges;      // "from>to".
  std::vector<std::string> artifacts;  // "stage id/path", sorted, each once.
  friend bool operator==(const Traversal&, const Traversal&) = default;
};

class KillTest : public testing::RunFixture {
 protected:
  void SetUp() override {
    RunFixture::SetUp();
    const RunRef run = MakeRun(Spec());
    ASSERT_TRUE(Start(run, Worker()).ok());
    whole_ = TraversalOf(run, Ended(run));
    events_ = Events(run).size();
    ASSERT_EQ(whole_.status, RunStatus::kSucceeded) << Log(run);
    ASSERT_EQ(whole_.artifacts.size(), 4U);
    clean_trace_ = Trace();
  }

  RunSpec Spec() const {
    RunSpec spec = SpecOf(kGraph);
    spec.artifacts_include = {"*.log"};
    return spec;
  }

  static Traversal TraversalOf(const RunRef& run, const RunSummary& summary) {
    Traversal traversal{
        .status = summary.status, .completed = {}, .edges = {}, .artifacts = summary.artifacts};
    std::sort(traversal.artifacts.begin(), traversal.artifacts.end());
    for (const model::Event& event : Events(run)) {
      if (event.name == "stage.completed") traversal.completed.push_back(event.stage_id);
      if (event.name == "edge.selected") {
        traversal.edges.push_back(event.properties.StringAt("from_node") + ">" +
                                  event.properties.StringAt("to_node"));
      }
    }
    return traversal;
  }

  std::vector<std::string> Trace() const {
    auto text = ReadFile(Workspace() + "/trace");
    std::vector<std::string> lines;
    if (!text.ok()) return lines;
    for (std::size_t begin = 0; begin < text->size();) {
      const std::size_t end = text->find('\n', begin);
      lines.push_back(text->substr(begin, end - begin));
      begin = end + 1;
    }
    return lines;
  }

  RunRef FreshRun() const {
    EXPECT_TRUE(RemoveTree(Workspace()).ok());
    EXPECT_TRUE(MakeDirs(Workspace()).ok());
    return MakeRun(Spec());
  }

  // Starts or resumes; true when there was something left to do.
  static void Continue(const RunRef& run, bool first) {
    const Status begun = first ? Start(run, Worker()) : Resume(run, Worker());
    // Killed before it could say that it was ready, or after everything was done.
    if (begun.ok()) return;
    EXPECT_TRUE(begun.error().reason == "launch_failed" || begun.error().reason == "run_finished")
        << begun.error().ToString();
  }

  // What holds whatever happened on the way.
  void ExpectAsIfNothingHadHappened(const RunRef& run, const RunSummary& summary,
                                    std::size_t kills) const {
    EXPECT_EQ(TraversalOf(run, summary), whole_) << Log(run);
    std::map<std::string, int> completions;
    std::set<std::string> rerun;
    std::size_t interruptions = 0;
    for (const model::Event& event : Events(run)) {
      if (event.name == "stage.completed") {
        EXPECT_EQ(++completions[event.stage_id], 1) << event.stage_id;
      }
      if (event.name == "stage.interrupted") ++interruptions;
      if (event.name != "stage.started") continue;
      EXPECT_EQ(completions[event.stage_id], 0) << event.stage_id << " ran after it completed";
      if (event.properties.BoolAt("rerun")) rerun.insert(event.stage_id);
    }
    EXPECT_LE(interruptions, kills);
    // A stage that is not said to have run again did not: at most one line a kill is too much.
    EXPECT_GE(Trace().size(), clean_trace_.size());
    EXPECT_LE(Trace().size(), clean_trace_.size() + interruptions);
    for (std::uint64_t seq = 1; const model::Event& event : Events(run)) {
      EXPECT_EQ(event.seq, seq++);
    }
  }

  Traversal whole_;
  std::size_t events_ = 0;
  std::vector<std::string> clean_trace_;
};

TEST_F(KillTest, AResumeAfterAnyEventEndsAsIfNothingHadHappened) {
  // The first event is the creator's; the worker's are the others.
  for (std::size_t after = 1; after < events_; ++after) {
    SCOPED_TRACE("killed after event " + std::to_string(after));
    const RunRef run = FreshRun();
    {
      const KillAfter kill(after);
      Continue(run, true);
      Ended(run);
    }
    if (!Inspect(run)->ref.id.value().empty() && Inspect(run)->status != RunStatus::kSucceeded) {
      Continue(run, false);
    }
    ExpectAsIfNothingHadHappened(run, Ended(run), 1);
    ASSERT_TRUE(Remove(run, false).ok());
    if (HasFailure()) return;
  }
}

TEST_F(KillTest, SoDoesAResumeOfAKilledResume) {
#ifdef FABRO_SOAK
  constexpr bool all = true;
#else
  constexpr bool all = false;
#endif
  for (std::size_t first = 1; first < events_; first += all ? 1 : 9) {
    for (std::size_t second = 1; second + first < events_; second += all ? 1 : 7) {
      SCOPED_TRACE("killed after event " + std::to_string(first) + ", then after " +
                   std::to_string(second));
      const RunRef run = FreshRun();
      for (const std::size_t after : {first, second}) {
        const KillAfter kill(after);
        Continue(run, after == first && Events(run).size() == 1);
        Ended(run);
      }
      if (Inspect(run)->status != RunStatus::kSucceeded) Continue(run, false);
      ExpectAsIfNothingHadHappened(run, Ended(run), 2);
      ASSERT_TRUE(Remove(run, false).ok());
      if (HasFailure()) return;
    }
  }
}

TEST_F(KillTest, TwoResumesAtOnceOneWorks) {
  const RunRef run = FreshRun();
  {
    const KillAfter kill(12);
    Continue(run, true);
    Ended(run);
  }
  const Status one = Resume(run, Worker());
  const Status two = Resume(run, Worker());
  EXPECT_TRUE(one.ok()) << one.error().ToString();
  if (!two.ok()) {
    EXPECT_TRUE(two.error().reason == "run_locked" || two.error().reason == "run_finished")
        << two.error().ToString();
  }
  ExpectAsIfNothingHadHappened(run, Ended(run), 1);
}

}  // namespace
}  // namespace fabro::runs
