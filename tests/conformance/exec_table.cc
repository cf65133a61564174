// The rows of Exec: what a command means is the same wherever it runs.
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

#include "fabro/provider/common/exec_buffered.h"
#include "tests/conformance/harness.h"

namespace fabro::provider::conformance {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string WithDirectory(std::string text, const std::string& directory) {
  for (std::size_t at = text.find("%W"); at != std::string::npos; at = text.find("%W", at)) {
    text.replace(at, 2, directory);
  }
  return text;
}

std::vector<ExecRow> MakeRows() {
  std::vector<ExecRow> rows;
  const auto add = [&](ExecRow row) { rows.push_back(std::move(row)); };
  add({.name = "StreamsStaySeparate",
       .command = "echo out; echo err >&2",
       .out = "out\n",
       .err = "err\n"});
  add({.name = "ExitCodeIsTheShells", .command = "exit 7", .exit_code = 7});
  add({.name = "SignalIs128PlusItsNumber", .command = "kill -TERM $$", .exit_code = 143});
  add({.name = "KillIs137", .command = "kill -KILL $$", .exit_code = 137});
  add({.name = "UnknownCommandIs127",
       .command = "no-such-command-here",
       .exit_code = 127,
       .err = std::nullopt});
  add({.name = "StartsInTheWorkingDirectory", .command = "pwd", .out = "%W\n"});
  add({.name = "RelativeDirectoryIsBelowIt", .command = "pwd", .cwd = "sub", .out = "%W/sub\n"});
  add({.name = "AbsoluteDirectoryIsTakenAsIs", .command = "pwd", .cwd = "/usr", .out = "/usr\n"});
  add({.name = "EnvironmentArrives",
       .command = "echo \"$GREETING\"",
       .env = {{"GREETING", "a b\n$c"}},
       .out = "a b\n$c\n"});
  add({.name = "BaseEnvironmentIsThere",
       .command = "test -n \"$PATH\" -a -n \"$HOME\" && echo yes",
       .out = "yes\n"});
  add({.name = "StdinIsEmpty", .command = "cat; echo end", .out = "end\n"});
  add({.name = "TheShellIsBash",
       .command = "[[ -n $BASH_VERSION ]] && echo bash",
       .out = "bash\n"});
  add({.name = "OutputIsBytes",
       .command = "printf 'a\\0\\377b'",
       .out = std::string("a\0\xff"
                          "b",
                          4)});
  add({.name = "TimeoutKeepsTheOutput",
       .command = "echo before; sleep 1000",
       .timeout = seconds(1),
       .termination = Termination::kTimedOut,
       .exit_code = std::nullopt,
       .out = "before\n"});
  add({.name = "TimeoutKillsWhatIgnoresTheRequest",
       .command = "trap '' TERM; echo on; while :; do :; done",
       .timeout = seconds(1),
       .termination = Termination::kTimedOut,
       .exit_code = std::nullopt,
       .out = "on\n"});
  return rows;
}

Result<BufferedResult> RunShell(Sandbox& sandbox, const std::string& command) {
  ExecRequest request;
  request.command = command;
  return ExecBuffered(sandbox, request, std::size_t{1} << 20);
}

std::string Output(Sandbox& sandbox, const std::string& command) {
  const auto done = RunShell(sandbox, command);
  return done.ok() ? done->out : done.error().ToString();
}

// Runs until "ready" was written, then cancels.
Result<ExecResult> CancelWhenReady(Sandbox& sandbox, const std::string& command) {
  const UniqueFd cancel(::eventfd(0, EFD_CLOEXEC));
  std::string seen;
  ExecRequest request;
  request.command = command;
  request.cancel_fd = cancel.get();
  request.on_output = [&](Stream, std::string_view bytes) -> Status {
    seen.append(bytes);
    if (seen.find("ready") != std::string::npos) ::eventfd_write(cancel.get(), 1);
    return {};
  };
  return sandbox.Exec(request);
}

}  // namespace

const std::vector<ExecRow>& ExecRows() {
  static const std::vector<ExecRow> rows = MakeRows();
  return rows;
}

TEST_P(ExecTable, EndsAsTheRowSays) {
  const ExecRow& row = std::get<1>(GetParam());
  ASSERT_TRUE(sandbox_->WriteFile("sub/file", "").ok());
  harness_->Expect(*sandbox_, row);
  ExecRequest request;
  request.command = row.command;
  request.cwd = row.cwd;
  request.env = row.env;
  request.timeout = row.timeout;

  const auto done = ExecBuffered(*sandbox_, request, std::size_t{1} << 20);

  ASSERT_TRUE(done.ok()) << done.error().ToString();
  EXPECT_EQ(done->result.termination, row.termination);
  EXPECT_EQ(done->result.exit_code, row.exit_code);
  EXPECT_EQ(done->out, WithDirectory(row.out, sandbox_->WorkingDirectory()));
  EXPECT_EQ(row.err ? done->err : "", row.err.value_or(""));
}

TEST_P(RealExec, ArgvRunsWithoutAShell) {
  ExecRequest request;
  request.argv = {"printf", "%s|", "a b", "$HOME"};

  const auto done = ExecBuffered(*sandbox_, request, 1024);

  ASSERT_TRUE(done.ok()) << done.error().ToString();
  EXPECT_EQ(done->out, "a b|$HOME|");
  request.argv = {"/nonexistent/program"};
  EXPECT_EQ(ExecBuffered(*sandbox_, request, 1024)->result.exit_code, 127);
}

TEST_P(RealExec, AMissingDirectoryIsAnErrorThatNamesIt) {
  ExecRequest request;
  request.command = "true";
  request.cwd = "no/such/dir";

  const auto done = sandbox_->Exec(request);

  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().reason, "cwd_not_found");
  EXPECT_NE(done.error().message.find("no/such/dir"), std::string::npos);
}

TEST_P(RealExec, CancelEndsTheCommandAndItsSetsidGrandchild) {
  const auto cancelled = CancelWhenReady(
      *sandbox_, "setsid sh -c 'echo $$ > pid; echo ready; exec sleep 1000' & wait");

  ASSERT_TRUE(cancelled.ok()) << cancelled.error().ToString();
  EXPECT_EQ(cancelled->termination, Termination::kCancelled);
  EXPECT_FALSE(cancelled->exit_code.has_value());
  EXPECT_EQ(RunShell(*sandbox_, "kill -0 $(cat pid) 2>/dev/null")->result.exit_code, 1);
}

TEST_P(RealExec, TimeoutEndsASetsidGrandchildWhoseParentIsGone) {
  ExecRequest request;
  request.command =
      "(setsid sh -c 'trap \"\" TERM; echo $$ > pid; while :; do sleep 1; done' &) ; sleep 1000";
  request.timeout = seconds(2);

  const auto done = sandbox_->Exec(request);

  ASSERT_TRUE(done.ok()) << done.error().ToString();
  EXPECT_EQ(done->termination, Termination::kTimedOut);
  EXPECT_EQ(RunShell(*sandbox_, "test -s pid && kill -0 $(cat pid) 2>/dev/null")->result.exit_code,
            1);
  EXPECT_NE(Output(*sandbox_, "cat pid"), "");
}

TEST_P(RealExec, TenMegabytesArriveWhole) {
  std::size_t bytes = 0;
  ExecRequest request;
  request.command = "head -c 10485760 /dev/zero";
  request.on_output = [&](Stream, std::string_view chunk) -> Status {
    bytes += chunk.size();
    return {};
  };

  const auto done = sandbox_->Exec(request);

  ASSERT_TRUE(done.ok()) << done.error().ToString();
  EXPECT_EQ(done->exit_code, 0);
  EXPECT_EQ(bytes, 10485760U);
}

TEST_P(RealExec, ABackgroundProcessLivesOnToTheNextExec) {
  const std::string pid = Output(*sandbox_, "sleep 1000 >/dev/null 2>&1 & echo $!");

  const auto alive = RunShell(*sandbox_, "kill -0 " + pid);
  const auto killed = RunShell(*sandbox_, "kill -KILL " + pid);

  EXPECT_EQ(alive->result.exit_code, 0) << alive->err;
  EXPECT_EQ(killed->result.exit_code, 0);
}

TEST_P(RealExec, ABackgroundProcessThatHoldsThePipesDoesNotHoldTheResult) {
  const auto done = RunShell(*sandbox_, "echo first; sleep 1000 & echo $! > pid");

  ASSERT_TRUE(done.ok()) << done.error().ToString();
  EXPECT_EQ(done->result.exit_code, 0);
  EXPECT_EQ(done->out, "first\n");
  EXPECT_EQ(RunShell(*sandbox_, "kill -0 $(cat pid)")->result.exit_code, 0);
}

TEST_P(RealExec, StopEndsBackgroundProcessesAndKeepsFiles) {
  ASSERT_TRUE(sandbox_->WriteFile("kept", "x").ok());
  ASSERT_EQ(RunShell(*sandbox_, "sleep 1000 >/dev/null 2>&1 & true")->result.exit_code, 0);

  const Status stopped = sandbox_->Stop();

  EXPECT_TRUE(stopped.ok()) << stopped.error().ToString();
}

TEST_P(RealExec, AnErrorOfTheCallbackEndsTheCommand) {
  ExecRequest request;
  request.command = "while :; do echo more; done";
  request.on_output = [](Stream, std::string_view) -> Status {
    return Failure(Code::kResourceExhausted, "enough", "enough");
  };

  const auto done = sandbox_->Exec(request);

  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().reason, "enough");
}

TEST_P(RealExec, CommandsRunAtTheSameTime) {
  // Each waits for the other: neither can end alone.
  ASSERT_EQ(RunShell(*sandbox_, "mkfifo a b")->result.exit_code, 0);
  std::string first;
  std::thread other([&] { first = Output(*sandbox_, "echo 1 > a; cat b"); });

  const std::string second = Output(*sandbox_, "cat a; echo 2 > b");

  other.join();
  EXPECT_EQ(first, "2\n");
  EXPECT_EQ(second, "1\n");
}

}  // namespace fabro::provider::conformance
