// Workspaces, and checkpoints out of a guest's hands.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fabro/provider/namespace/namespace_test.h"

namespace fabro::provider {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(NamespaceTest, TheWorkspaceIsACloneOfHeadWithoutTheUsersChangesHooksAndCredentials) {
  MakeRepository();
  Write("a.txt", "changed\n");
  Write("new.txt", "untracked\n");
  ASSERT_TRUE(WriteFile(repo_ + "/.git/hooks/post-checkout", "#!/bin/sh\n", 0755).ok());

  MustStart(Config());

  EXPECT_EQ(Shell("cat a.txt; ls -A").out, "committed\n.git\na.txt\n");
  EXPECT_EQ(Shell("git rev-parse HEAD").out, Do({"rev-parse", "HEAD"}) + "\n");
  EXPECT_EQ(Shell("git branch --show-current; git status --porcelain").out, "main\n");
  EXPECT_EQ(Shell("git remote get-url origin").out, "https://example.org/o/r\n");
  EXPECT_EQ(Shell("ls .git/hooks 2>/dev/null; ls -A /tmp").out, "");
  ASSERT_EQ(sandbox_->Info().notices.size(), 1U);
  EXPECT_EQ(sandbox_->Info().notices[0].code, "dirty_not_included");
}

TEST_F(NamespaceTest, OutsideARepositoryTheWorkspaceIsAnEmptyOne) {
  MustStart(Config());

  EXPECT_EQ(Shell("ls -A; git log --format=%s").out, ".git\nEmpty workspace\n");
}

TEST_F(NamespaceTest, WithoutARepositoryOfTheUserNoBranchHoldsTheResult) {
  MustStart(Config());
  const auto checkpoints = Checkpoints();
  ASSERT_TRUE(checkpoints->Begin().ok());
  Shell("echo by the run > run.txt");
  workflow::CheckpointRequest request;
  request.node_id = "build";

  const auto commit = checkpoints->Commit(request);

  ASSERT_TRUE(commit.ok()) << commit.error().ToString();
  EXPECT_EQ(checkpoints->Publish().value(), "") << "the branch goes with the sandbox";
}

TEST_F(NamespaceTest, AShallowRepositoryCanBeCloned) {
  MakeRepository();
  Write("a.txt", "second\n");
  Do({"commit", "-q", "-a", "-m", "second"});
  const std::string full = repo_;
  repo_ = dir_.path() + "/shallow";
  const auto cloned = git::Git(dir_.path(), {"clone", "-q", "--depth=1", "file://" + full, repo_});
  ASSERT_TRUE(cloned.ok()) << cloned.error().ToString();

  MustStart(Config());

  EXPECT_EQ(Shell("cat a.txt; git fsck 2>&1 | grep -c missing; git rev-list --count HEAD").out,
            "second\n0\n1\n");
}

TEST_F(NamespaceTest, NothingOfTheHostsEnvironmentIsInside) {
  ::setenv("FABRO_TEST_SECRET", "x", 1);
  MustStart(Config());

  const std::string env = Shell("env").out;

  EXPECT_THAT(env, Not(HasSubstr("FABRO_TEST_SECRET")));
  EXPECT_THAT(env, HasSubstr("HOME=/home/agent\n"));
  EXPECT_THAT(env, HasSubstr("TMPDIR=/tmp\n"));
  EXPECT_EQ(Shell("touch ~/x /tmp/y /var/tmp/z && id -un").out, "agent\n");
}

TEST_F(NamespaceTest, CheckpointsReachTheSourceRepositoryAndNothingElseOfItMoves) {
  MakeRepository();
  MustStart(Config());
  const std::string head = Do({"rev-parse", "HEAD"});
  const std::string index = ReadFile(repo_ + "/.git/index").value();
  const auto checkpoints = Checkpoints();
  ASSERT_TRUE(checkpoints->Begin().ok());
  Shell("echo by the run > run.txt; echo SECRET=1 > .env");

  workflow::CheckpointRequest request;
  request.node_id = "build";
  request.status = "succeeded";
  request.completed = 2;
  const auto commit = checkpoints->Commit(request);

  ASSERT_TRUE(commit.ok()) << commit.error().ToString();
  EXPECT_TRUE(commit->notes.empty()) << commit->notes[0];
  EXPECT_EQ(Do({"rev-parse", RunRef(kRun)}), commit->sha);
  EXPECT_EQ(Do({"ls-tree", "-r", "--name-only", commit->sha}), "a.txt\nrun.txt");
  EXPECT_EQ(Do({"rev-parse", commit->sha + "^"}), head);
  EXPECT_EQ(Do({"rev-parse", "HEAD"}), head);
  EXPECT_EQ(ReadFile(repo_ + "/.git/index").value(), index);
  EXPECT_EQ(Do({"status", "--porcelain"}), "");
  EXPECT_EQ(checkpoints->Publish().value(), std::string("fabro/run/") + kRun);
  EXPECT_EQ(Shell("git status --porcelain; git log --oneline main | wc -l").out,
            "?? .env\n?? run.txt\n1\n");
}

TEST_F(NamespaceTest, AHostileGitDirectoryOfTheGuestRunsNothingOnTheHost) {
  MakeRepository();
  MustStart(Config());
  const auto checkpoints = Checkpoints();
  ASSERT_TRUE(checkpoints->Begin().ok());
  const std::string touched = dir_.path() + "/touched";
  const std::string script = "#!/bin/sh\ntouch " + touched + " 2>/dev/null; cat\n";
  ASSERT_TRUE(sandbox_->WriteFile("evil", script).ok());
  Shell(
      "chmod +x evil; for h in pre-commit post-commit reference-transaction post-index-change "
      "update post-update; do mkdir -p .git/hooks; cp evil .git/hooks/$h; done;"
      "git config core.fsmonitor /workspace/evil; git config core.sshCommand /workspace/evil;"
      "git config core.alternateRefsCommand /workspace/evil; git config gpg.program "
      "/workspace/evil;"
      "git config filter.evil.clean 'touch " +
      touched +
      "; cat'; git config filter.evil.smudge cat;"
      "echo '* filter=evil' > .gitattributes");

  workflow::CheckpointRequest request;
  request.node_id = "build";
  const auto commit = checkpoints->Commit(request);

  ASSERT_TRUE(commit.ok()) << commit.error().ToString();
  EXPECT_NE(::access(touched.c_str(), F_OK), 0) << "the host ran what the guest wrote";
  EXPECT_EQ(Do({"rev-parse", RunRef(kRun)}), commit->sha);
  EXPECT_EQ(Do({"config", "--get-regexp", "^(filter|core.fsmonitor)"}).find("evil"),
            std::string::npos);
}

TEST_F(NamespaceTest, ABranchWithForbiddenObjectsIsNotTaken) {
  MakeRepository();
  MustStart(Config());
  const auto checkpoints = Checkpoints();
  ASSERT_TRUE(checkpoints->Begin().ok());
  // git refuses to add such a path; the guest builds the tree by hand and puts it under a commit.
  Shell(
      "set -e; blob=$(git hash-object -w a.txt); tree=$(printf '100644 blob %s\\t.GIT\\n' $blob | "
      "git mktree); export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x "
      "GIT_COMMITTER_EMAIL=x; git update-ref " +
      RunRef(kRun) + " $(git commit-tree $tree -p HEAD -m 'fabro(" + kRun + "): evil')");
  const auto resumed = Checkpoints();

  const auto base = resumed->Continue("");
  workflow::CheckpointRequest request;
  request.node_id = "build";
  const auto commit = resumed->Commit(request);

  // The commit that is not the run's is dropped by Continue, or refused with its objects.
  ASSERT_TRUE(base.ok()) << base.error().ToString();
  ASSERT_TRUE(commit.ok()) << commit.error().ToString();
  const std::string tree = Do({"ls-tree", "-r", "--name-only", commit->sha});
  EXPECT_THAT(tree, Not(HasSubstr(".GIT")));
}

TEST_F(NamespaceTest, BindModeWorksInTheDirectoryItselfButNotInItsGitDirectory) {
  MakeRepository();
  NamespaceConfig config = Config();
  config.workspace = WorkspaceMode::kBind;
  MustStart(config);

  const std::string wrote =
      Shell("echo inside > made.txt; touch .git/hooks/pre-commit 2>/dev/null || echo refused").out;
  ASSERT_TRUE(sandbox_->Cleanup().ok());

  EXPECT_EQ(wrote, "refused\n");
  EXPECT_EQ(ReadFile(repo_ + "/made.txt").value(), "inside\n");
  struct stat info{};
  ASSERT_EQ(::stat((repo_ + "/made.txt").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, ::getuid()) << "new files belong to the directory's owner";
}

TEST_F(NamespaceTest, ALostSandboxStartsFromTheRunsBranch) {
  MakeRepository();
  MustStart(Config());
  const auto checkpoints = Checkpoints();
  ASSERT_TRUE(checkpoints->Begin().ok());
  Shell("echo by the run > run.txt");
  workflow::CheckpointRequest request;
  request.node_id = "build";
  const std::string sha = checkpoints->Commit(request).value().sha;
  ASSERT_TRUE(sandbox_->Cleanup().ok());
  NamespaceConfig config = Config();
  config.commit = sha;

  MustStart(config);
  const auto resumed = Checkpoints();
  const auto base = resumed->Continue(sha);

  ASSERT_TRUE(base.ok()) << base.error().ToString();
  EXPECT_EQ(base->base_sha, Do({"rev-parse", "HEAD"}));
  EXPECT_EQ(Shell("cat run.txt").out, "by the run\n");
}

TEST_F(NamespaceTest, RestoreBringsBackTheCheckpointAndKeepsIgnoredFiles) {
  MakeRepository();
  Write(".gitignore", "build/\n");
  Do({"add", "-A"});
  Do({"commit", "-q", "-m", "ignore"});
  MustStart(Config());
  const auto checkpoints = Checkpoints();
  ASSERT_TRUE(checkpoints->Begin().ok());
  Shell("mkdir build; echo o > build/o; echo good > run.txt");
  workflow::CheckpointRequest request;
  request.node_id = "build";
  const std::string sha = checkpoints->Commit(request).value().sha;
  Shell("echo half > run.txt; echo x > half.txt; rm a.txt");

  const Status restored = checkpoints->Restore(sha);

  ASSERT_TRUE(restored.ok()) << restored.error().ToString();
  EXPECT_EQ(Shell("cat a.txt run.txt build/o; ls").out,
            "committed\ngood\no\na.txt\nbuild\nrun.txt\n");
}

}  // namespace
}  // namespace fabro::provider
