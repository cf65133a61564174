#include "apps/faber/help.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "apps/faber/check_report.h"
#include "apps/faber/cli.h"
#include "apps/faber/reference.h"

namespace fabro::faber {
namespace {

TEST(Help, NamesEveryOptionOfEveryCommand) {
  for (const CommandInfo& command : Commands()) {
    const std::string manual = Manual(command, Style::kPlain);
    for (const OptionInfo& option : command.options) {
      EXPECT_NE(manual.find(option.name), std::string::npos) << option.name;
    }
    EXPECT_NE(Overview(Style::kPlain).find(command.name), std::string::npos);
  }
}

TEST(Help, FitsInAHundredColumns) {
  for (const CommandInfo& command : Commands()) {
    const std::string manual = Manual(command, Style::kPlain);
    std::size_t start = 0;
    for (std::size_t i = 0; i < manual.size(); ++i) {
      if (manual[i] != '\n') continue;
      EXPECT_LE(i - start, 107U) << manual.substr(start, i - start);
      start = i + 1;
    }
  }
}

TEST(Reference, ThePageIsWhatTheTablesSay) {
  std::ifstream file(std::string(FABRO_SOURCE_DIR) + "/docs/user/faber.md");
  std::stringstream text;
  text << file.rdbuf();

  EXPECT_TRUE(text.str() == ReferencePage()) << "make it anew: faber_reference >docs/user/faber.md";
}

TEST(Completion, ExistsForThreeShellsAndKnowsTheTables) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = CompletionScript(shell);
    ASSERT_TRUE(script.has_value());
    EXPECT_NE(script->find("workspace"), std::string::npos) << shell;
    EXPECT_NE(script->find("execute"), std::string::npos) << shell;
  }
  EXPECT_EQ(CompletionScript("csh"), std::nullopt);
}

TEST(CheckReport, SaysWhatStandsInTheWayAndHowToMendIt) {
  jail::HostReport report{.kernel = "Linux 6.1 x86_64", .identity = "uid 1000", .findings = {}};
  report.findings = {jail::Ok("procfs", jail::Need::kMedium, "mounted"),
                     jail::Missing("cgroup.memory", jail::Need::kMedium, "no group", 13, "do this"),
                     jail::Missing("cap_sys_resource", jail::Need::kOptional, "no", 0, "none")};
  const std::string text = CheckText(report, model::Level::kMedium, Style::kPlain);
  EXPECT_NE(text.find("missing         cgroup.memory        no group (EACCES)"), std::string::npos)
      << text;
  EXPECT_NE(text.find("fix: do this"), std::string::npos);
  EXPECT_NE(text.find("level medium cannot be had here, for want of cgroup.memory\n"),
            std::string::npos);
  const model::Json json = CheckJson(report, model::Level::kMedium);
  EXPECT_FALSE(json.BoolAt("available", true));
  EXPECT_EQ(json.StringsAt("obstacles"), std::vector<std::string>{"cgroup.memory"});
}

}  // namespace
}  // namespace fabro::faber
