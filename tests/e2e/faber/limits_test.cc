// Exit codes and limits: what the command did, and which limit ended it.
#include "tests/e2e/faber/faber_run.h"

namespace fabro::e2e {
namespace {

class Limits : public FaberTest {};
class ExitCodes : public FaberTest {};

TEST_F(ExitCodes, TheCommandsOwnCodeIsGivenBack) {
  EXPECT_EQ(Shell("exit 0").status, 0);
  EXPECT_EQ(Shell("exit 7").status, 7);
  EXPECT_EQ(Shell("exit 255").status, 255);
  EXPECT_EQ(Faber({"execute", "--", "false"}).status, 1);
}

TEST_F(ExitCodes, ASignalIs128AndItsNumber) {
  EXPECT_EQ(Shell("kill -TERM $$").status, 143);
  EXPECT_EQ(Shell("kill -SEGV $$").status, 139);
}

TEST_F(ExitCodes, NotFoundIs127AndNotExecutableIs126) {
  const Done missing = Faber({"run", "--", "no-such-tool"});
  EXPECT_EQ(missing.status, 127);
  EXPECT_NE(missing.err.find("no-such-tool"), std::string::npos) << missing.err;
  EXPECT_EQ(Faber({"run", "--", "/no/such/path"}).status, 127);
  EXPECT_EQ(Faber({"run", "--", "/etc/passwd"}).status, 126);
  EXPECT_EQ(Faber({"run", "--", "/usr"}).status, 126);
}

TEST_F(Limits, WallTimeIs124AndNamesItsOption) {
  const Done done = Faber({"run", "--wall-time", "200ms", "--", "sleep", "60"});
  EXPECT_EQ(done.status, 124);
  EXPECT_NE(done.err.find("wall time limit"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("--wall-time"), std::string::npos) << done.err;
}

TEST_F(Limits, CpuTimeIs124AndNamesItsOption) {
  const Done done = Shell("while :; do :; done", {"--cpu-time", "200ms"});
  EXPECT_EQ(done.status, 124);
  EXPECT_NE(done.err.find("CPU time limit"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("--cpu-time"), std::string::npos) << done.err;
}

TEST_F(Limits, MemoryIs137AndNamesItsOption) {
  const Done done = Faber({"run", "--memory", "32MiB", "--", "perl", "-e", "my $x = 'a' x 2e8;"});
  EXPECT_EQ(done.status, 137) << done.err;
  EXPECT_NE(done.err.find("out of memory"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("--memory"), std::string::npos) << done.err;
}

TEST_F(Limits, OutputIs153AndGivesExactlyTheLimit) {
  const Done done = Shell("yes", {"--output", "10000"});
  EXPECT_EQ(done.status, 153);
  EXPECT_EQ(done.out.size(), 10000U);
  EXPECT_NE(done.err.find("--output"), std::string::npos) << done.err;
}

TEST_F(Limits, OutputOfExactlyTheLimitIsNoViolation) {
  const Done done = Shell("printf 12345678", {"--output", "8"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, "12345678");
}

TEST_F(Limits, PidsKeepTheCommandsOwnCodeAndNameTheOption) {
  const Done done = Shell("for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; wait", {"--pids", "4"});
  EXPECT_NE(done.status, 0);
  EXPECT_LT(done.status, 124);
  EXPECT_NE(done.err.find("--pids"), std::string::npos) << done.err;
}

TEST_F(Limits, OpenFilesAreAtMostTheLimit) {
  EXPECT_EQ(Shell("ulimit -Hn; ulimit -Sn", {"--fds", "32"}).out, "32\n32\n");
}

TEST_F(Limits, TmpfsIsATotalOfAllWritablePaths) {
  const Done done =
      Shell("head -c 3M /dev/zero >/tmp/a && head -c 3M /dev/zero >/work/b", {"--tmpfs", "4MiB"});
  EXPECT_NE(done.status, 0);
  EXPECT_NE(done.err.find("No space left"), std::string::npos) << done.err;
}

TEST_F(Limits, AViolationIs159AndNamesTheCall) {
  // A grandchild asks for a kernel keyring, which no level allows.
  const Done done = Faber(
      {"run", "--", "perl", "-e", "system('perl', '-e', 'syscall(248, 0, 0, 0, 0, 0)'); exit 0"});
  EXPECT_EQ(done.status, 159) << done.err;
  EXPECT_NE(done.err.find("add_key"), std::string::npos) << done.err;
}

TEST_F(Limits, JsonHasTheWholeStory) {
  const Done done = Shell("echo out; printf '\\377' >&2; exit 3", {"--json", "--pids", "7"});
  EXPECT_EQ(done.status, 3);
  EXPECT_EQ(done.err, "");
  const model::Json json = JsonOf(done);
  EXPECT_EQ(json.StringAt("outcome"), "exited");
  EXPECT_EQ(json.IntAt("exit_code"), 3);
  ASSERT_NE(json.Find("stdout"), nullptr);
  EXPECT_EQ(json.Find("stdout")->StringAt("encoding"), "utf-8");
  EXPECT_EQ(json.Find("stdout")->StringAt("data"), "out\n");
  EXPECT_EQ(json.Find("stderr")->StringAt("encoding"), "base64");
  EXPECT_EQ(json.Find("stderr")->StringAt("data"), "/w==");
  EXPECT_EQ(json.Find("limits")->IntAt("pids"), 7);
  EXPECT_GT(json.Find("times")->IntAt("wall_ns"), 0);
  EXPECT_GT(json.Find("peaks")->IntAt("memory_bytes"), 0);
  for (const char* key : {"launch", "shared", "degraded", "violations", "workspace_limit"}) {
    EXPECT_NE(json.Find(key), nullptr) << key;
  }
}

TEST_F(Limits, JsonOfATimeLimitNamesTheOutcome) {
  const Done done = Faber({"run", "--json", "--wall-time", "100ms", "--", "sleep", "60"});
  EXPECT_EQ(done.status, 124);
  EXPECT_EQ(JsonOf(done).StringAt("outcome"), "timed_out");
}

}  // namespace
}  // namespace fabro::e2e
