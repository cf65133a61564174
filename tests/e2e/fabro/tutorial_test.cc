// The tutorial, word by word: its shell blocks, in their order, in one shell.
#include "fixture.h"

namespace fabro::e2e {
namespace {

// The lines between "```sh" and "```".
std::string ShellBlocks(const std::string& page) {
  std::string script = "set -e\n";
  for (std::size_t at = page.find("```sh\n"); at != std::string::npos;
       at = page.find("```sh\n", at)) {
    at += 6;
    const std::size_t end = page.find("```\n", at);
    script += page.substr(at, end - at);
    at = end;
  }
  return script;
}

TEST_F(FabroTest, TheTutorialWorksWordByWord) {
  const std::string page =
      ReadFile(std::string(FABRO_SOURCE_DIR) + "/docs/user/tutorial.md").value();
  Write("tutorial.sh", "fabro() { \"$FABRO\" \"$@\"; }\n" + ShellBlocks(page));
  const Output all = Shell("bash -x tutorial.sh");
  EXPECT_EQ(all.code, 0) << all.err << all.out;
  EXPECT_NE(all.out.find("run.git.author.name = \"greeter bot\""), std::string::npos) << all.out;
}

}  // namespace
}  // namespace fabro::e2e
