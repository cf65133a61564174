#include "fabro/agent/tools/patch.h"

#include <gtest/gtest.h>

namespace fabro::agent {
namespace {

std::string Patched(std::string_view content, const std::string& hunks) {
  const auto sections =
      ParsePatch("*** Begin Patch\n*** Update File: f\n" + hunks + "*** End Patch\n");
  if (!sections.ok()) return "syntax: " + sections.error().message;
  const auto done = ApplyHunks(content, sections->front().hunks);
  return done.ok() ? *done : "mismatch: " + done.error().message;
}

std::string ReasonOf(std::string_view patch) {
  const auto sections = ParsePatch(patch);
  return sections.ok() ? "ok" : sections.error().reason;
}

TEST(Patch, ReadsEverySection) {
  const auto sections = ParsePatch(
      "*** Begin Patch\n"
      "*** Add File: new.txt\n+one\n+\n"
      "*** Delete File: old.txt\n"
      "*** Update File: a.c\n*** Move to: b.c\n@@ main()\n a\n-b\n+c\n*** End of File\n"
      "*** End Patch\n");
  ASSERT_TRUE(sections.ok()) << sections.error().message;
  ASSERT_EQ(sections->size(), 3U);
  EXPECT_EQ((*sections)[0].content, "one\n\n");
  EXPECT_EQ((*sections)[1].kind, PatchSection::Kind::kDelete);
  const PatchSection& update = (*sections)[2];
  EXPECT_EQ(update.move_to, "b.c");
  EXPECT_EQ(update.hunks.at(0).hint, "main()");
  EXPECT_TRUE(update.hunks.at(0).at_end);
  EXPECT_EQ(update.hunks.at(0).lines.size(), 3U);
}

TEST(Patch, RefusesWhatIsNoPatch) {
  EXPECT_EQ(ReasonOf(""), "patch_syntax");
  EXPECT_EQ(ReasonOf("*** Begin Patch\n*** End Patch\n"), "patch_syntax");
  EXPECT_EQ(ReasonOf("*** Begin Patch\n*** Add File: x\n+a\n"), "patch_syntax");
  EXPECT_EQ(ReasonOf("*** Begin Patch\n*** Add File: \n*** End Patch\n"), "patch_syntax");
  EXPECT_EQ(ReasonOf("*** Begin Patch\n*** Update File: x\n*** End Patch\n"), "patch_syntax");
  EXPECT_EQ(ReasonOf("*** Begin Patch\n*** Update File: x\n@@\nfoo\n*** End Patch\n"),
            "patch_syntax");
  EXPECT_EQ(ReasonOf("*** Begin Patch\n*** Delete File: x\n*** End Patch\nmore\n"), "patch_syntax");
}

TEST(Patch, AppliesHunksInOrder) {
  EXPECT_EQ(Patched("a\nb\nc\nb\nd\n", "@@\n a\n-b\n+B\n@@\n c\n-b\n+BB\n"), "a\nB\nc\nBB\nd\n");
}

TEST(Patch, StartsBelowItsHint) {
  EXPECT_EQ(Patched("f()\n  x\ng()\n  x\n", "@@ g()\n-  x\n+  y\n"), "f()\n  x\ng()\n  y\n");
  EXPECT_EQ(Patched("f()\n  x\n  g()\n  x\n", "@@ g()\n-  x\n+  y\n"), "f()\n  x\n  g()\n  y\n");
}

TEST(Patch, LooksMoreLooselyOnlyWhenItMust) {
  EXPECT_EQ(Patched("a  \nb\n", "@@\n a\n-b\n+c\n"), "a  \nc\n");
  EXPECT_EQ(Patched("    a\n", "@@\n-a\n+b\n"), "b\n");
  EXPECT_EQ(Patched("\u201Cx\u201D \u2014 y\n", "@@\n-\"x\" - y\n+z\n"), "z\n");
  EXPECT_EQ(Patched("    a\na\n", "@@\n-a\n+b\n"), "    a\nb\n");
}

TEST(Patch, KeepsTheFilesOwnLineEndings) {
  EXPECT_EQ(Patched("a\r\nb\r\n", "@@\n a\n-b\n+c\n"), "a\r\nc\r\n");
  EXPECT_EQ(Patched("a\nb", "@@\n a\n-b\n+c\n"), "a\nc");
}

TEST(Patch, AnchorsAtTheEnd) {
  EXPECT_EQ(Patched("a\nb\na\n", "@@\n-a\n+z\n*** End of File\n"), "a\nb\nz\n");
  EXPECT_TRUE(Patched("a\nb\n", "@@\n-a\n+z\n*** End of File\n").starts_with("mismatch"));
}

TEST(Patch, AddsLinesWithoutContext) {
  EXPECT_EQ(Patched("a\n", "@@\n+b\n"), "a\nb\n");
  EXPECT_EQ(Patched("a\nz\n", "@@ a\n+b\n"), "a\nb\nz\n");
  EXPECT_EQ(Patched("", "@@\n+b\n"), "b\n");
}

TEST(Patch, NamesTheHunkThatDoesNotFit) {
  const std::string said = Patched("a\nb\n", "@@\n-a\n+A\n@@\n-a\n+B\n");
  EXPECT_TRUE(said.starts_with("mismatch: hunk 2")) << said;
}

}  // namespace
}  // namespace fabro::agent
