#include "fabro/agent/tools/output.h"

#include <gtest/gtest.h>

#include <string>

namespace fabro::agent {
namespace {

TEST(Truncate, LeavesShortTextAlone) {
  EXPECT_EQ(Truncate("abc\n", {.characters = 4, .lines = 1}), "abc\n");
  EXPECT_EQ(Truncate(std::string(100, 'x'), {}), std::string(100, 'x'));
}

TEST(Truncate, KeepsHalfAtEachEndAndSaysHowMuchIsMissing) {
  const std::string cut = Truncate("aaaaa" + std::string(90, 'x') + "bbbbb", {.characters = 10});
  EXPECT_TRUE(cut.starts_with("aaaaa\n[90 characters were left out")) << cut;
  EXPECT_TRUE(cut.ends_with("]\nbbbbb")) << cut;
}

TEST(Truncate, KeepsTheEndBehindAMarker) {
  const std::string cut =
      Truncate("aaaaabbbbb", {.characters = 5, .mode = OutputLimit::Mode::kTail});
  EXPECT_TRUE(cut.starts_with("[5 characters")) << cut;
  EXPECT_TRUE(cut.ends_with("\nbbbbb")) << cut;
}

TEST(Truncate, CountsAndCutsWholeCharacters) {
  std::string text;
  for (int i = 0; i < 10; ++i) text += "\u20AC";
  const std::string cut = Truncate(text, {.characters = 4});
  EXPECT_TRUE(cut.starts_with("\u20AC\u20AC\n[6 characters")) << cut;
  EXPECT_TRUE(cut.ends_with("]\n\u20AC\u20AC")) << cut;
}

TEST(Truncate, CutsLinesAfterCharacters) {
  EXPECT_EQ(Truncate("1\n2\n3\n4\n5\n6\n", {.lines = 4}),
            "1\n2\n[2 lines were left out here]\n5\n6\n");
}

TEST(BoundedText, KeepsBothEndsOfAnEndlessStream) {
  BoundedText text(4);
  for (int i = 0; i < 1000; ++i) text.Add("0123456789");
  EXPECT_EQ(text.total(), 10'000U);
  EXPECT_EQ(text.Take(), "0123\n[9992 bytes of output were not kept]\n6789");
}

TEST(BoundedText, GivesBackWhatFits) {
  BoundedText text(4);
  text.Add("0123");
  text.Add("4567");
  EXPECT_EQ(text.Take(), "01234567");
}

TEST(Utf8, BytesThatAreNoneBecomeReplacements) {
  EXPECT_EQ(ToUtf8("caf\xE9!"), "caf\uFFFD!");
  EXPECT_EQ(ToUtf8("\xC0\xAF"), "\uFFFD\uFFFD");
  EXPECT_EQ(ToUtf8("\u20AC"), "\u20AC");
}

TEST(Inert, ShowsControlsInsteadOfObeyingThem) {
  EXPECT_EQ(Inert("\x1b[2Jhi\a\n\t."), "\\x1b[2Jhi\\x07\n\t.");
  EXPECT_EQ(Inert("a\nb", false), "a\\x0ab");
  EXPECT_EQ(Inert("\u009b31m \u202E \u200B"), "\\xc2\\x9b31m \\xe2\\x80\\xae \\xe2\\x80\\x8b");
  EXPECT_EQ(Inert("gr\u00FC\u00DFe \u4E16"), "gr\u00FC\u00DFe \u4E16");
}

}  // namespace
}  // namespace fabro::agent
