// Settings from all layers as a user meets them: what holds, who said it, and what a repository may
// not decide.
#include "fixture.h"

namespace fabro::e2e {
namespace {

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class SettingsTest : public FabroTest {
 protected:
  void Home(const std::string& name, const std::string& text) {
    ASSERT_TRUE(MakeDirs(home() + "/.fabro").ok());
    ASSERT_TRUE(WriteFile(home() + "/.fabro/" + name, text, 0600).ok());
  }
  void Project(const std::string& text) {
    ASSERT_TRUE(MakeDirs(work() + "/.fabro").ok());
    Write(".fabro/project.toml", text);
  }
  std::string home() const { return home_.path() + "/home"; }
};

TEST_F(SettingsTest, ExplainSaysWhichLayerGaveAValue) {
  Home("settings.toml", "[run]\ngoal = \"machine\"\n[run.git.author]\nname = \"me\"\n");
  Project("[run]\ngoal = \"project\"\n");
  Write("flow.fabro", Chain({{"one", "true"}}));
  Write("run.toml", "[workflow]\ngraph = \"flow.fabro\"\n[run]\ngoal = \"workflow\"\n");

  const Output goal = Fabro({"settings", "run.toml", "--explain", "run.goal"});

  EXPECT_EQ(goal.code, 0) << goal.err;
  EXPECT_TRUE(Has(goal.out, "run.goal = \"workflow\"")) << goal.out;
  EXPECT_TRUE(Has(goal.out, "  from workflow, run.toml:4:1\n")) << goal.out;
  EXPECT_TRUE(Has(goal.out, "    project ")) << goal.out;
  EXPECT_TRUE(Has(goal.out, ".fabro/settings.toml:2:1: \"machine\"")) << goal.out;
  EXPECT_TRUE(Has(Fabro({"settings"}).out, "run.goal = \"project\"  # "));
  EXPECT_TRUE(Has(Fabro({"run", "run.toml", "--goal", "flag", "--print", "settings"}).out,
                  "run.goal = \"flag\"  # --goal\n"));
  const Output unknown = Fabro({"settings", "--explain", "run.gaol"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_TRUE(Has(unknown.err, "did you mean 'run.goal'?")) << unknown.err;
  EXPECT_EQ(Shell("$FABRO settings --json | python3 -c 'import json,sys; "
                  "d={j[\"key\"]:j for j in map(json.loads, sys.stdin)}; "
                  "assert d[\"run.git.author.name\"][\"layer\"]==\"machine\", d'")
                .code,
            0);
}

TEST_F(SettingsTest, OldFilesAndKeysAreReadWithANote) {
  Home("cli.toml", "[exec]\nprevent_idle_sleep = true\n[log]\nlevel = \"debug\"\n");
  Write("fabro.toml", "[vars]\nwho = \"x\"\n");
  const Output settings = Fabro({"settings"});
  EXPECT_EQ(settings.code, 0) << settings.err;
  EXPECT_TRUE(Has(settings.err, "cli.toml: old name")) << settings.err;
  EXPECT_TRUE(Has(settings.err, "fabro.toml:1:2: vars: old key, read as [run.inputs]"))
      << settings.err;
  EXPECT_TRUE(Has(settings.out, "cli.logging.level = \"debug\""));
  EXPECT_TRUE(Has(settings.out, "run.inputs.who = \"x\""));
}

TEST_F(SettingsTest, BadSettingsNameFilePlaceKeyAndNeighbour) {
  Project("[run]\ngoall = \"x\"\nauto_resume = 3\n");
  const Output settings = Fabro({"settings"});
  EXPECT_EQ(settings.code, 2);
  EXPECT_TRUE(
      Has(settings.err, "project.toml:2:1: run.goall: unknown key; did you mean 'run.goal'"))
      << settings.err;
  EXPECT_TRUE(Has(settings.err, "project.toml:3:1: run.auto_resume: true or false"));
  EXPECT_TRUE(Has(Fabro({"settings", "--json"}).out, "\"reason\":\"bad_settings\""));
}

TEST_F(SettingsTest, TheMachinesOutputFormatHolds) {
  Home("settings.toml", "[cli.output]\nformat = \"json\"\n");
  EXPECT_TRUE(Has(Fabro({"version"}).out, "{\"name\":\"fabro\""));
}

TEST_F(SettingsTest, DotenvServesReferencesAndNothingElse) {
  Write("flow.fabro", Chain({{"one", "env | sort > seen.txt"}}));
  Write("run.toml", "[workflow]\ngraph = \"flow.fabro\"\n");
  Home(".env", "FROM_HOME=home\nBOTH=home\nOPENAI_BASE_URL=https://mine\n");
  Home("settings.toml",
       "[run.environment]\nid = \"local\"\n[run.environment.local]\nstrict_env = false\n"
       "[run.environment.env]\nA = \"{{ env.FROM_HOME }}\"\nB = \"{{ env.BOTH }}!\"\n");
  Write(".env", "BOTH=project\nHIDDEN=h1dd3n\nPATH=/evil\nOPENAI_BASE_URL=https://evil\n");

  const Output run = Fabro({"run", "run.toml"});

  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_TRUE(Has(run.err, "readable by others")) << run.err;
  EXPECT_TRUE(Has(run.err, "may not set them: OPENAI_BASE_URL, PATH")) << run.err;
  const std::string seen = Shell("cat seen.txt").out;
  EXPECT_TRUE(Has(seen, "A=home\n")) << seen;
  EXPECT_TRUE(Has(seen, "B=project!\n")) << seen;
  EXPECT_FALSE(Has(seen, "HIDDEN")) << seen;
  EXPECT_FALSE(Has(seen, "FROM_HOME")) << seen;
  // Stored is the reference, not what it stood for.
  EXPECT_EQ(Shell("grep -rl 'project!' \"$FABRO_STORAGE_DIR\"").out, "");
  // Without the files there is no value, and the message says which.
  const Output without = Shell("FABRO_NO_DOTENV=1 $FABRO run run.toml");
  EXPECT_EQ(without.code, 2) << without.err;
  EXPECT_TRUE(Has(without.err, "run.environment.env.A: {{ env.FROM_HOME }} has no value"))
      << without.err;
}

TEST_F(SettingsTest, ARepositoryMayNotChooseWhatRunsOnTheHostUntilItIsTrusted) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  Project("[run.environment]\nid = \"local\"\nenv = { T = \"{{ env.HOME }}\" }\n");

  const Output refused = Fabro({"run", "flow.fabro"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(Has(refused.err, "environment 'local' runs commands without isolation"))
      << refused.err;
  EXPECT_TRUE(Has(refused.err, "reads the variable HOME")) << refused.err;
  EXPECT_TRUE(Has(refused.err, "fabro trust " + work())) << refused.err;
  EXPECT_TRUE(Has(Fabro({"run", "flow.fabro", "--json"}).out, "\"reason\":\"untrusted_project\""));
  EXPECT_EQ(Fabro({"run", "flow.fabro", "--trust"}).code, 0);
  EXPECT_EQ(Fabro({"run", "flow.fabro"}).code, 2);  // That was for one run.

  const Output trust = Fabro({"trust"});
  EXPECT_EQ(trust.code, 0) << trust.err;
  EXPECT_TRUE(Has(trust.out, "environment 'local'")) << trust.out;
  EXPECT_EQ(Fabro({"run", "flow.fabro"}).code, 0);
  EXPECT_EQ(Shell("stat -c %a $HOME/.fabro/trusted.toml").out, "600\n");
  EXPECT_TRUE(Has(Fabro({"trust", "--list"}).out, work()));

  Project("[run.environment]\nid = \"local\"\nenv = { T = \"{{ env.PATH }}\" }\n");
  const Output changed = Fabro({"run", "flow.fabro"});
  EXPECT_EQ(changed.code, 2);
  EXPECT_TRUE(Has(changed.err, "reads the variable PATH")) << changed.err;
  EXPECT_FALSE(Has(changed.err, "without isolation")) << changed.err;

  EXPECT_EQ(Fabro({"trust", "--remove"}).code, 0);
  EXPECT_TRUE(Has(Fabro({"run", "flow.fabro"}).err, "without isolation"));
  // The command line is the user's own word about the environment.
  Project("[run.environment]\nid = \"local\"\n");
  EXPECT_EQ(Fabro({"run", "flow.fabro", "--environment", "local"}).code, 0);
}

TEST_F(SettingsTest, WhatARepositoryWritesIsInertInMessages) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  Project("[run.agent.mcps.x]\ntype=\"stdio\"\ncommand=[\"\\u001b[31mred\\u202e\"]\n");
  const Output refused = Fabro({"run", "flow.fabro", "--environment", "local"});
  EXPECT_EQ(refused.code, 2) << refused.err;
  EXPECT_FALSE(Has(refused.err, "\x1b")) << refused.err;
  EXPECT_FALSE(Has(refused.err, "\xE2\x80\xAE")) << refused.err;
}

TEST_F(SettingsTest, ABudgetOnTheCommandLineIsChecked) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  const Output bad = Fabro({"run", "flow.fabro", "--environment", "local", "--budget", "tokns=1"});
  EXPECT_EQ(bad.code, 2);
  EXPECT_TRUE(Has(bad.err, "'tokns=1' is no budget")) << bad.err;
  EXPECT_EQ(Fabro({"run", "flow.fabro", "--environment", "local", "--budget", "wall=1h"}).code, 0);
}

TEST_F(SettingsTest, HooksAreRefusedAsLongAsNothingRunsThem) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  Home("settings.toml", "[[run.hooks]]\nevent = \"run_start\"\nscript = \"exit 2\"\n");
  const Output run = Fabro({"run", "flow.fabro", "--environment", "local"});
  EXPECT_EQ(run.code, 2);
  EXPECT_TRUE(Has(run.err, "hooks are not run by this version")) << run.err;
}

TEST_F(SettingsTest, TheReferencePageListsEveryKeyAsItIs) {
  const std::string page =
      ReadFile(std::string(FABRO_SOURCE_DIR) + "/docs/user/configuration.md").value();
  const Output keys = Fabro({"settings", "--keys"});
  EXPECT_EQ(keys.code, 0);
  EXPECT_TRUE(page.ends_with(keys.out)) << "the table of docs/user/configuration.md is old";
}

}  // namespace
}  // namespace fabro::e2e
