#include <gtest/gtest.h>

#include "fabro/agent/prompt/system_prompt.h"
#include "fabro/provider/fake/fake.h"

namespace fabro::agent {
namespace {

class PromptTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(sandbox_.Initialize().ok()); }
  void Put(const std::string& path, const std::string& text) {
    ASSERT_TRUE(sandbox_.WriteFile(path, text).ok());
  }
  void InRepository(const std::string& top) {
    sandbox_.OnOther([top](const provider::ExecRequest&) {
      provider::FakeExec exec;
      exec.output = {{provider::Stream::kStdout, top + "\n\x1emain\n\x1e M a.c\n\x1e"
                                                       "abc123 first\n"}};
      return Result<provider::FakeExec>(exec);
    });
  }
  provider::FakeSandbox sandbox_;
};

TEST_F(PromptTest, SaysWhereTheModelIsAndWhatItHas) {
  InRepository("/workspace");
  const std::string text = SystemPrompt(sandbox_, SandboxTools(Profile::kOther),
                                        {.profile = Profile::kOther,
                                         .model = "m-1",
                                         .knowledge_cutoff = {},
                                         .date = "2026-03-07",
                                         .user_instructions = "Be brief."});
  for (const char* part :
       {"Working directory: /workspace\n", "Git repository: yes\n", "Branch: main\n",
        "Date: 2026-03-07\n", "Model: m-1\n", "M a.c", "abc123 first", "- read_file: "}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  EXPECT_TRUE(text.ends_with("\nBe brief.\n"));
}

TEST_F(PromptTest, DocumentsAreReadFromTheRootDown) {
  InRepository("/");
  Put("/AGENTS.md", "root rules");
  Put("/workspace/CLAUDE.md", "inner rules");
  Put("/workspace/GEMINI.md", "other rules");
  const std::string text = ProjectDocuments(sandbox_, Profile::kAnthropic, -1);
  EXPECT_EQ(text, "--- /AGENTS.md ---\nroot rules\n--- /workspace/CLAUDE.md ---\ninner rules\n");
}

TEST_F(PromptTest, WithoutARepositoryOnlyTheWorkingDirectoryIsRead) {
  Put("/AGENTS.md", "not ours");
  Put("/workspace/AGENTS.md", "ours");
  EXPECT_EQ(ProjectDocuments(sandbox_, Profile::kOther, -1),
            "--- /workspace/AGENTS.md ---\nours\n");
}

TEST_F(PromptTest, DocumentsHaveABudget) {
  Put("/workspace/AGENTS.md", std::string(100'000, 'x'));
  const std::string text = ProjectDocuments(sandbox_, Profile::kOther, -1);
  EXPECT_LT(text.size(), 33'000U);
  EXPECT_NE(text.find("were cut at 32 KiB"), std::string::npos);
}

}  // namespace
}  // namespace fabro::agent
