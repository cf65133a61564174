// The command policy, the configuration and the log, as users meet them.
#include <sys/stat.h>
#include <unistd.h>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"
#include "tests/e2e/faber/faber_run.h"

namespace fabro::e2e {
namespace {

class PolicyAndConfig : public FaberTest {
 protected:
  void SetUp() override {
    FaberTest::SetUp();
    auto dir = TempDir::Make("faber-e2e");
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
  }
  std::string File(const std::string& name, std::string_view text) {
    const std::string path = dir_->path() + "/" + name;
    EXPECT_TRUE(WriteFile(path, text).ok());
    return path;
  }
  const std::string& dir() const { return dir_->path(); }

 private:
  std::optional<TempDir> dir_;
};

TEST_F(PolicyAndConfig, ABlockedCommandIsRefusedBeforeAnythingStarts) {
  const Done done = Shell("cd / && rm -rf *");

  EXPECT_EQ(done.status, 125);
  EXPECT_NE(done.err.find("rule rm-root"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("guardrail, not a boundary"), std::string::npos) << done.err;
  const model::Json json = JsonOf(Faber({"run", "--json", "--", "mkfs.ext4", "/dev/sda"}));
  EXPECT_EQ(json.StringAt("outcome"), "not_started");
  EXPECT_EQ(json.Find("error")->StringAt("reason"), "command_blocked");
  EXPECT_TRUE(json.Find("command_policy")->BoolAt("guardrail"));
  EXPECT_EQ(json.Find("command_policy")->StringAt("rule"), "mkfs");
}

TEST_F(PolicyAndConfig, AuditStartsTheCommandAndReportsIt) {
  const model::Json json = JsonOf(Faber(
      {"run", "--json", "--command-policy", "audit", "--", "sh", "-c", "echo ran; umount /x"}));

  EXPECT_EQ(json.Find("stdout")->StringAt("data"), "ran\n");
  const model::Json* policy = json.Find("command_policy");
  ASSERT_NE(policy, nullptr);
  EXPECT_EQ(policy->StringAt("verdict"), "block");
  EXPECT_FALSE(policy->BoolAt("refused", true));
  EXPECT_NE(policy->Find("commands"), nullptr);
}

TEST_F(PolicyAndConfig, PolicyTestSaysWhatRunWouldDo) {
  EXPECT_EQ(Faber({"policy", "test", "--", "ls"}).status, 0);
  const Done done = Faber({"policy", "test", "--", "sudo", "env", "-S", "mkswap /x"});
  EXPECT_EQ(done.status, 3);
  EXPECT_NE(done.out.find("verdict: block, rule mkfs"), std::string::npos) << done.out;
  EXPECT_EQ(JsonOf(Faber({"policy", "test", "--json", "--", "reboot"})).StringAt("rule"), "reboot");
}

// A link and its target are one program.
TEST_F(PolicyAndConfig, LinksDoNotHideAProgram) {
  ASSERT_EQ(::symlink("/bin/umount", (dir() + "/x").c_str()), 0);

  const Done done = Faber({"run", "--bind", dir() + ":/b", "--", "/bin/../bin/umount", "/x"});

  EXPECT_EQ(done.status, 125) << done.err;
}

TEST_F(PolicyAndConfig, AFileTheEnvironmentAndTheCommandLineAreLaidOverEachOther) {
  const std::string file = File("f.yaml",
                                "resource_limits: {default: {max_file_descriptors: 33}, "
                                "judge: {max_file_descriptors: 44}}\ncontainer: {hostname: box}\n");
  const auto limit = [&](Words options) {
    options.insert(options.begin(), {"--config", file});
    return Shell("ulimit -n; uname -n", options).out;
  };
  EXPECT_EQ(limit({}), "33\nbox\n");
  EXPECT_EQ(limit({"--limits-profile", "judge"}), "44\nbox\n");
  EXPECT_EQ(limit({"--set", "container.hostname=other"}), "33\nother\n");
  EXPECT_EQ(limit({"--fds", "55"}), "55\nbox\n");
}

TEST_F(PolicyAndConfig, WhatIsNoConfigurationFileIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo((dir() + "/fifo").c_str(), 0600), 0);
  for (const std::string& path : {dir(), dir() + "/fifo", dir() + "/missing"}) {
    const Done done = Faber({"run", "--config", path, "--", "true"});
    EXPECT_EQ(done.status, 125) << path;
    EXPECT_NE(done.err.find("--config"), std::string::npos) << done.err;
    EXPECT_EQ(Faber({"validate", path}).status, 2) << path;
  }
}

TEST_F(PolicyAndConfig, ValidateAndConfigHaveTheirExitStatuses) {
  EXPECT_EQ(Faber({"validate", File("a", "logging: {level: info}")}).status, 0);
  EXPECT_EQ(Faber({"validate", File("b", "a: [1, 2\n")}).status, 2);
  const Done wrong = Faber({"validate", File("c", "sandbox:\n  fresch: true\n")});
  EXPECT_EQ(wrong.status, 3);
  EXPECT_NE(wrong.err.find("c:2:3: sandbox.fresch"), std::string::npos) << wrong.err;
  EXPECT_NE(wrong.err.find("did you mean sandbox.fresh?"), std::string::npos) << wrong.err;
  EXPECT_EQ(Faber({"config", "--default"}).status, 0);
}

TEST_F(PolicyAndConfig, TheLogHasTheSecurityEventsAndNoSecret) {
  const std::string log = dir() + "/log";
  const Words options = {"--set", "logging.file=" + log, "--env", "API_TOKEN=hunter2-planted"};
  (void)Shell("echo hunter2-planted", options);
  (void)Shell("exec sleep 9", {"--set", "logging.file=" + log, "--wall-time", "50ms"});
  (void)Shell("umount hunter2-planted", options);

  const std::string text = ReadFile(log).value();
  for (const char* event : {"task.attempt", "task.finished", "limit.violation",
                            "security.violation", "config.change"}) {
    EXPECT_NE(text.find(std::string("\"event\":\"") + event + "\""), std::string::npos) << event;
  }
  EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
}

}  // namespace
}  // namespace fabro::e2e
