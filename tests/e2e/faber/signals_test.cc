// Signals reach the command, a second SIGINT ends it, and a dead caller takes everything with it.
#include <unistd.h>

#include <csignal>

#include "tests/e2e/faber/faber_run.h"

namespace fabro::e2e {
namespace {

class Signals : public FaberTest {};

// A shell that says which signal came, and goes on.
constexpr char kListener[] =
    "for s in INT TERM HUP QUIT USR1 USR2; do trap \"echo got $s\" $s; done; echo ready; "
    "while :; do sleep 0.05; done";

TEST_F(Signals, EachIsForwardedToTheCommand) {
  Running running = Start({"run", "--", "sh", "-c", kListener});
  ASSERT_EQ(ReadUntil(running.out.get(), "ready\n"), "ready\n");
  const std::pair<int, const char*> table[] = {{SIGTERM, "got TERM\n"}, {SIGHUP, "got HUP\n"},
                                               {SIGQUIT, "got QUIT\n"}, {SIGUSR1, "got USR1\n"},
                                               {SIGUSR2, "got USR2\n"}, {SIGINT, "got INT\n"}};
  for (const auto& [signal, answer] : table) {
    ASSERT_TRUE(running.process.Kill(signal).ok());
    EXPECT_EQ(ReadUntil(running.out.get(), answer), answer);
  }
}

TEST_F(Signals, ASecondInterruptKillsAndIsCancelled) {
  Running running = Start({"run", "--", "sh", "-c", kListener});
  ASSERT_EQ(ReadUntil(running.out.get(), "ready\n"), "ready\n");
  ASSERT_TRUE(running.process.Kill(SIGINT).ok());
  EXPECT_EQ(ReadUntil(running.out.get(), "got INT\n"), "got INT\n");
  ASSERT_TRUE(running.process.Kill(SIGINT).ok());
  EXPECT_EQ(StatusOf(running.process), 143);
  EXPECT_NE(ReadUntil(running.err.get(), "cancelled").find("cancelled"), std::string::npos);
}

TEST_F(Signals, OneThatTheCommandDiesOfShowsInTheStatus) {
  Running running = Start({"run", "--", "sh", "-c", "echo ready; exec sleep 60"});
  ASSERT_EQ(ReadUntil(running.out.get(), "ready\n"), "ready\n");
  ASSERT_TRUE(running.process.Kill(SIGTERM).ok());
  EXPECT_EQ(StatusOf(running.process), 128 + SIGTERM);
}

TEST_F(Signals, KillingTheCallerClosesWhatTheGuestHolds) {
  Running running = Start({"run", "--", "sh", "-c", "echo ready; exec sleep 600"});
  ASSERT_EQ(ReadUntil(running.out.get(), "ready\n"), "ready\n");
  ASSERT_TRUE(running.process.Kill(SIGKILL).ok());
  EXPECT_EQ(StatusOf(running.process), 128 + SIGKILL);
  // The jailer holds our stderr to its own end, which comes when everything is cleaned up.
  EXPECT_EQ(ReadUntil(running.err.get(), "never"), "");
}

}  // namespace
}  // namespace fabro::e2e
