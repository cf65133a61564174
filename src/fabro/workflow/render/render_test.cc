#include "fabro/workflow/render/render.h"

#include <gtest/gtest.h>

// fontconfig and pango keep caches to the end of the process, on purpose.
extern "C" const char* __lsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "leak:libgvc\nleak:libfontconfig\nleak:libpango\nleak:libcairo\nleak:libglib\n";
}

namespace fabro::workflow {
namespace {

TEST(RenderTest, DrawsNodesAndLabels) {
  const Result<std::string> svg = RenderSvg("digraph G { a [label=\"First <stage>\"]; a -> b; }");
  ASSERT_TRUE(svg.ok()) << svg.error().ToString();
  EXPECT_NE(svg->find("<svg"), std::string::npos);
  EXPECT_NE(svg->find("First &lt;stage&gt;"), std::string::npos);
}

TEST(RenderTest, SaysWhyItCouldNot) {
  const Result<std::string> svg = RenderSvg("digraph G { a -> ");
  ASSERT_FALSE(svg.ok());
  EXPECT_EQ(svg.error().reason, "drawing_failed");
  EXPECT_NE(svg.error().message.find("syntax error"), std::string::npos);
}

}  // namespace
}  // namespace fabro::workflow
