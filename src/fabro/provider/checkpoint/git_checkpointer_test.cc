#include "fabro/provider/checkpoint/git_checkpointer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fabro/git/git.h"
#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::provider {
namespace {

using ::testing::HasSubstr;
using workflow::CheckpointRequest;

constexpr char kRun[] = "01J8ZQ4D7M3V5K9A2B6C8E0F1G";

class GitCheckpointerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Do({"init", "-q", "."});
    Do({"config", "user.name", "user"});
    Do({"config", "user.email", "user@example.org"});
    Write("tracked.txt", "one\n");
    Write(".gitignore", "build/\n");
    Do({"add", "-A"});
    Do({"commit", "-q", "-m", "first"});
  }
  std::string Do(const std::vector<std::string>& args) {
    const auto out = git::Git(repo_, args);
    EXPECT_TRUE(out.ok()) << out.error().ToString();
    return out.ok() ? *out : "";
  }
  void Write(const std::string& name, const std::string& text) {
    const std::string path = repo_ + "/" + name;
    ASSERT_TRUE(MakeDirs(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(WriteFile(path, text).ok());
  }
  std::unique_ptr<workflow::Checkpointer> Make(CheckpointConfig config = {}) {
    config.run_id = kRun;
    auto made = MakeLocalCheckpointer(repo_, repo_ + "/.fabro-storage", run_dir_, config);
    EXPECT_TRUE(made.ok() && *made != nullptr);
    return *std::move(made);
  }
  std::string Commit(workflow::Checkpointer& checkpointer, const std::string& node,
                     std::uint64_t completed) {
    CheckpointRequest request;
    request.node_id = node;
    request.status = "succeeded";
    request.completed = completed;
    const auto commit = checkpointer.Commit(request);
    EXPECT_TRUE(commit.ok()) << commit.error().ToString();
    return commit.ok() ? commit->sha : "";
  }
  std::string Files(const std::string& commit) {
    return Do({"ls-tree", "-r", "--name-only", commit});
  }
  // All of the user's state that a run must not touch.
  std::string UserState() {
    std::string state = Do({"status", "--porcelain=v2", "--branch"}) + "\n--\n";
    state += Do({"stash", "list"}) + "\n--\n" + Do({"reflog", "show", "HEAD"}) + "\n--\n";
    for (const char* file : {"/.git/HEAD", "/.git/index", "/.git/config", "/.git/logs/HEAD"}) {
      state += ReadFile(repo_ + file).value() + "\n--\n";
    }
    return state;
  }

  TempDir dir_ = TempDir::Make("checkpoint").value();
  std::string repo_ = [this] {
    EXPECT_TRUE(MakeDirs(dir_.path() + "/repo").ok());
    return dir_.path() + "/repo";
  }();
  std::string run_dir_ = dir_.path() + "/run";
};

TEST_F(GitCheckpointerTest, TheUsersStateStaysByteForByte) {
  Write("tracked.txt", "stashed\n");
  Do({"stash", "-q"});
  Write("staged.txt", "staged\n");
  Do({"add", "staged.txt"});
  Write("tracked.txt", "changed\n");
  const std::string before = UserState();
  const auto checkpointer = Make();

  ASSERT_TRUE(checkpointer->Begin().ok());
  const std::string commit = Commit(*checkpointer, "build", 2);

  EXPECT_EQ(UserState(), before);
  EXPECT_EQ(Do({"show", commit + ":tracked.txt"}), "changed");
  EXPECT_EQ(Files(commit), ".gitignore\nstaged.txt\ntracked.txt");
}

TEST_F(GitCheckpointerTest, ADirtyTreeIsRecordedBeforeTheRunsOwnChanges) {
  Write("mine.txt", "uncommitted\n");
  const std::string head = Do({"rev-parse", "HEAD"});
  const auto checkpointer = Make();

  const auto base = checkpointer->Begin();
  Write("run.txt", "by the run\n");
  const std::string commit = Commit(*checkpointer, "build", 2);

  ASSERT_TRUE(base.ok());
  EXPECT_EQ(base->base_sha, head);
  EXPECT_EQ(base->source_branch, "main");
  EXPECT_EQ(Do({"log", "--format=%s|%an|%ae", commit, "^" + head}),
            std::string("fabro(") + kRun + "): build (succeeded)|fabro|fabro@local\nfabro(" + kRun +
                "): base|fabro|fabro@local");
  EXPECT_EQ(Do({"diff-tree", "-r", "--name-only", commit + "^", commit}), "run.txt");
  EXPECT_EQ(Do({"rev-parse", std::string("fabro/run/") + kRun}), commit);
}

TEST_F(GitCheckpointerTest, ACleanTreeNeedsNoBaseAndEmptyCommitsAreAllowed) {
  const auto checkpointer = Make();
  ASSERT_TRUE(checkpointer->Begin().ok());

  const std::string first = Commit(*checkpointer, "a", 2);
  const std::string second = Commit(*checkpointer, "b", 3);

  EXPECT_EQ(Do({"rev-parse", first + "^"}), Do({"rev-parse", "HEAD"}));
  EXPECT_EQ(Do({"rev-parse", second + "^"}), first);
  EXPECT_THAT(Do({"log", "-1", "--format=%B", second}), HasSubstr("Fabro-Completed: 3"));
  EXPECT_EQ(checkpointer->Publish().value(), std::string("fabro/run/") + kRun);
}

TEST_F(GitCheckpointerTest, SecretsIgnoredAndExcludedFilesStayOut) {
  Write(".env", "SECRET=1\n");
  Write("sub/.env.local", "SECRET=2\n");
  Write("build/out.o", "x");
  Write("big/blob.bin", "x");
  Write(".fabro-storage/runs/x", "x");
  Write("kept.txt", "x");
  CheckpointConfig config;
  config.exclude_globs = {"**/*.bin"};
  const auto checkpointer = Make(config);

  ASSERT_TRUE(checkpointer->Begin().ok());
  const std::string commit = Commit(*checkpointer, "a", 2);

  EXPECT_EQ(Files(commit), ".gitignore\nkept.txt\ntracked.txt");
}

TEST_F(GitCheckpointerTest, ATrackedDotEnvIsFollowed) {
  Write(".env", "A=1\n");
  Do({"add", "-A", "-f"});
  Do({"commit", "-q", "-m", "env"});
  const auto checkpointer = Make();
  ASSERT_TRUE(checkpointer->Begin().ok());

  Write(".env", "A=2\n");
  const std::string commit = Commit(*checkpointer, "a", 2);

  EXPECT_EQ(Do({"show", commit + ":.env"}), "A=2");
}

TEST_F(GitCheckpointerTest, ARepositoryWithoutCommitsGetsARootOfItsOwn) {
  repo_ = dir_.path() + "/unborn";
  ASSERT_TRUE(MakeDirs(repo_).ok());
  Do({"init", "-q", "."});
  Write("file", "x");
  const auto checkpointer = Make();

  ASSERT_TRUE(checkpointer->Begin().ok());
  const std::string commit = Commit(*checkpointer, "a", 2);

  EXPECT_EQ(Do({"rev-list", "--count", commit}), "2");
  EXPECT_EQ(Do({"ls-files"}), "") << "the user's index stays empty";
}

TEST_F(GitCheckpointerTest, ANestedRepositoryWithoutCommitsDoesNotStopTheCheckpoint) {
  ASSERT_TRUE(MakeDirs(repo_ + "/nested").ok());
  ASSERT_TRUE(git::Git(repo_ + "/nested", {"init", "-q", "."}).ok());
  Write("zlast.txt", "x");
  const auto checkpointer = Make();

  const auto base = checkpointer->Begin();

  ASSERT_TRUE(base.ok()) << base.error().ToString();
  ASSERT_EQ(base->notes.size(), 1U);
  EXPECT_THAT(base->notes[0], HasSubstr("checkpoint_incomplete"));
  EXPECT_THAT(Files(std::string("fabro/run/") + kRun), HasSubstr("zlast.txt"));
}

TEST_F(GitCheckpointerTest, AResumeDropsTheCommitThatWasNotRecorded) {
  Write("mine.txt", "uncommitted\n");
  std::string recorded;
  {
    const auto first = Make();
    ASSERT_TRUE(first->Begin().ok());
    recorded = Commit(*first, "a", 2);
    Commit(*first, "b", 3);
  }
  const auto resumed = Make();

  const auto base = resumed->Continue(recorded);
  const std::string next = Commit(*resumed, "b", 3);

  ASSERT_TRUE(base.ok()) << base.error().ToString();
  EXPECT_EQ(base->base_sha, Do({"rev-parse", "HEAD"}));
  EXPECT_EQ(Do({"rev-parse", next + "^"}), recorded);
}

TEST_F(GitCheckpointerTest, AResumeBeforeTheFirstRecordKeepsTheBase) {
  Write("mine.txt", "uncommitted\n");
  ASSERT_TRUE(Make()->Begin().ok());
  const std::string base_commit = Do({"rev-parse", std::string("fabro/run/") + kRun});
  Write("half.txt", "of the stage in flight\n");
  const auto resumed = Make();

  ASSERT_TRUE(resumed->Continue("").ok());
  const std::string commit = Commit(*resumed, "a", 2);

  EXPECT_EQ(Do({"rev-parse", commit + "^"}), base_commit);
}

TEST_F(GitCheckpointerTest, ABranchThatSomebodyElseMovedIsNotOverwritten) {
  const auto checkpointer = Make();
  ASSERT_TRUE(checkpointer->Begin().ok());
  Commit(*checkpointer, "a", 2);
  Do({"update-ref", RunRef(kRun), "HEAD"});
  CheckpointRequest request;
  request.node_id = "b";

  EXPECT_FALSE(checkpointer->Commit(request).ok());
}

TEST_F(GitCheckpointerTest, OutsideARepositoryThereIsNone) {
  const auto made = MakeLocalCheckpointer(dir_.path(), "/nowhere", run_dir_, {});

  ASSERT_TRUE(made.ok());
  EXPECT_EQ(*made, nullptr);
}

}  // namespace
}  // namespace fabro::provider
