#include "apps/faber/run_log.h"

#include <gtest/gtest.h>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::faber {
namespace {

constexpr const char* kSecret = "hunter2-planted-secret";

class RunLog : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::Make("faber-log");
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
  }
  std::string path() const { return dir_->path() + "/log"; }
  std::string Text() const { return ReadFile(path()).value(); }

 private:
  std::optional<TempDir> dir_;
};

model::RunRequest RequestWithSecrets() {
  model::RunRequest request;
  request.exec.argv = {"/usr/bin/curl", "-H", std::string("Authorization: ") + kSecret};
  request.exec.env = {std::string("API_TOKEN=") + kSecret, "PATH=/usr/bin"};
  return request;
}

TEST_F(RunLog, APlantedSecretIsInNoEvent) {
  const model::RunRequest request = RequestWithSecrets();
  config::engine::Inputs inputs;
  inputs.environment = {std::string("FABER_AUTH_API_KEY=") + kSecret,
                        std::string("FABER_VALIDATION_BLOCKED=") + kSecret};
  const auto loaded = config::engine::Load(inputs);
  model::PolicyDecision decision;
  decision.audit = true;
  decision.refused = true;
  decision.verdict = model::PolicyVerdict::kBlock;
  decision.rule = kSecret;
  decision.why = kSecret;
  model::Outcome outcome;
  outcome.fate = model::Fate::kPolicyViolation;
  outcome.violations = {{.syscall = "mount", .call = kSecret, .pid = 2, .comm = kSecret}};
  outcome.message = kSecret;
  {
    Logger log =
        OpenLog({.file = path(), .options = {.level = LogLevel::kDebug}}, request.exec.env).value();
    LogConfig(log, loaded.settings);
    LogAttempt(log, request, decision);
    LogOutcome(log, request, outcome);
    LogFailure(log, request, Failure(Code::kInternal, kSecret, kSecret));
  }
  EXPECT_EQ(Text().find("hunter2"), std::string::npos) << Text();
  for (const char* event :
       {"config.change", "task.attempt", "security.violation", "task.finished"}) {
    EXPECT_NE(Text().find(event), std::string::npos) << event;
  }
}

TEST_F(RunLog, ALimitIsAnEventWithWhatWasSetAndSeen) {
  model::RunRequest request;
  request.exec.argv = {"sleep"};
  request.exec.limits.wall_time = std::chrono::seconds(1);
  model::Outcome outcome;
  outcome.fate = model::Fate::kTimedOut;
  outcome.usage.wall_time = std::chrono::milliseconds(1001);
  {
    Logger log = OpenLog({.file = path(), .options = {}}, {}).value();
    LogOutcome(log, request, outcome);
  }
  EXPECT_NE(
      Text().find(R"("event":"limit.violation","limit":"wall_time_limit","value":"1000000000",)"
                  R"("observed":"1001000000")"),
      std::string::npos)
      << Text();
}

TEST_F(RunLog, WithoutAFileNothingIsOpened) {
  const auto log = OpenLog({}, {});

  ASSERT_TRUE(log.ok());
  EXPECT_FALSE(log->on());
}

}  // namespace
}  // namespace fabro::faber
