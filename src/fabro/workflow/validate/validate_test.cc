#include "fabro/workflow/validate/validate.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fabro/workflow/graph/parser.h"
#include "fabro/workflow/validate/prepare.h"

namespace fabro::workflow {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = FABRO_SOURCE_DIR;
const fs::path kTestdata = kSource / "src/fabro/workflow/validate/testdata";

std::vector<NodeKind> AllKinds() {
  std::vector<NodeKind> kinds;
  for (int i = 0; i <= static_cast<int>(NodeKind::kPullRequest); ++i) {
    kinds.push_back(static_cast<NodeKind>(i));
  }
  return kinds;
}

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> Workflows(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".fabro") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

PrepareOptions RunOptions(const std::string& folder, std::vector<NodeKind> kinds) {
  PrepareOptions options;
  options.inputs.Set("who", "world");
  options.directory = folder;
  options.validate.built_kinds = std::move(kinds);
  return options;
}

std::string Report(const fs::path& path, const PrepareOptions& options) {
  const Prepared prepared = PrepareGraph(ReadAll(path), options);
  std::string report;
  for (const Diagnostic& diagnostic : prepared.diagnostics) {
    report += FormatDiagnostic(path.filename().string(), diagnostic);
  }
  for (std::size_t at = 0; (at = report.find(options.directory, at)) != std::string::npos;) {
    report.replace(at, options.directory.size(), "DIR");
  }
  return report.empty() ? "clean\n" : report;
}

// What a workflow is told stands beside it in NAME.expected. To accept a changed wording, run with
// FABRO_UPDATE_GOLDEN=1 and read the diff.
void CheckGolden(const std::string& folder, const std::vector<NodeKind>& kinds) {
  const auto paths = Workflows(kTestdata / folder);
  ASSERT_FALSE(paths.empty());
  for (const fs::path& path : paths) {
    const std::string report = Report(path, RunOptions((kTestdata / folder).string(), kinds));
    const fs::path expected = fs::path(path).replace_extension(".expected");
    if (std::getenv("FABRO_UPDATE_GOLDEN") != nullptr) std::ofstream(expected) << report;
    EXPECT_EQ(report, ReadAll(expected)) << path;
  }
}

TEST(ValidateTest, SaysWhatIsWrongWithEveryBadWorkflow) { CheckGolden("now", BuiltKinds()); }

TEST(ValidateTest, KnowsTheRulesOfKindsThatComeLater) { CheckGolden("all_kinds", AllKinds()); }

TEST(ValidateTest, TheAcceptanceExamplesHaveNoErrors) {
  const fs::path folder = kSource / "tests/e2e/examples";
  const auto paths = Workflows(folder);
  ASSERT_FALSE(paths.empty());
  for (const fs::path& path : paths) {
    PrepareOptions options = RunOptions(folder.string(), AllKinds());
    options.inputs.Set("lang", "en");
    const Prepared prepared = PrepareGraph(ReadAll(path), options);
    EXPECT_TRUE(prepared.ok()) << Report(path, options);
  }
}

TEST(ValidateTest, ANodeThatDoesNotExistIsFoundInGraphsMadeOtherwise) {
  Graph graph = *Parse("digraph G { start -> exit }");
  Edge edge;
  edge.from = "start";
  edge.to = "nowhere";
  graph.edges.push_back(edge);

  const auto found = Validate(graph);

  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rule, "edge_target_exists");
  EXPECT_EQ(FormatDiagnostic("api", found[0]),
            "api: error[edge_target_exists]: the edge names 'nowhere', which does not exist\n");
}

TEST(ValidateTest, ErrorsComeFirstAndThenPlacesInTheFile) {
  const auto found = Validate(
      *Parse("digraph G { start -> a -> exit start -> b [weight=x]\n"
             " a [shape=parallelogram, goal_gate=true, script=x]\n b [shape=parallelogram] }"));
  std::vector<std::string> rules;
  for (const Diagnostic& diagnostic : found) rules.push_back(diagnostic.rule);
  EXPECT_EQ(rules, (std::vector<std::string>{"attr_type", "command_script", "goal_gate_has_retry",
                                             "dead_end"}));
}

}  // namespace
}  // namespace fabro::workflow
