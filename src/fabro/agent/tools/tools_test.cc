// The tools as a model meets them: over the fake provider, and over real files and processes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>

#include "fabro/agent/tools/guard.h"
#include "fabro/agent/tools/schema.h"
#include "fabro/agent/tools/toolbox.h"
#include "fabro/codec/json/json.h"
#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/provider/fake/fake.h"
#include "fabro/provider/local/local.h"

namespace fabro::agent {
namespace {

using model::Json;

Json Parse(std::string_view text) {
  auto json = codec::ParseJson(text);
  EXPECT_TRUE(json.ok()) << text;
  return json.ok() ? *json : Json();
}

class ToolsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fake_.Initialize().ok());
    Put("old.txt", "alpha\n");
    Put("other.txt", "beta\n");
  }
  void Put(const std::string& path, const std::string& text) {
    ASSERT_TRUE(fake_.WriteFile(path, text).ok());
  }
  std::string Get(const std::string& path) { return fake_.ReadFile(path).value_or("<missing>"); }

  ToolResult Call(const Tool& tool, std::string_view arguments) {
    const Json json = Parse(arguments);
    const Status good = CheckArguments(tool.parameters, json);
    if (!good.ok()) return ToolResult::Of(good.error());
    ToolContext context{.place = place_,
                        .default_timeout = std::chrono::seconds(10),
                        .max_timeout = std::chrono::seconds(600)};
    return tool.run(json, context);
  }

  provider::FakeSandbox fake_;
  ReadSet read_;
  GuardedSandbox place_{fake_, read_};
};

TEST_F(ToolsTest, AnExistingFileIsOverwrittenOnlyAfterItWasRead) {
  const auto write = [&](std::string_view arguments) { return Call(WriteFileTool(), arguments); };
  const ToolResult refused = write(R"({"file_path":"old.txt","content":"1"})");
  EXPECT_TRUE(refused.is_error);
  EXPECT_EQ(refused.reason, "not_read");
  EXPECT_NE(refused.output.find("read_file"), std::string::npos);
  EXPECT_FALSE(Call(GlobTool(), R"({"pattern":"*.txt"})").is_error);
  EXPECT_TRUE(write(R"({"file_path":"old.txt","content":"2"})").is_error);
  EXPECT_FALSE(Call(ReadFileTool(), R"({"file_path":"./sub/../old.txt"})").is_error);
  EXPECT_FALSE(write(R"({"file_path":"/workspace/old.txt","content":"3"})").is_error);
  EXPECT_EQ(Get("old.txt"), "3");
}

TEST_F(ToolsTest, GrepMarksAsReadAndANewFileNeedsNoReading) {
  EXPECT_FALSE(Call(GrepTool(), R"({"pattern":"bet"})").is_error);
  EXPECT_FALSE(Call(WriteFileTool(), R"({"file_path":"other.txt","content":"4"})").is_error);
  EXPECT_TRUE(Call(WriteFileTool(), R"({"file_path":"old.txt","content":"4"})").is_error);
  const ToolResult made = Call(WriteFileTool(), R"({"file_path":"d/new.txt","content":"5"})");
  EXPECT_EQ(made.output, "d/new.txt: 1 bytes written");
  EXPECT_EQ(made.touched, std::vector<std::string>{"/workspace/d/new.txt"});
  EXPECT_FALSE(Call(WriteFileTool(), R"({"file_path":"d/new.txt","content":"6"})").is_error);
}

TEST_F(ToolsTest, DeletingGoesThroughTheGuardAndForgetsThePath) {
  EXPECT_EQ(Call(DeleteFileTool(), R"({"file_path":"old.txt"})").reason, "not_read");
  EXPECT_FALSE(Call(ReadFileTool(), R"({"file_path":"old.txt"})").is_error);
  EXPECT_FALSE(Call(DeleteFileTool(), R"({"file_path":"./old.txt"})").is_error);
  EXPECT_EQ(Call(DeleteFileTool(), R"({"file_path":"old.txt"})").reason, "file_not_found");
  Put("old.txt", "somebody else's");
  EXPECT_EQ(Call(WriteFileTool(), R"({"file_path":"old.txt","content":""})").reason, "not_read");
  Put("d/c.txt", "x");
  const ToolResult directory = Call(DeleteFileTool(), R"({"file_path":"d"})");
  EXPECT_TRUE(directory.is_error);
}

TEST_F(ToolsTest, ScratchBelowTmpIsExemptButNotAWayAround) {
  Put("/tmp/x", "1");
  EXPECT_FALSE(Call(WriteFileTool(), R"({"file_path":"/tmp/x","content":"2"})").is_error);
  EXPECT_EQ(
      Call(WriteFileTool(), R"({"file_path":"/tmp/../workspace/old.txt","content":"2"})").reason,
      "not_read");
}

TEST_F(ToolsTest, ReadFileNumbersLinesAndContinues) {
  std::string text;
  for (int i = 1; i <= 12; ++i) text += "l" + std::to_string(i) + "\n";
  Put("long.txt", text);
  EXPECT_EQ(Call(ReadFileTool(), R"({"file_path":"long.txt","offset":9,"limit":2})").output,
            " 9 | l9\n10 | l10\n[2 more lines; continue with offset 11]\n");
  EXPECT_EQ(Call(ReadFileTool(), R"({"file_path":"long.txt","offset":99})").output,
            "[the file has 12 lines; line 99 is past its end]\n");
  EXPECT_TRUE(Call(ReadFileTool(), R"({"file_path":"nope"})").is_error);
  EXPECT_TRUE(Call(ReadFileTool(), R"({"file_path":"/workspace"})").is_error);
  Put("bin", std::string("a\0b", 3));
  EXPECT_EQ(Call(ReadFileTool(), R"({"file_path":"bin"})").reason, "file_binary");
}

TEST_F(ToolsTest, AFileThatIsNotUtf8IsShownAndSaidSo) {
  Put("latin1.txt", "caf\xE9\n");
  const ToolResult shown = Call(ReadFileTool(), R"({"file_path":"latin1.txt"})");
  EXPECT_NE(shown.output.find("not UTF-8"), std::string::npos);
  EXPECT_NE(shown.output.find("1 | caf\uFFFD"), std::string::npos);
  EXPECT_FALSE(
      Call(EditFileTool(), R"({"file_path":"latin1.txt","old_string":"caf","new_string":"th"})")
          .is_error);
  EXPECT_EQ(Get("latin1.txt"), "th\xE9\n");
}

TEST_F(ToolsTest, EditFileWantsOneUniquePlace) {
  Put("e.txt", "a b a\n");
  const auto edit = [&](std::string_view arguments) { return Call(EditFileTool(), arguments); };
  EXPECT_EQ(edit(R"({"file_path":"e.txt","old_string":"a","new_string":"c"})").reason,
            "text_ambiguous");
  EXPECT_EQ(edit(R"({"file_path":"e.txt","old_string":"z","new_string":"c"})").reason,
            "text_not_found");
  EXPECT_TRUE(edit(R"({"file_path":"e.txt","old_string":"a","new_string":"a"})").is_error);
  EXPECT_TRUE(edit(R"({"file_path":"e.txt","old_string":"","new_string":"a"})").is_error);
  EXPECT_EQ(
      edit(R"({"file_path":"e.txt","old_string":"a","new_string":"c","replace_all":true})").output,
      "e.txt: 2 replacements");
  EXPECT_EQ(Get("e.txt"), "c b c\n");
}

TEST_F(ToolsTest, APatchChangesAllFilesOrNone) {
  const auto patch = [&](const std::string& body) {
    return Call(
        ApplyPatchTool(),
        Json::MakeObject().Set("patch", "*** Begin Patch\n" + body + "*** End Patch\n").Dump());
  };
  const ToolResult bad =
      patch("*** Add File: new.txt\n+n\n*** Update File: old.txt\n@@\n-zzz\n+y\n");
  EXPECT_TRUE(bad.is_error);
  EXPECT_NE(bad.output.find("alpha"), std::string::npos) << bad.output;
  EXPECT_EQ(Get("new.txt"), "<missing>");
  EXPECT_EQ(patch("*** Delete File: other.txt\n").reason, "not_read");
  EXPECT_EQ(patch("*** Add File: other.txt\n+x\n").reason, "file_exists");
  const ToolResult good = patch(
      "*** Add File: new.txt\n+n\n*** Update File: old.txt\n*** Move to: moved.txt\n@@\n-alpha\n"
      "+ALPHA\n");
  EXPECT_FALSE(good.is_error) << good.output;
  EXPECT_EQ(good.output, "A new.txt\nM old.txt -> moved.txt\n");
  EXPECT_EQ(Get("moved.txt"), "ALPHA\n");
  EXPECT_EQ(Get("old.txt"), "<missing>");
}

TEST_F(ToolsTest, ReadManyFilesShowsErrorsInPlace) {
  EXPECT_EQ(Call(ReadManyFilesTool(), R"({"paths":["old.txt","nope"]})").output.substr(0, 44),
            "=== old.txt ===\nalpha\n=== nope ===\nerror: fi");
}

TEST_F(ToolsTest, ShellTellsHowTheCommandEnded) {
  fake_.Script("make", {.output = {{provider::Stream::kStdout, "out\n"},
                                   {provider::Stream::kStderr, "bad\n"}},
                        .exit_code = 2});
  fake_.Script("hang", {.output = {}, .endless = true});
  EXPECT_EQ(Call(ShellTool(), R"({"command":"make"})").output,
            "out\n[stderr]\nbad\n[exit code 2, 0 ms]\n");
  const ToolResult late = Call(ShellTool(), R"({"command":"hang","timeout_ms":1500})");
  EXPECT_TRUE(late.is_error);
  EXPECT_NE(late.output.find("timed out after 1500 ms"), std::string::npos);
  (void)Call(ShellTool(), R"({"command":"hang","timeout_ms":9223372036854775807})");
  EXPECT_EQ(fake_.Calls().back().timeout, Nanos(std::chrono::seconds(600)));
}

TEST_F(ToolsTest, ArgumentsOfTheWrongShapeAreRefusedBeforeAnythingRuns) {
  for (const char* bad : {R"({})", R"({"command":3})", R"({"command":"x","timeout_ms":"1"})",
                          R"({"command":"x","timeout_ms":0})", R"({"command":"x","extra":1})",
                          R"([])", R"("x")", R"({"command":""})"}) {
    EXPECT_EQ(Call(ShellTool(), bad).reason, "arguments_invalid") << bad;
  }
  EXPECT_EQ(Call(ReadManyFilesTool(), R"({"paths":["a",1]})").output,
            "paths[1]: expected string, got integer");
  EXPECT_TRUE(fake_.Calls().empty());
}

TEST_F(ToolsTest, EveryProfileHasItsEditToolAndDeleteFile) {
  for (const Profile profile :
       {Profile::kAnthropic, Profile::kOpenAi, Profile::kGemini, Profile::kOther}) {
    const Toolbox box = SandboxTools(profile);
    EXPECT_NE(box.Find("delete_file"), nullptr);
    EXPECT_EQ(box.Find("apply_patch") != nullptr, profile == Profile::kOpenAi);
    EXPECT_EQ(box.Find("edit_file") == nullptr, profile == Profile::kOpenAi);
    EXPECT_EQ(box.Find("list_dir") != nullptr, profile == Profile::kGemini);
    for (const Tool& tool : box.tools()) EXPECT_TRUE(IsToolName(tool.name));
  }
  EXPECT_FALSE(IsToolName("a-b"));
  EXPECT_FALSE(IsToolName(std::string(65, 'a')));
}

// --- Real files and processes --------------------------------------------------------------------

class LocalToolsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::Make("agent_tools");
    ASSERT_TRUE(made.ok());
    dir_.emplace(*std::move(made));
    local_ = provider::MakeLocalSandbox({.working_directory = dir_->path(),
                                         .env = {},
                                         .filter = {},
                                         .run_id = "test",
                                         .host_environment = provider::OwnEnvironment()});
    ASSERT_TRUE(local_->Initialize().ok());
    place_.emplace(*local_, read_);
  }
  ToolResult Call(const Tool& tool, std::string_view arguments, int cancel_fd = -1) {
    ToolContext context{.place = *place_,
                        .default_timeout = std::chrono::seconds(10),
                        .max_timeout = std::chrono::seconds(600),
                        .cancel_fd = cancel_fd,
                        .exec_id = "test/1"};
    return tool.run(Parse(arguments), context);
  }

  std::optional<TempDir> dir_;
  std::unique_ptr<provider::Sandbox> local_;
  ReadSet read_;
  std::optional<GuardedSandbox> place_;
};

TEST_F(LocalToolsTest, ALinkToAFileThatWasReadMayBeWritten) {
  ASSERT_TRUE(fabro::WriteFile(dir_->path() + "/real", "1").ok());
  ASSERT_EQ(::symlink("real", (dir_->path() + "/link").c_str()), 0);
  EXPECT_EQ(Call(WriteFileTool(), R"({"file_path":"link","content":"2"})").reason, "not_read");
  EXPECT_FALSE(Call(ReadFileTool(), R"({"file_path":"real"})").is_error);
  EXPECT_FALSE(Call(WriteFileTool(), R"({"file_path":"link","content":"2"})").is_error);
}

TEST_F(LocalToolsTest, AHundredMegabytesOfOutputStayBounded) {
  const ToolResult result =
      Call(ShellTool(), R"({"command":"head -c 100000000 /dev/zero | tr '\\0' x; echo end"})");
  EXPECT_FALSE(result.is_error) << result.output.substr(0, 300);
  EXPECT_LT(result.output.size(), std::size_t{1} << 21U);
  EXPECT_NE(result.output.find("bytes of output were not kept"), std::string::npos);
  const std::string cut = Truncate(result.output, ShellTool().limit);
  EXPECT_LT(cut.size(), 31'000U);
  EXPECT_NE(cut.find("end\n[exit code 0"), std::string::npos);
}

TEST_F(LocalToolsTest, ACancelledCommandIsAnErrorWithWhatItSaid) {
  const UniqueFd cancel(::eventfd(1, EFD_CLOEXEC));
  const ToolResult result = Call(ShellTool(), R"({"command":"sleep 1000"})", cancel.get());
  EXPECT_TRUE(result.is_error);
  EXPECT_EQ(result.reason, "cancelled");
}

}  // namespace
}  // namespace fabro::agent
