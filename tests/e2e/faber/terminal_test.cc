// A caller with a terminal: the command has one of its own, and ours is as it was afterwards.
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>

#include "fabro/linux/spawn.h"
#include "tests/e2e/faber/faber_run.h"

namespace fabro::e2e {
namespace {

class Terminal : public FaberTest {
 protected:
  void SetUp() override {
    FaberTest::SetUp();
    int master = -1;
    int slave = -1;
    winsize size{};
    size.ws_row = 33;
    size.ws_col = 101;
    ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, &size), 0);
    master_.reset(master);
    slave_.reset(slave);
    ASSERT_EQ(::tcgetattr(slave, &before_), 0);
  }

  Process Run(const Words& args) {
    SpawnRequest request;
    request.argv = {FABER};
    request.argv.insert(request.argv.end(), args.begin(), args.end());
    request.env = {"PATH=/usr/bin:/bin", "TERM=vt100"};
    request.in = request.out = request.err = slave_.get();
    request.new_session = true;
    auto process = Spawn(request);
    EXPECT_TRUE(process.ok());
    return *std::move(process);
  }

  void Type(std::string_view text) {
    ASSERT_EQ(::write(master_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  bool IsAsBefore() const {
    termios now{};
    return ::tcgetattr(slave_.get(), &now) == 0 && now.c_lflag == before_.c_lflag &&
           now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag;
  }

  UniqueFd master_;
  UniqueFd slave_;
  termios before_{};
};

TEST_F(Terminal, TheCommandHasATerminalOfThatSizeAndKind) {
  Process process =
      Run({"run", "--", "sh", "-c", "test -t 0 && test -t 2 && stty size && echo $TERM"});
  const std::string text = ReadUntil(master_.get(), "vt100");
  EXPECT_NE(text.find("33 101"), std::string::npos) << text;
  EXPECT_EQ(StatusOf(process), 0);
  EXPECT_TRUE(IsAsBefore());
}

TEST_F(Terminal, KeysReachTheCommandAndInterruptIsAKey) {
  Process process =
      Run({"run", "--", "sh", "-c", "trap 'echo caught' INT; echo ready; read x; read x; echo $x"});
  EXPECT_NE(ReadUntil(master_.get(), "ready").find("ready"), std::string::npos);
  Type("\x03");
  EXPECT_NE(ReadUntil(master_.get(), "caught").find("caught"), std::string::npos);
  Type("one\rtwo\r");
  StatusOf(process);
  EXPECT_TRUE(IsAsBefore());
}

TEST_F(Terminal, ANewSizeReachesTheCommand) {
  Process process =
      Run({"run", "--", "sh", "-c",
           "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done"});
  EXPECT_NE(ReadUntil(master_.get(), "ready").find("ready"), std::string::npos);
  winsize size{};
  size.ws_row = 50;
  size.ws_col = 60;
  ASSERT_EQ(::ioctl(master_.get(), TIOCSWINSZ, &size), 0);
  // Without a controlling terminal nobody sends us the signal that a user's terminal would.
  ASSERT_TRUE(process.Kill(SIGWINCH).ok());
  EXPECT_NE(ReadUntil(master_.get(), "50 60").find("50 60"), std::string::npos);
  EXPECT_EQ(StatusOf(process), 0);
}

TEST_F(Terminal, OursIsRestoredWhenTheCommandIsKilledForALimit) {
  Process process = Run({"run", "--wall-time", "200ms", "--", "sleep", "60"});
  ReadUntil(master_.get(), "--wall-time");
  EXPECT_EQ(StatusOf(process), 124);
  EXPECT_TRUE(IsAsBefore());
}

TEST_F(Terminal, OursIsRestoredWhenTheCommandCannotRun) {
  Process process = Run({"run", "--", "no-such-tool"});
  EXPECT_EQ(StatusOf(process), 127);
  EXPECT_TRUE(IsAsBefore());
}

}  // namespace
}  // namespace fabro::e2e
