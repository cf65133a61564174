#include <gtest/gtest.h>

#include "fabro/base/nearest.h"
#include "fabro/config/explain.h"
#include "fabro/config/layer.h"
#include "fabro/config/resolve.h"
#include "fabro/config/schema.h"

namespace fabro::config {
namespace {

Layer MustRead(LayerKind kind, std::string_view text, const std::string& file = "dir/f.toml") {
  auto layer = ReadLayer(kind, text, file);
  EXPECT_TRUE(layer.has_value()) << ToString(layer.error()[0]);
  return layer ? *std::move(layer) : Layer{};
}

std::string FirstProblem(std::string_view text, LayerKind kind = LayerKind::kWorkflow) {
  const auto layer = ReadLayer(kind, text, "f.toml");
  return layer ? "" : ToString(layer.error()[0]);
}

TEST(ReadLayerTest, ReadsEveryKeyOfThisVersion) {
  const Layer layer = MustRead(LayerKind::kMachine, R"(
_version = 1
[workflow]
graph = "sub/g.fabro"
[run]
goal = "ship"
working_dir = "w"
trust_local = true
auto_resume = false
[run.labels]
team = "a"
[run.inputs]
who = "x"
n = 3
[[run.prepare.steps]]
script = "make deps"
timeout = "30s"
[[run.prepare.steps]]
command = ["a", "b"]
env = { K = "v" }
[run.checkpoint]
exclude_globs = ["*.o"]
[run.clone]
enabled = false
[run.artifacts]
include = ["out/**"]
result_limit = "512MiB"
[run.git.author]
name = "n"
email = "e@x"
[run.environment]
id = "namespace"
workspace = "empty"
resources = { cpu = 2, memory = "2GB", disk = 3 }
env = { A = "b" }
[run.environment.network]
mode = "block"
[run.environment.namespace]
level = "high"
max_processes = 10
[run.environment.local]
strict_env = false
[cli.output]
format = "json"
)");
  const Settings settings = Resolve({layer}).value();
  EXPECT_EQ(settings.graph, "dir/sub/g.fabro");
  EXPECT_EQ(settings.goal, "ship");
  EXPECT_EQ(settings.prepare_steps.size(), 2U);
  EXPECT_EQ(settings.prepare_steps[0].timeout, std::chrono::seconds(30));
  EXPECT_EQ(settings.prepare_steps[1].env.at("K"), "v");
  EXPECT_EQ(settings.artifact_result_limit, 512_MiB);
  EXPECT_EQ(settings.environment, "namespace");
  EXPECT_EQ(settings.overrides.cpu, 2);
  EXPECT_EQ(settings.overrides.disk, ByteSize(3'000'000'000));
  EXPECT_EQ(settings.overrides.namespace_workspace, "empty");
  EXPECT_EQ(settings.overrides.namespace_level, "high");
  EXPECT_FALSE(settings.clone_enabled);
  EXPECT_TRUE(settings.trust_local);
  EXPECT_EQ(settings.OriginOf("run.goal").place, "dir/f.toml:6:1");
  EXPECT_EQ(settings.OriginOf("run.goal").layer, LayerKind::kMachine);
}

TEST(ReadLayerTest, RefusesWithFilePlacePathAndHint) {
  struct Bad {
    std::string_view text;
    std::string_view problem;
  };
  const std::vector<Bad> table = {
      {"[run]\ngoall = \"x\"", "f.toml:2:1: run.goall: unknown key; did you mean 'run.goal'?"},
      {"[rum]\ngoal = \"x\"", "f.toml:1:2: rum: unknown key; did you mean 'run'?"},
      {"[run.pull_request]\nenabled = true", "run.pull_request: not supported yet"},
      {"\"run.goal\" = \"x\"", "run.goal: no key has this name"},
      {"[run.agent.mcps.\"a.b\"]\ntype = \"stdio\"", "no key has this name"},
      {"[run.agent.mcps.db]\ncomand = [\"x\"]", "did you mean 'run.agent.mcps.db.command'?"},
      {"[run.budget]\ntokens = 0", "a whole number, 1 or more"},
      {"[run.budget]\ncost_usd = nan", "a number above 0"},
      {"[run.budget]\non_limit = \"pause|fail\"", "is not supported; write one of"},
      {"[run.model]\nfallbacks = 1", "a list of models, or a table"},
      {"[[run.hooks]]\nevent = \"stage_start\"", "either 'script' or 'command'"},
      {"[[run.hooks]]\nevent = \"stage_begin\"\nscript = \"x\"", "there is no event 'stage_begin'"},
      {"[[run.hooks]]\nevnt = \"stage_start\"", "did you mean 'event'?"},
      {"[[run.hooks]]\nevent=\"run_start\"\ntype=\"http\"\nurl=\"http://x\"", "the url is https"},
      {"[vars]\nx = 1\n[run.inputs]\nx = 2", "run.inputs: is set twice"},
      {"[sandbox]\nprovider = \"local\"", "sandbox: old key; write [run.environment]"},
      {"[run.environment.docker]\nuser = \"x\"", "run.environment.docker: not supported yet"},
      {"[environments.x]\nprovider = \"local\"", "environments: not supported yet"},
      {"version = 1", "version: old key; write _version"},
      {"[setup]\ncommands = 3", "setup.commands: a list of strings"},
      {"[setup]\ncomands = []", "setup.comands: unknown key"},
      {"_version = 2", "_version: this version of the schema is unknown"},
      {"run = 1", "run: a table is expected"},
      {"[run]\ngoal = 3", "run.goal: a string or { file"},
      {"[run]\nauto_resume = \"yes\"", "run.auto_resume: true or false"},
      {"[run]\ntrust_local = true", "run.trust_local: only your own settings file"},
      {"[run]\ngoal = \"x\"\ngoal_file = \"y\"", "cannot both be set"},
      {"[run.inputs]\nx = [1]", "run.inputs.x: a string, number or boolean"},
      {"[run.labels]\nx = 1", "run.labels.x: a string is expected"},
      {"[run.artifacts]\nresult_limit = \"many\"", "run.artifacts.result_limit:"},
      {"[run.artifacts]\ninclude = \"a\"", "run.artifacts.include: a list of strings"},
      {"[run.environment.resources]\ncpu = -1", "a whole number, 0 or more"},
      {"[run.environment.namespace]\nlevel = \"lowest\"",
       "'lowest' is not supported; write one of"},
      {"[[run.prepare.steps]]\nscript = \"a\"\ncommand = [\"b\"]", "either 'script' or 'command'"},
      {"[[run.prepare.steps]]\nscripts = \"a\"", "run.prepare.steps.scripts: this key"},
      {"[run\n", "f.toml:1:5: no valid TOML"},
      {"a = 1\na = 2\n", "no valid TOML"},
  };
  for (const Bad& bad : table) {
    EXPECT_NE(FirstProblem(bad.text).find(bad.problem), std::string::npos)
        << bad.text << "\n  says: " << FirstProblem(bad.text);
  }
}

TEST(ReadLayerTest, TellsAllProblemsOfAFile) {
  const auto layer = ReadLayer(LayerKind::kProject, "[run]\na = 1\nb = 2\n", "f.toml");
  ASSERT_FALSE(layer.has_value());
  EXPECT_EQ(layer.error().size(), 2U);
}

TEST(ResolveTest, HigherLayersWinFieldByField) {
  const Layer machine = MustRead(LayerKind::kMachine,
                                 "[run]\ngoal='m'\n[run.git.author]\nname='m'\nemail='m'\n"
                                 "[run.labels]\na='1'\nb='1'\n[run.inputs]\nx=1\ny=1\n"
                                 "[run.checkpoint]\nexclude_globs=['m']");
  const Layer workflow = MustRead(LayerKind::kWorkflow,
                                  "[run.git.author]\nname='w'\n[run.labels]\nb='2'\n"
                                  "[run.inputs]\nx=2\n[run.checkpoint]\nexclude_globs=['w']");
  const Layer flags = FlagLayer({.goal = {},
                                 .goal_file = "f.md",
                                 .environment = "namespace",
                                 .inputs = {"z=true"},
                                 .labels = {"c=3"}})
                          .value();

  const Settings settings = Resolve({flags, workflow, machine}).value();

  EXPECT_EQ(settings.git_author_name, "w");
  EXPECT_EQ(settings.git_author_email, "m");
  EXPECT_EQ(settings.labels.size(), 3U);
  EXPECT_EQ(settings.labels.at("b"), "2");
  EXPECT_EQ(settings.inputs.Find("y"), nullptr);
  EXPECT_EQ(*settings.inputs.Find("x"), templates::Value(2));
  EXPECT_EQ(*settings.inputs.Find("z"), templates::Value(true));
  EXPECT_EQ(settings.checkpoint_exclude_globs, (std::vector<std::string>{"w"}));
  EXPECT_FALSE(settings.goal.has_value());
  EXPECT_EQ(settings.goal_file, "f.md");
  EXPECT_EQ(settings.OriginOf("run.environment.id").layer, LayerKind::kFlags);
  EXPECT_EQ(settings.OriginOf("run.auto_resume").place, "built-in");
}

TEST(ResolveTest, VariablesBeatFilesAndLoseToFlags) {
  const Layer variables = EnvironmentLayer([](const char* name) {
    return std::string_view(name) == "FABRO_GOAL" ? std::optional<std::string>("v") : std::nullopt;
  });
  const Layer file = MustRead(LayerKind::kWorkflow, "run.goal = 'f'");
  EXPECT_EQ(Resolve({variables, file}).value().goal, "v");
  const Layer flags =
      FlagLayer({.goal = "g", .goal_file = {}, .environment = {}, .inputs = {}, .labels = {}})
          .value();
  EXPECT_EQ(Resolve({flags, variables, file}).value().goal, "g");
}

TEST(ResolveTest, AnEnvironmentNameThatIsNoneIsRefused) {
  for (const char* name : {"", "Name", "-a", "a b", "../x"}) {
    const Layer flags =
        FlagLayer({.goal = {}, .goal_file = {}, .environment = name, .inputs = {}, .labels = {}})
            .value();
    EXPECT_FALSE(Resolve({flags}).ok()) << name;
  }
}

TEST(ExplainTest, ShowsValuesWithTheirOriginAndNoSecrets) {
  const Layer layer =
      MustRead(LayerKind::kProject, "[run]\ngoal='g'\n[run.environment]\nenv={K='s'}");
  const std::string text = ToLines(Explain(Merge({layer})));
  EXPECT_NE(text.find("run.goal = \"g\"  # dir/f.toml:2:1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("run.environment.env.K = \"***\"  # dir/f.toml:4:1\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("run.environment.id = \"default\"  # built-in\n"), std::string::npos) << text;
}

TEST(ParseInputTest, ValuesAreTomlScalarsOrElseText) {
  const auto value = [](std::string_view argument) { return ParseInput(argument).value().second; };
  EXPECT_EQ(value("a=3"), templates::Value(3));
  EXPECT_EQ(value("a=0.5"), templates::Value(0.5));
  EXPECT_EQ(value("a=true"), templates::Value(true));
  EXPECT_EQ(value("a=\"x y\""), templates::Value("x y"));
  for (const char* text :
       {"team", "", "[1]", "1 2", "2020-01-01", "a=b", "x # y", "3 # y", "1\nb=2", "{"}) {
    EXPECT_EQ(value("a=" + std::string(text)), templates::Value(text)) << text;
  }
  for (const char* bad : {"", "a", "=x", "a b=c", "a.b=c"}) {
    EXPECT_EQ(ParseInput(bad).error().reason, "bad_input") << bad;
  }
}

TEST(EditDistanceTest, CountsEditsUpToALimit) {
  EXPECT_EQ(EditDistance("kitten", "sitting", 10), 3U);
  EXPECT_EQ(EditDistance("", "abc", 10), 3U);
  EXPECT_EQ(EditDistance("a", "abcdefgh", 3), 4U);
}

}  // namespace
}  // namespace fabro::config
