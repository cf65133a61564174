#include "fabro/workflow/validate/prepare.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace fabro::workflow {
namespace {

namespace fs = std::filesystem;

class PrepareTest : public ::testing::Test {
 protected:
  PrepareTest() {
    std::string name = (fs::temp_directory_path() / "fabro-prepare-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(root_ / "flow");
    fs::create_directories(root_ / "home/.fabro");
    options_.directory = (root_ / "flow").string();
    options_.home = (root_ / "home").string();
    options_.inputs.Set("who", "team");
  }
  ~PrepareTest() override {
    std::error_code failed;
    for (const char* name : {"flow/p.md", "flow/pipe", "home/.fabro/shared.md", "home/own.md"}) {
      fs::remove(root_ / name, failed);
    }
    for (const char* name : {"flow", "home/.fabro", "home", ""}) fs::remove(root_ / name, failed);
  }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(root_ / name) << text;
  }
  // The prompt of a graph whose only command carries `prompt`.
  std::string Prompt(const std::string& prompt) {
    prepared_ = PrepareGraph(
        "digraph G { graph [goal=\"greet {{ inputs.who }}\"] start -> a -> exit"
        " a [shape=parallelogram script=x prompt=\"" +
            prompt + "\"] }",
        options_);
    return prepared_.ok() ? std::string(prepared_.graph.nodes[1].attributes.Text("prompt"))
                          : prepared_.diagnostics[0].rule + ": " + prepared_.diagnostics[0].message;
  }

  fs::path root_;
  PrepareOptions options_;
  Prepared prepared_;
};

TEST_F(PrepareTest, GoalIsRenderedBeforeTheOthersUseIt) {
  EXPECT_EQ(Prompt("do: {{ goal }}"), "do: greet team");
}

TEST_F(PrepareTest, AGoalOfAHigherLayerWinsAndIsATemplateToo) {
  options_.goal = "ship to {{ inputs.who }}";
  EXPECT_EQ(Prompt("{{ goal }}"), "ship to team");
  EXPECT_EQ(prepared_.graph.attributes.Text("goal"), "ship to team");
}

TEST_F(PrepareTest, FilesAreInlinedAndThenRendered) {
  Write("flow/p.md", "file for {{ inputs.who }}\n");
  EXPECT_EQ(Prompt("@p.md"), "file for team\n");
  EXPECT_EQ(Prompt("@../flow/p.md"), "file for team\n");
}

TEST_F(PrepareTest, FilesAreLookedForInHomeToo) {
  Write("home/.fabro/shared.md", "shared");
  Write("home/own.md", "own");
  EXPECT_EQ(Prompt("@shared.md"), "shared");
  EXPECT_EQ(Prompt("@~/own.md"), "own");
}

TEST_F(PrepareTest, FilesThatCannotBeReadAreErrors) {
  Write("flow/p.md", std::string((1U << 20U) + 1, 'x'));
  ASSERT_EQ(::mkfifo((root_ / "flow/pipe").c_str(), 0600), 0);
  EXPECT_NE(Prompt("@gone.md").find("prompt_file_exists"), std::string::npos);
  EXPECT_NE(Prompt("@gone.md").find("does not exist"), std::string::npos);
  EXPECT_NE(Prompt("@pipe").find("not a regular file"), std::string::npos);
  EXPECT_NE(Prompt("@.").find("not a regular file"), std::string::npos);
  EXPECT_NE(Prompt("@p.md").find("larger than 1MiB"), std::string::npos);
  EXPECT_NE(Prompt("@").find("not followed by a file name"), std::string::npos);
  Write("flow/p.md", std::string("a\0b", 3));
  EXPECT_NE(Prompt("@p.md").find("is no text"), std::string::npos);
}

TEST_F(PrepareTest, ARenderedTextThatLooksLikeAFileIsNone) {
  EXPECT_EQ(Prompt("{{ '@gone.md' }}"), "@gone.md");
}

TEST_F(PrepareTest, UndefinedNamesAreWarningsOnlyForValidate) {
  EXPECT_NE(Prompt("{{ inputs.zz }}").find("template_undefined"), std::string::npos);
  options_.mode = PrepareMode::kValidate;
  EXPECT_EQ(Prompt("x {{ inputs.zz }}"), "x {{ inputs.zz }}");
  ASSERT_EQ(prepared_.diagnostics.size(), 1U);
  EXPECT_EQ(prepared_.diagnostics[0].severity, Severity::kWarning);
  EXPECT_EQ(prepared_.diagnostics[0].node, "a");
}

TEST_F(PrepareTest, TextsThatGrowWithoutBoundAreRefused) {
  options_.inputs.Set("big", std::string(1U << 20U, 'x'));
  std::string text =
      "digraph G { node [shape=parallelogram script=\"{{ inputs.big }}\"] start -> exit";
  for (int i = 0; i < 200; ++i) text += " n" + std::to_string(i);
  const Prepared prepared = PrepareGraph(text + " }", options_);
  ASSERT_FALSE(prepared.ok());
  bool said = false;
  for (const Diagnostic& diagnostic : prepared.diagnostics) {
    said = said || diagnostic.rule == "template_limit";
  }
  EXPECT_TRUE(said);
}

TEST_F(PrepareTest, AWorkflowThatIsMissingOrNoFileIsAnError) {
  EXPECT_EQ(ReadWorkflowFile((root_ / "gone.fabro").string()).error().reason, "workflow_missing");
  EXPECT_EQ(ReadWorkflowFile((root_ / "flow").string()).error().reason, "workflow_unreadable");
  Write("flow/p.md", "digraph");
  EXPECT_EQ(ReadWorkflowFile((root_ / "flow/p.md").string()).value(), "digraph");
}

TEST_F(PrepareTest, AStoredRunReadsItsFilesFromTheBundle) {
  const std::string text =
      "digraph G { graph [goal=\"@goal.md\"] start [shape=Mdiamond] exit [shape=Msquare] "
      "start -> exit }";
  PrepareOptions options;
  options.directory = "/nowhere";
  options.bundled.emplace();
  (*options.bundled)["goal.md"] = "from the bundle";
  const Prepared prepared = PrepareGraph(text, options);
  EXPECT_TRUE(prepared.ok());
  EXPECT_EQ(prepared.graph.attributes.Text("goal"), "from the bundle");
  EXPECT_EQ(prepared.files.at("goal.md"), "from the bundle");
  options.bundled->clear();
  EXPECT_FALSE(PrepareGraph(text, options).ok());
}

}  // namespace
}  // namespace fabro::workflow
