#include "fabro/agent/permissions/permissions.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fabro/agent/tools/guard.h"
#include "fabro/agent/tools/toolbox.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/provider/local/local.h"

namespace fabro::agent {
namespace {

Status Nothing() { return {}; }

PermissionQuestion About(Category category) {
  return {.tool_name = "t", .category = category, .arguments = "{}", .level = Level::kReadOnly};
}

TEST(Permissions, LevelsCoverTheirCategories) {
  EXPECT_TRUE(Covers(Level::kReadOnly, Category::kRead));
  EXPECT_TRUE(Covers(Level::kReadOnly, Category::kSubagent));
  EXPECT_FALSE(Covers(Level::kReadOnly, Category::kWrite));
  EXPECT_TRUE(Covers(Level::kReadWrite, Category::kWrite));
  EXPECT_FALSE(Covers(Level::kReadWrite, Category::kShell));
  EXPECT_TRUE(Covers(Level::kFull, Category::kShell));
}

TEST(Permissions, WithNobodyToAskACallOutsideIsDenied) {
  Permissions permissions(Level::kReadWrite, nullptr);
  const auto verdict = permissions.Decide(About(Category::kShell), Nothing);
  ASSERT_TRUE(verdict.ok());
  EXPECT_FALSE(verdict->allowed);
  EXPECT_FALSE(verdict->asked);
}

TEST(Permissions, YesIsForOneCallAndAlwaysRaises) {
  int asked = 0;
  Consent consent = Consent::kYes;
  Permissions permissions(Level::kReadOnly, [&](const PermissionQuestion&) {
    ++asked;
    return Result<PermissionAnswer>(PermissionAnswer{.consent = consent, .by = "ann"});
  });
  EXPECT_TRUE(permissions.Decide(About(Category::kWrite), Nothing)->allowed);
  EXPECT_EQ(permissions.level(), Level::kReadOnly);
  consent = Consent::kAlways;
  EXPECT_EQ(permissions.Decide(About(Category::kWrite), Nothing)->raised, Level::kReadWrite);
  EXPECT_EQ(permissions.level(), Level::kReadWrite);
  EXPECT_TRUE(permissions.Decide(About(Category::kWrite), Nothing)->allowed);
  EXPECT_EQ(asked, 2);
  consent = Consent::kNo;
  EXPECT_FALSE(permissions.Decide(About(Category::kShell), Nothing)->allowed);
}

TEST(Permissions, AChildFollowsItsParentUpButNeverRaisesIt) {
  auto parent = std::make_shared<Permissions>(Level::kReadOnly, [](const PermissionQuestion&) {
    return Result<PermissionAnswer>(PermissionAnswer{.consent = Consent::kAlways, .by = {}});
  });
  const auto child = Permissions::ForChild(parent);
  EXPECT_TRUE(child->Decide(About(Category::kWrite), Nothing)->allowed);
  EXPECT_EQ(child->level(), Level::kReadWrite);
  EXPECT_EQ(parent->level(), Level::kReadOnly);
  parent->Raise(Level::kFull);
  EXPECT_EQ(child->level(), Level::kFull);
}

TEST(Permissions, OnThisMachineAWriteOutOfTheWorkspaceIsShell) {
  auto dir = TempDir::Make("perm");
  ASSERT_TRUE(dir.ok());
  // Not below /tmp, where everybody may write.
  const std::string work = dir->path() + "/work";
  ASSERT_EQ(::mkdir(work.c_str(), 0700), 0);
  ASSERT_EQ(::symlink("/etc", (work + "/out").c_str()), 0);
  auto local = provider::MakeLocalSandbox({.working_directory = work,
                                           .env = {},
                                           .filter = {},
                                           .run_id = "t",
                                           .host_environment = provider::OwnEnvironment()});
  ASSERT_TRUE(local->Initialize().ok());
  ReadSet read;
  GuardedSandbox place(*local, read);
  const Tool write = WriteFileTool();
  const auto category = [&](const std::string& path) {
    return CategoryOf(write, model::Json::MakeObject().Set("file_path", path), place);
  };
  EXPECT_EQ(category("a/b/c.txt"), Category::kWrite);
  EXPECT_EQ(category("/tmp/x"), Category::kWrite);
  EXPECT_EQ(category("/etc/passwd"), Category::kShell);
  EXPECT_EQ(category("../../../../../etc/passwd"), Category::kShell);
  EXPECT_EQ(category("out/cron.d/x"), Category::kShell);
  EXPECT_EQ(category(".git/hooks/pre-commit"), Category::kShell);
  const auto patch = model::Json::MakeObject().Set(
      "patch", "*** Begin Patch\n*** Add File: /etc/x\n+y\n*** End Patch\n");
  EXPECT_EQ(CategoryOf(ApplyPatchTool(), patch, place), Category::kShell);
}

}  // namespace
}  // namespace fabro::agent
