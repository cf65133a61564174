#include "fabro/linux/log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro {
namespace {

using std::chrono::nanoseconds;
using std::chrono::system_clock;

const system_clock::time_point kTime{std::chrono::seconds(1'800'000'000) + nanoseconds(123)};

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::Make("fabro-log");
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
  }
  std::string path() const { return dir_->path() + "/log"; }
  Logger Make(Logger::Options options = {}) {
    auto logger = Logger::Open(path(), options, clock_);
    EXPECT_TRUE(logger.ok()) << logger.error().ToString();
    return *std::move(logger);
  }
  std::string Text() const { return ReadFile(path()).value(); }
  static std::size_t Lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  FakeClock clock_;

 private:
  std::optional<TempDir> dir_;
};

TEST_F(LogTest, ARecordIsOneLineInEitherForm) {
  const LogRecord record{.event = kTaskAttempt, .message = "started", .fields = {{"cmd", "ls"}}};

  EXPECT_EQ(FormatLog(record, LogFormat::kJson, kTime),
            R"({"ts":"2027-01-15T08:00:00.000000123Z","level":"info","event":"task.attempt",)"
            R"("msg":"started","cmd":"ls"})");
  EXPECT_EQ(FormatLog(record, LogFormat::kText, kTime),
            R"(2027-01-15T08:00:00.000000123Z info task.attempt "started" cmd="ls")");
}

TEST_F(LogTest, NobodysTextForgesALine) {
  const LogRecord record{.event = "x",
                         .fields = {{"comm", "a\"}\n{\"event\":\"y\x1b[2J\x7f\xff\xc2\x9b"}}};

  for (const LogFormat format : {LogFormat::kJson, LogFormat::kText}) {
    const std::string line = FormatLog(record, format, kTime);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
    EXPECT_NE(line.find(R"(a\"}\n{\"event\":\"y\u001b[2J\u007f)"), std::string::npos) << line;
    EXPECT_NE(line.find("\xEF\xBF\xBD\\u009b"), std::string::npos) << line;
  }
}

TEST_F(LogTest, LongValuesAreCut) {
  const LogRecord record{.event = "x", .fields = {{"path", std::string(100'000, 'a')}}};

  EXPECT_LT(FormatLog(record, LogFormat::kJson, kTime).size(), 400U);
}

TEST_F(LogTest, OnlyTheLevelAndAboveIsWritten) {
  {
    Logger logger = Make({.level = LogLevel::kWarn});
    logger.Write({.level = LogLevel::kInfo, .event = "a"});
    logger.Write({.level = LogLevel::kError, .event = "b"});
  }
  EXPECT_EQ(Lines(Text()), 1U);
}

TEST_F(LogTest, ALoopOfOneEventIsCountedNotWritten) {
  {
    Logger logger = Make();
    for (int i = 0; i < 10'000; ++i) logger.Write({.event = kSecurityViolation});
    logger.Write({.event = kTaskAttempt});
    EXPECT_EQ(Lines(Text()), Logger::kBurst + 1);
    clock_.Advance(Logger::kWindow);
    logger.Write({.event = kSecurityViolation});
    EXPECT_NE(Text().find(R"("event":"log.dropped","of":"security.violation","count":"9980")"),
              std::string::npos)
        << Text();
    for (int i = 0; i < 100; ++i) logger.Write({.event = kSecurityViolation});
  }
  EXPECT_NE(Text().find(R"("count":"81")"), std::string::npos) << "the last count is not lost";
}

TEST_F(LogTest, SecretsShowInNoField) {
  {
    Logger logger = Make();
    logger.AddSecret("hunter2-hunter2");
    logger.AddSecret("abc");  // Too short to be looked for.
    logger.Write({.event = "x",
                  .message = "key hunter2-hunter2 refused",
                  .fields = {{"cmd", "curl -H hunter2-hunter2hunter2-hunter2"}, {"abc", "abc"}}});
  }
  EXPECT_EQ(Text().find("hunter2"), std::string::npos) << Text();
  EXPECT_NE(Text().find("***"), std::string::npos);
}

TEST_F(LogTest, TheFileIsOursAloneAndAppendedTo) {
  Make().Write({.event = "a"});
  Make().Write({.event = "b"});

  struct stat info{};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(Lines(Text()), 2U);
}

TEST_F(LogTest, WhatCannotBeWrittenToIsRefused) {
  const auto refused = Logger::Open("/", {}, clock_);

  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "log_unwritable");
  EXPECT_FALSE(Logger::Open("/nonexistent/x/log", {}, clock_).ok());
}

TEST_F(LogTest, ALoggerWithoutAFileIsSilent) {
  Logger logger;
  logger.Write({.event = "x"});
  EXPECT_FALSE(logger.on());
}

}  // namespace
}  // namespace fabro
