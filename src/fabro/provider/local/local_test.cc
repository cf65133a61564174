// What only `local` has: its environment filter, and the way it finds processes again. Commands and
// files are the conformance table's.
#include "fabro/provider/local/local.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fabro/linux/scoped_dir.h"
#include "fabro/provider/common/exec_buffered.h"
#include "fabro/provider/local/process_tree.h"

namespace fabro::provider {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

struct NameCase {
  const char* name;
  bool passes;
  bool passes_without_strict;
};

class EnvFilterTest : public ::testing::TestWithParam<NameCase> {};

TEST_P(EnvFilterTest, PassesAsTheTableSays) {
  const NameCase& row = GetParam();
  const std::vector<std::string> host = {std::string(row.name) + "=v"};
  EnvFilter loose;
  loose.strict = false;

  EXPECT_EQ(FilteredEnvironment(host, {}, EnvFilter()).size(), row.passes ? 1U : 0U) << row.name;
  EXPECT_EQ(FilteredEnvironment(host, {}, loose).size(), row.passes_without_strict ? 1U : 0U)
      << row.name;
}

INSTANTIATE_TEST_SUITE_P(
    Names, EnvFilterTest,
    ::testing::Values(
        NameCase{"OPENAI_API_KEY", false, false}, NameCase{"openai_api_key", false, false},
        NameCase{"Db_Password", false, false}, NameCase{"API_KEY", false, true},
        NameCase{"TOKEN", false, true}, NameCase{"SECRET", false, true},
        NameCase{"PASSWORD", false, true}, NameCase{"_TOKEN", false, false},
        NameCase{"AWS_SECRET_ACCESS_KEY", false, true}, NameCase{"AWS_SESSION_TOKEN", false, false},
        NameCase{"SSH_PRIVATE_KEY", false, true},
        NameCase{"GOOGLE_APPLICATION_CREDENTIALS", false, true}, NameCase{"DB_PASSWD", false, true},
        NameCase{"GITHUB_TOKEN", false, false}, NameCase{"SESSION_SECRET", false, false},
        NameCase{"GITHUB_TOKENS", true, true}, NameCase{"TOKEN_URL", true, true},
        NameCase{"Path", true, true}, NameCase{"PATH", true, true}, NameCase{"HOME", true, true}));

TEST(EnvFilterTest, BytesAndEmptyValuesPassAndTheConfiguredComesOnTop) {
  const std::vector<std::string> host = {"EMPTY=", "BYTES=\xff\xfe", "A=host"};
  EnvFilter filtered;
  filtered.filter_explicit = true;

  EXPECT_THAT(FilteredEnvironment(host, {{"A", "mine"}, {"NPM_TOKEN", "t"}}, EnvFilter()),
              UnorderedElementsAre("EMPTY=", "BYTES=\xff\xfe", "A=mine", "NPM_TOKEN=t"));
  EXPECT_THAT(FilteredEnvironment({}, {{"A", "mine"}, {"NPM_TOKEN", "t"}}, filtered),
              ElementsAre("A=mine"));
}

TEST(LocalTest, TheJanitorEndsWhatARunLeftAndNothingElse) {
  const TempDir dir = TempDir::Make("local").value();
  const auto start = [&](const std::string& run) {
    LocalConfig config;
    config.working_directory = dir.path();
    config.run_id = run;
    config.host_environment = OwnEnvironment();
    auto sandbox = MakeLocalSandbox(std::move(config));
    EXPECT_TRUE(sandbox->Initialize().ok());
    ExecRequest request;
    request.command = "setsid sleep 1000 >/dev/null 2>&1 & true";
    EXPECT_EQ(sandbox->Exec(request)->exit_code, 0);
    return sandbox;
  };
  const std::string mine = "run-a-" + std::to_string(::getpid());
  const std::string other = "run-b-" + std::to_string(::getpid());
  const auto first = start(mine);
  const auto second = start(other);

  const std::size_t killed = KillLeftovers(mine).value();

  MarkQuery left;
  left.mark = other + "/";
  left.prefix = true;
  EXPECT_EQ(killed, 1U);
  EXPECT_EQ(KillLeftovers(mine).value(), 0U);
  EXPECT_EQ(FindProcesses(left)->size(), 1U);
  EXPECT_TRUE(second->Cleanup().ok());
  EXPECT_EQ(FindProcesses(left)->size(), 0U);
}

}  // namespace
}  // namespace fabro::provider
