#include "fabro/config/locate.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace fabro::config {
namespace {

namespace fs = std::filesystem;

class LocateTest : public ::testing::Test {
 protected:
  LocateTest() {
    std::string name = (fs::temp_directory_path() / "fabro-locate-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    around_.cwd = root_ + "/repo/sub";
    around_.home = root_ + "/home";
    Write("repo/sub/a.fabro", "");
  }
  ~LocateTest() override {
    std::vector<fs::path> made;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) made.push_back(entry.path());
    std::error_code failed;
    for (auto path = made.rbegin(); path != made.rend(); ++path) fs::remove(*path, failed);
    fs::remove(root_, failed);
  }

  void Write(const std::string& name, const std::string& text) {
    const fs::path path = fs::path(root_) / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  std::string root_;
  Surroundings around_;
};

TEST_F(LocateTest, APathIsTakenAsItIs) {
  EXPECT_EQ(FindWorkflow("a.fabro", around_)->graph, root_ + "/repo/sub/a.fabro");
  EXPECT_EQ(FindWorkflow("gone.fabro", around_).error().reason, "workflow_missing");
}

TEST_F(LocateTest, NamesAreLookedUpInTheProjectAndThenAtHome) {
  Write("repo/.fabro/workflows/ship/workflow.toml", "");
  Write("repo/.fabro/workflows/plain/workflow.fabro", "");
  Write("home/.fabro/workflows/ship/workflow.toml", "");
  Write("home/.fabro/workflows/mine/workflow.toml", "");
  EXPECT_EQ(FindWorkflow("ship", around_)->toml,
            root_ + "/repo/.fabro/workflows/ship/workflow.toml");
  EXPECT_EQ(FindWorkflow("plain", around_)->toml, "");
  EXPECT_EQ(FindWorkflow("mine", around_)->graph,
            root_ + "/home/.fabro/workflows/mine/workflow.fabro");
  const auto missing = FindWorkflow("shop", around_);
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().fix.find("ship"), std::string::npos) << missing.error().fix;
  EXPECT_FALSE(FindWorkflow("..", around_).ok());
  EXPECT_FALSE(FindWorkflow("ship/../ship", around_).ok());
  EXPECT_FALSE(FindWorkflow("", around_).ok());
}

TEST_F(LocateTest, LoadLaysAllLayersOverOneAnother) {
  Write("home/.fabro/settings.toml", "[run]\nauto_resume = false\n[run.git.author]\nname='m'\n");
  Write("repo/.fabro/project.toml",
        "[run.git.author]\nname = 'p'\n[workflow]\ngraph = 'x.fabro'\n");
  Write("repo/sub/run.toml", "[workflow]\ngraph = '../flows/g.fabro'\n[run.inputs]\nwho = 'w'\n");
  around_.variable = [](const char* name) {
    return std::string_view(name) == "FABRO_ENVIRONMENT" ? std::optional<std::string>("local")
                                                         : std::nullopt;
  };

  const auto loaded = Load("run.toml", {}, around_);

  ASSERT_TRUE(loaded.ok()) << loaded.error().ToString();
  EXPECT_EQ(loaded->settings.graph, root_ + "/repo/flows/g.fabro");
  EXPECT_EQ(loaded->workflow_directory, root_ + "/repo/flows");
  EXPECT_EQ(loaded->settings.git_author_name, "p");
  EXPECT_FALSE(loaded->settings.auto_resume);
  EXPECT_EQ(loaded->settings.environment, "local");
}

TEST_F(LocateTest, ABareGraphTakesNoWorkflowLayer) {
  Write("repo/.fabro/project.toml", "[workflow]\ngraph = 'x.fabro'\n");
  Write("repo/sub/workflow.toml", "[run]\ngoal = 'no'\n");
  const auto loaded = Load("a.fabro", {}, around_);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->settings.graph, root_ + "/repo/sub/a.fabro");
  EXPECT_FALSE(loaded->settings.goal.has_value());
}

TEST_F(LocateTest, ABadFileStopsLoadingWithItsProblems) {
  Write("repo/.fabro/project.toml", "[run]\nsandbox = {}\nzzz = 1\n");
  const auto loaded = Load("a.fabro", {}, around_);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().reason, "bad_settings");
  EXPECT_NE(loaded.error().message.find("project.toml:2:1: run.sandbox: not supported yet"),
            std::string::npos)
      << loaded.error().message;
  EXPECT_NE(loaded.error().message.find("run.zzz: unknown key"), std::string::npos);
}

}  // namespace
}  // namespace fabro::config
