// The acceptance cases of tests/e2e/examples through the real command line.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "../fabro/fixture.h"
#include "case.h"
#include "fabro/codec/json/json.h"

#ifndef FABRO_EXAMPLES
#define FABRO_EXAMPLES "."
#endif

namespace fabro::e2e {
namespace {

namespace fs = std::filesystem;
using model::Json;

// Cases that this version does not pass, by "file" or "file/case", and why not.
const std::map<std::string, std::string>& NotYet() {
  static const std::map<std::string, std::string> cases{
      {"14-environment", "its providers and its merged form are another room's acceptance"},
      {"12-guardrail/read-write, approved on a terminal", "the harness has no terminal yet"},
      {"12-guardrail/read-write, terminal but auto-approve", "the harness has no terminal yet"},
  };
  return cases;
}

Json FileOf(const std::string& name) {
  auto text = ReadFile(std::string(FABRO_EXAMPLES) + "/" + name + ".case.json");
  EXPECT_TRUE(text.ok());
  auto json = codec::ParseJson(text.ok() ? *text : "{}");
  EXPECT_TRUE(json.ok()) << name;
  return json.ok() ? *json : Json::MakeObject();
}

class CasesTest : public ::testing::TestWithParam<std::string> {
 protected:
  // The arguments as the program gets them: an earlier case's run for "<name>".
  std::vector<std::string> Arguments(const Json& one, std::string& earlier) {
    if (!one.StringAt("source").empty()) return {"validate", "case.fabro"};
    std::vector<std::string> args = one.StringsAt("args");
    const bool chooses = std::find(args.begin(), args.end(), "--environment") != args.end();
    if (!args.empty() && args[0] == "run" && !chooses) {
      args.insert(args.end(), {"--environment", "local", "--in-place"});
    }
    for (std::string& arg : args) {
      if (!arg.starts_with('<')) continue;
      earlier = arg.substr(1, arg.size() - 2);
      arg = runs_[earlier];
    }
    return args;
  }

  static Program ProgramOf(const Json& one) {
    Program program{.path = FABRO_PROGRAM};
    if (const std::string node = one.StringAt("kill_after_checkpoint"); !node.empty()) {
      program.variables["FABRO_TEST_KILL_AFTER_EVENT"] = "checkpoint.completed " + node;
    }
    const auto event = one.StringsAt("kill_after_event");
    if (event.size() == 2) {
      program.variables["FABRO_TEST_KILL_AFTER_EVENT"] = event[0] + " " + event[1];
    }
    return program;
  }

  void RunOne(const std::string& file_name, const Json& file, const Json& one) {
    std::string earlier;
    const std::vector<std::string> args = Arguments(one, earlier);
    std::shared_ptr<Place> place = earlier.empty() ? nullptr : places_[earlier];
    if (place == nullptr) {
      place = std::make_shared<Place>();
      MakePlace(FABRO_EXAMPLES, file_name, file, one, *place);
    } else {
      place->run = runs_[earlier];
    }
    const Left left = RunCase(ProgramOf(one), args, one, *place);
    const std::string name = one.StringAt("name");
    places_[name] = place;
    runs_[name] = place->run;
    const Json* expect = one.Find("expect");
    ASSERT_NE(expect, nullptr);
    ExpectAll(*expect, left, *place, runs_);
  }

  std::map<std::string, std::shared_ptr<Place>> places_;
  std::map<std::string, std::string> runs_;  // Id by the case's name.
};

TEST_P(CasesTest, RunsAsItsFileSays) {
  const std::string name = GetParam();
  if (NotYet().contains(name)) GTEST_SKIP() << NotYet().at(name);
  const Json file = FileOf(name);
  const Json* cases = file.Find("cases");
  ASSERT_NE(cases, nullptr);
  for (const Json& one : *cases->Items()) {
    const std::string full = name + "/" + one.StringAt("name");
    if (NotYet().contains(full)) continue;
    SCOPED_TRACE(full);
    RunOne(name, file, one);
  }
}

std::vector<std::string> CaseFiles() {
  constexpr std::string_view kEnding = ".case.json";
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(FABRO_EXAMPLES)) {
    std::string base = entry.path().filename();
    if (!base.ends_with(kEnding)) continue;
    names.push_back(base.substr(0, base.size() - kEnding.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Examples, CasesTest, ::testing::ValuesIn(CaseFiles()),
                         [](const auto& example) {
                           std::string name = example.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace fabro::e2e
