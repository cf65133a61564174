// What the larger tables mean, how their layers meet, and what people are told about it.
#include <gtest/gtest.h>

#include "fabro/config/explain.h"
#include "fabro/config/layer.h"
#include "fabro/config/resolve.h"
#include "fabro/config/schema.h"
#include "fabro/config/toml.h"

namespace fabro::config {
namespace {

Layer Read(LayerKind kind, std::string_view text, const std::string& file = "f.toml") {
  auto layer = ReadLayer(kind, text, file);
  EXPECT_TRUE(layer.has_value()) << ToString(layer.error()[0]);
  return layer ? *std::move(layer) : Layer{};
}

constexpr std::string_view kEverything = R"(
[run.model]
name = "opus"
provider = "anthropic"
fallbacks = ["sonnet"]
controls = { reasoning_effort = "high", speed = "fast" }
[run.budget]
tokens = 1000
cost_usd = 2.5
wall = "2h"
on_limit = "fail"
[run.execution]
approval = "auto"
mode = "dry_run"
retros = true
[run.agent]
permissions = "full"
approval_timeout = "5m"
skill_dirs = ["a", "b"]
[run.agent.mcps.db]
type = "stdio"
command = ["npx", "db"]
env = { TOKEN = "{{ env.DB }}" }
tool_timeout = "5s"
[run.agent.mcps.web]
type = "http"
url = "https://x"
[[run.hooks]]
id = "check"
event = ["stage_start", "stage_complete"]
script = "true"
sandbox = false
blocking = true
timeout_ms = 500
[llm.providers.local]
api = "openai"
base_url = "http://127.0.0.1:1"
[llm.providers.scripted]
file = "turns.json"
[cli.output]
format = "json"
)";

TEST(SettingsTest, TheLargerTablesBecomeValues) {
  const Settings settings = Resolve({Read(LayerKind::kMachine, kEverything, "d/f.toml")}).value();
  EXPECT_EQ(settings.model.name, "opus");
  EXPECT_EQ(settings.model.fallbacks.all, std::vector<std::string>{"sonnet"});
  EXPECT_EQ(settings.model.reasoning_effort, "high");
  EXPECT_EQ(settings.budget.tokens, 1000);
  EXPECT_EQ(settings.budget.cost_usd, 2.5);
  EXPECT_EQ(settings.budget.wall, std::chrono::hours(2));
  EXPECT_TRUE(settings.budget.fail_on_limit);
  EXPECT_TRUE(settings.auto_approve && settings.dry_run && settings.retros);
  EXPECT_EQ(settings.agent.permissions, "full");
  EXPECT_EQ(settings.agent.approval_timeout, std::chrono::minutes(5));
  EXPECT_EQ(settings.agent.mcps.at("db").command, (std::vector<std::string>{"npx", "db"}));
  EXPECT_EQ(settings.agent.mcps.at("db").env.at("TOKEN"), "{{ env.DB }}");
  EXPECT_EQ(settings.agent.mcps.at("db").tool_timeout, std::chrono::seconds(5));
  EXPECT_EQ(settings.agent.mcps.at("web").url, "https://x");
  ASSERT_EQ(settings.hooks.size(), 1U);
  EXPECT_EQ(settings.hooks[0].events.size(), 2U);
  EXPECT_FALSE(settings.hooks[0].sandbox);
  EXPECT_EQ(settings.hooks[0].timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(settings.llm_providers.at("scripted").file, "d/turns.json");
  EXPECT_EQ(settings.cli.output_format, "json");
}

TEST(SettingsTest, TheCommandLinesOwnTablesAreInertInARepository) {
  const Layer project = Read(LayerKind::kProject, "[cli.output]\nformat = \"json\"\n");
  EXPECT_EQ(Resolve({project}).value().cli.output_format, "text");
}

TEST(SettingsTest, OldKeysAreReadWithANote) {
  const Layer layer = Read(LayerKind::kMachine, R"(
goal = "old"
directory = "w"
verbose = true
[llm]
model = "opus"
provider = "anthropic"
[llm.fallbacks]
opus = ["sonnet"]
[setup]
commands = ["make deps"]
timeout_ms = 1500
[vars]
who = "x"
[assets]
include = ["*.log"]
[mcp_servers.db]
type = "stdio"
command = ["db"]
[[hooks]]
name = "h"
event = "run_start"
script = "true"
[checkpoint]
exclude_globs = ["*.o"]
[git.author]
name = "n"
[exec.model]
name = "haiku"
[log]
level = "debug"
[retro]
enabled = true
)");
  const Settings settings = Resolve({layer}).value();
  EXPECT_EQ(settings.goal, "old");
  EXPECT_EQ(settings.working_dir, "w");
  EXPECT_EQ(settings.model.name, "opus");
  EXPECT_EQ(settings.model.fallbacks.of_model.at("opus"), std::vector<std::string>{"sonnet"});
  ASSERT_EQ(settings.prepare_steps.size(), 1U);
  EXPECT_EQ(settings.prepare_steps[0].timeout, std::chrono::milliseconds(1500));
  EXPECT_NE(settings.inputs.Find("who"), nullptr);
  EXPECT_EQ(settings.artifact_include, std::vector<std::string>{"*.log"});
  EXPECT_EQ(settings.agent.mcps.at("db").command, std::vector<std::string>{"db"});
  EXPECT_EQ(settings.hooks.at(0).id, "h");
  EXPECT_EQ(settings.checkpoint_exclude_globs, std::vector<std::string>{"*.o"});
  EXPECT_EQ(settings.git_author_name, "n");
  EXPECT_EQ(settings.cli.exec_model_name, "haiku");
  EXPECT_EQ(settings.cli.log_level, "debug");
  EXPECT_EQ(settings.cli.verbosity, "verbose");
  EXPECT_TRUE(settings.retros);
  EXPECT_EQ(settings.notes.size(), 17U);
  EXPECT_EQ(settings.notes[0], "f.toml:2:1: goal: old key, read as [run] goal");
}

TEST(SettingsTest, AnOldKeyBesideItsNewNameIsRefused) {
  const auto layer = ReadLayer(LayerKind::kMachine, "[run.inputs]\na=1\n[vars]\nb=1\n", "f.toml");
  ASSERT_FALSE(layer.has_value());
  EXPECT_NE(ToString(layer.error()[0]).find("run.inputs: is set twice, here and at f.toml:1:6"),
            std::string::npos);
}

TEST(MergeTest, DotsStandForTheListBelow) {
  const Layer machine =
      Read(LayerKind::kMachine, "[run.model]\nfallbacks=['a','b']\n[run.agent]\nskill_dirs=['m']");
  const Layer project = Read(LayerKind::kProject, "[run.model]\nfallbacks=['x','...']");
  const Layer workflow =
      Read(LayerKind::kWorkflow, "[run.model]\nfallbacks=['...','y']\n[run.agent]\nskill_dirs=[]");
  const Settings settings = Resolve({machine, project, workflow}).value();
  EXPECT_EQ(settings.model.fallbacks.all, (std::vector<std::string>{"x", "a", "b", "y"}));
  EXPECT_TRUE(settings.agent.skill_dirs.empty());
}

TEST(MergeTest, HooksOfOneIdReplaceInPlaceAndOthersFollow) {
  const Layer machine = Read(LayerKind::kMachine,
                             "[[run.hooks]]\nid='a'\nevent='run_start'\nscript='1'\n"
                             "[[run.hooks]]\nid='b'\nevent='run_start'\nscript='2'\n");
  const Layer workflow = Read(LayerKind::kWorkflow,
                              "[[run.hooks]]\nid='c'\nevent='run_start'\nscript='3'\n"
                              "[[run.hooks]]\nid='a'\nevent='run_start'\nscript='4'\n");
  const Settings settings = Resolve({machine, workflow}).value();
  ASSERT_EQ(settings.hooks.size(), 3U);
  EXPECT_EQ(settings.hooks[0].script, "4");
  EXPECT_EQ(settings.hooks[0].origin.layer, LayerKind::kWorkflow);
  EXPECT_EQ(settings.hooks[2].id, "c");
}

TEST(MergeTest, ServersMergeByNameAndField) {
  const Layer machine = Read(LayerKind::kMachine,
                             "[run.agent.mcps.db]\ntype='stdio'\ncommand=['a']\ntool_timeout='1s'");
  const Layer flags = Read(LayerKind::kWorkflow, "[run.agent.mcps.db]\ncommand=['b']");
  const McpServer server = Resolve({machine, flags}).value().agent.mcps.at("db");
  EXPECT_EQ(server.command, std::vector<std::string>{"b"});
  EXPECT_EQ(server.tool_timeout, std::chrono::seconds(1));
  const auto half = Resolve({Read(LayerKind::kWorkflow, "[run.agent.mcps.db]\ncommand=['b']")});
  ASSERT_FALSE(half.ok());
  EXPECT_NE(half.error().message.find("has no type"), std::string::npos);
}

TEST(MergeTest, ARepositoryMayLowerABudgetAndNotRaiseIt) {
  const Layer machine =
      Read(LayerKind::kMachine, "[run.budget]\ntokens=100\nwall='1h'\non_limit='fail'");
  const Layer project = Read(LayerKind::kProject,
                             "[run.budget]\ntokens=101\nwall='30m'\non_limit='pause'\ncost_usd=9");
  const Settings settings = Resolve({machine, project}).value();
  EXPECT_EQ(settings.budget.tokens, 100);
  EXPECT_EQ(settings.budget.wall, std::chrono::minutes(30));
  EXPECT_EQ(settings.budget.cost_usd, 9.0);
  EXPECT_TRUE(settings.budget.fail_on_limit);
  EXPECT_EQ(settings.notes.size(), 2U);
  // The command line is the user's own word.
  Flags flags;
  flags.budget = {"tokens=500"};
  EXPECT_EQ(Resolve({machine, project, FlagLayer(flags).value()}).value().budget.tokens, 500);
}

TEST(FlagsTest, ABudgetIsReadAsInAFile) {
  for (const char* bad : {"", "tokens", "tokens=", "tokens=0", "tokens=-1", "token=1", "wall=soon",
                          "on_limit=stop", "tokens=1\nwall=2h", "wall=1h\"\n[run]\ngoal=\"x",
                          "cost_usd=inf", "tokens=99999999999999999999"}) {
    Flags flags;
    flags.budget = {bad};
    const auto layer = FlagLayer(flags);
    ASSERT_FALSE(layer.ok()) << bad;
    EXPECT_EQ(layer.error().reason, "bad_budget") << bad;
  }
}

TEST(VariablesTest, AWordThatIsNoneIsRefused) {
  const Layer variables = EnvironmentLayer([](const char* name) {
    const bool wanted = std::string_view(name) == "FABRO_PERMISSIONS";
    return wanted ? std::optional<std::string>("all") : std::nullopt;
  });
  EXPECT_EQ(Resolve({variables}).error().reason, "bad_settings");
}

TEST(ExplainTest, TellsWhoElseSpoke) {
  const Layer machine = Read(LayerKind::kMachine, "[run]\ngoal='m'\n", "settings.toml");
  const Layer workflow = Read(LayerKind::kWorkflow, "[run]\ngoal='w'\n", "run.toml");
  const auto goal = ExplainKey(Merge({machine, workflow}), "run.goal").value();
  ASSERT_EQ(goal.size(), 1U);
  EXPECT_EQ(ToParagraph(goal[0]),
            "run.goal = \"w\"\n  what the run should achieve\n  from workflow, run.toml:2:1\n"
            "  * workflow run.toml:2:1: \"w\"\n    machine settings.toml:2:1: \"m\"\n");
}

TEST(ExplainTest, AnUnknownKeyNamesItsNeighbour) {
  const auto unknown = ExplainKey(Merge({}), "run.gaol");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().fix, "did you mean 'run.goal'?");
  EXPECT_EQ(ExplainKey(Merge({}), "run.budget").value().size(), 4U);
  EXPECT_EQ(ExplainKey(Merge({}), "run.pull_request.draft").error().reason, "unknown_key");
}

TEST(ExplainTest, SecretsAreHiddenAndReferencesAreNot) {
  const Layer layer = Read(LayerKind::kMachine,
                           "[run.environment]\nenv={A='s3cret',B='{{ env.B }}'}\n"
                           "[run.agent.mcps.x]\ntype='http'\nurl='https://x'\n"
                           "headers={H='Bearer s3cret {{ env.B }}'}\n"
                           "[[run.prepare.steps]]\nscript='x'\nenv={K='s3cret'}\n");
  const std::string text = ToLines(Explain(Merge({layer})));
  EXPECT_EQ(text.find("s3cret"), std::string::npos) << text;
  EXPECT_NE(text.find("run.environment.env.B = \"{{ env.B }}\""), std::string::npos) << text;
}

TEST(ExplainTest, EveryBuiltInValueIsReadable) {
  for (const Row& row : Schema()) {
    if (row.fallback.empty()) continue;
    EXPECT_TRUE(ParseToml("v = " + std::string(row.fallback), "built-in")) << row.path;
  }
}

}  // namespace
}  // namespace fabro::config
