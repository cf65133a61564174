// Nothing lost: the worker of an example is killed by SIGKILL right after an event, and once more
// after some events of each resume; at last the run stands as if nothing had happened. All events
// of all examples in `make check-all` (FABRO_KILL_EVERYWHERE=1), a few of each in `make test`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "../fabro/fixture.h"
#include "case.h"
#include "fabro/codec/json/json.h"

#ifndef FABRO_EXAMPLES
#define FABRO_EXAMPLES "."
#endif

namespace fabro::e2e {
namespace {

using model::Event;
using model::Json;

struct Example {
  std::string name;  // File with the script and the setup.
  std::string graph;
  std::vector<std::string> arguments;
  bool git = false;
};

const std::vector<Example>& Examples() {
  static const std::vector<Example> examples{
      {"01-inputs", "01-inputs.toml", {}, false},
      {"02-fix-loop", "02-fix-loop.fabro", {}, false},
      {"03-human-gate", "03-human-gate.fabro", {"--auto-approve"}, false},
      {"05-edge-ties", "05-edge-ties.fabro", {}, false},
      {"07-parallel", "07-parallel.fabro", {}, false},
      {"08-goal-gate", "08-goal-gate.fabro", {}, false},
      {"10-retries", "10-retries.fabro", {}, false},
      {"11-parent", "11-parent.fabro", {}, false},
      {"13-resume", "13-resume.fabro", {}, true},
      {"16-delete-file", "16-delete-file.fabro", {}, false},
  };
  return examples;
}

Json FileOf(const std::string& name) {
  auto text = ReadFile(std::string(FABRO_EXAMPLES) + "/" + name + ".case.json");
  auto json = codec::ParseJson(text.ok() ? *text : "{}");
  return json.ok() ? *json : Json::MakeObject();
}

std::multiset<std::string> CompletedStages(const std::vector<Event>& events) {
  std::multiset<std::string> stages;
  for (const Event& event : events) {
    if (event.name != "stage.completed") continue;
    stages.insert(event.properties.StringAt("scope") + " " + event.stage_id + " " +
                  event.properties.StringAt("status"));
  }
  return stages;
}

class KillTest : public ::testing::TestWithParam<Example> {
 protected:
  static Left First(Place& place, const std::map<std::string, std::string>& variables) {
    const Example& example = GetParam();
    const Json file = FileOf(example.name);
    MakePlace(FABRO_EXAMPLES, example.name, file, Json::MakeObject(), place);
    std::vector<std::string> args{"run", example.graph, "--environment", "local"};
    if (!example.git) args.emplace_back("--in-place");
    args.insert(args.end(), example.arguments.begin(), example.arguments.end());
    return RunCase({.path = FABRO_PROGRAM, .variables = variables}, args, Json::MakeObject(),
                   place);
  }

  static bool IsOver(const Left& left) {
    return left.run_status == "succeeded" || left.run_status == "failed";
  }

  // Kills after `kill` events, and every resume after `again` of its own, until the run is over.
  static Left KilledAndResumed(Place& place, std::size_t kill, std::size_t again) {
    Left left = First(place, {{"FABRO_TEST_KILL_AFTER", std::to_string(kill)}});
    for (std::size_t round = 0; round < 60 && !IsOver(left); ++round) {
      std::map<std::string, std::string> variables;
      // A resume that never completes a stage would be killed for ever: each lives longer.
      if (again > 0) variables["FABRO_TEST_KILL_AFTER"] = std::to_string(again + round);
      left = RunCase({.path = FABRO_PROGRAM, .variables = variables}, {"resume", place.run},
                     Json::MakeObject(), place);
    }
    return left;
  }
};

TEST_P(KillTest, ARunThatIsKilledAnywhereEndsAsIfNothingHadHappened) {
  Place undisturbed;
  const Left whole = First(undisturbed, {});
  ASSERT_EQ(whole.run_status, "succeeded") << whole.err;
  const bool everywhere = std::getenv("FABRO_KILL_EVERYWHERE") != nullptr;
  const std::size_t events = whole.events.size();
  const std::size_t step = everywhere ? 1 : std::max<std::size_t>(events / 2, 1);
  for (std::size_t kill = everywhere ? 1 : events / 4; kill < events; kill += step) {
    SCOPED_TRACE("killed after " + std::to_string(kill) + " of " + std::to_string(events));
    Place place;
    const Left left = KilledAndResumed(place, kill, everywhere || kill % 2 == 0 ? 6 : 0);
    EXPECT_EQ(left.run_status, whole.run_status) << left.err;
    // No completed stage ran twice, and none is missing.
    EXPECT_EQ(CompletedStages(left.events), CompletedStages(whole.events));
    for (const auto& [key, value] : whole.context) {
      if (key.starts_with("internal.")) continue;
      EXPECT_EQ(left.context.contains(key) ? left.context.at(key).Dump() : "none", value.Dump())
          << key;
    }
    if (GetParam().git) {
      EXPECT_EQ(RepositoryState(place.work()), place.repository_before);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Examples, KillTest, ::testing::ValuesIn(Examples()),
                         [](const auto& example) {
                           std::string name = example.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace fabro::e2e
