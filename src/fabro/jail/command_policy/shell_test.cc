#include "fabro/jail/command_policy/shell.h"

#include <gtest/gtest.h>

namespace fabro::jail::command_policy {
namespace {

TEST(ShellTest, QuotesAndEscapesAreOneWord) {
  const Script script = ParseShell(R"(r"m" -r''f \/)", Dialect::kPosix);

  ASSERT_FALSE(script.error);
  ASSERT_EQ(script.commands.size(), 1U);
  EXPECT_EQ(script.commands[0].words.size(), 3U);
}

}  // namespace
}  // namespace fabro::jail::command_policy
