#include "fabro/git/git.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "fabro/git/bundle.h"
#include "fabro/git/repository.h"
#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::git {
namespace {

constexpr char kRef[] = "refs/heads/fabro/run/x";

class GitTest : public ::testing::Test {
 protected:
  void SetUp() override { Make(repo_); }

  // A repository with one commit of one file.
  void Make(const std::string& path) {
    Do(dir_.path(), {"init", "-q", path});
    Do(path, {"config", "user.name", "t"});
    Do(path, {"config", "user.email", "t@t"});
    Commit(path, "a.txt", "one\n");
  }
  void Commit(const std::string& path, const std::string& name, const std::string& text) {
    ASSERT_TRUE(WriteFile(path + "/" + name, text).ok());
    Do(path, {"add", "-A"});
    Do(path, {"commit", "-q", "-m", name});
  }
  std::string Do(const std::string& path, const std::vector<std::string>& args) {
    const auto out = Git(path, args);
    EXPECT_TRUE(out.ok()) << out.error().ToString();
    return out.ok() ? *out : "";
  }
  Import ImportOf(const std::string& bundle, const std::string& id) {
    return {bundle, dir_.path() + "/quarantine", kRef, id, ""};
  }

  TempDir dir_ = TempDir::Make("git").value();
  std::string repo_ = dir_.path() + "/repo";
};

TEST_F(GitTest, DiscoverFindsTheWorkTreeFromBelow) {
  ASSERT_TRUE(MakeDirs(repo_ + "/sub/dir").ok());
  Do(repo_, {"remote", "add", "origin", "https://user:pw@Example.org/o/r.git"});

  const auto found = Discover(repo_ + "/sub/dir").value();

  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->top, repo_);
  EXPECT_EQ(found->git_dir, repo_ + "/.git");
  EXPECT_EQ(found->branch, "main");
  EXPECT_TRUE(IsObjectId(found->head));
  EXPECT_EQ(found->origin, "https://example.org/o/r");
  EXPECT_FALSE(Discover(dir_.path()).value().has_value());
}

TEST_F(GitTest, DirtyMeansChangedOrUntrackedNotIgnored) {
  const Repository repository = *Discover(repo_).value();
  EXPECT_FALSE(IsDirty(repository).value());

  ASSERT_TRUE(WriteFile(repo_ + "/new", "x").ok());
  EXPECT_TRUE(IsDirty(repository).value());

  Commit(repo_, ".gitignore", "new\n");
  EXPECT_FALSE(IsDirty(repository).value());
}

TEST_F(GitTest, HooksFiltersAndMonitorsOfTheRepositoryDoNotRun) {
  const std::string touched = dir_.path() + "/touched";
  const std::string script = "#!/bin/sh\necho ran >> " + touched + "\ncat\n";
  ASSERT_TRUE(WriteFile(dir_.path() + "/evil", script, 0755).ok());
  for (const char* hook :
       {"pre-commit", "post-commit", "reference-transaction", "post-index-change"}) {
    ASSERT_TRUE(WriteFile(repo_ + "/.git/hooks/" + hook, script, 0755).ok());
  }
  Do(repo_, {"config", "core.fsmonitor", dir_.path() + "/evil"});
  Do(repo_, {"config", "filter.evil.clean", dir_.path() + "/evil"});
  Do(repo_, {"config", "filter.evil.required", "true"});
  ASSERT_TRUE(WriteFile(repo_ + "/.gitattributes", "* filter=evil\n").ok());
  ASSERT_TRUE(WriteFile(repo_ + "/a.txt", "two\n").ok());
  const Repository repository = *Discover(repo_).value();

  EXPECT_TRUE(IsDirty(repository).value());
  EXPECT_TRUE(BundleCommit(repository, repository.head, dir_.path() + "/b").ok());

  EXPECT_FALSE(ReadFile(touched).ok());
}

TEST_F(GitTest, ABundleGoesThroughQuarantineIntoTheRepository) {
  const std::string guest = dir_.path() + "/guest";
  const Repository repository = *Discover(repo_).value();
  ASSERT_TRUE(BundleCommit(repository, repository.head, dir_.path() + "/out").ok());
  Do(dir_.path(), {"init", "-q", guest});
  Do(guest, {"fetch", "-q", dir_.path() + "/out", "HEAD"});
  Do(guest, {"checkout", "-q", "-b", "main", "FETCH_HEAD"});
  Do(guest, {"config", "user.name", "g"});
  Do(guest, {"config", "user.email", "g@g"});
  Commit(guest, "b.txt", "by the guest\n");
  const std::string id = Do(guest, {"rev-parse", "HEAD"});
  Do(guest, {"update-ref", kRef, id});
  Do(guest, {"bundle", "create", "-q", dir_.path() + "/in", kRef, "^" + repository.head});

  const Status imported = ImportBundle(repository, ImportOf(dir_.path() + "/in", id));

  ASSERT_TRUE(imported.ok()) << imported.error().ToString();
  EXPECT_EQ(Do(repo_, {"show", std::string(kRef) + ":b.txt"}), "by the guest");
  EXPECT_EQ(Discover(repo_).value()->head, repository.head);
  EXPECT_FALSE(IsDirty(repository).value());
}

TEST_F(GitTest, ABundleWithATreeThatHoldsDotGitIsRefused) {
  const Repository repository = *Discover(repo_).value();
  const std::string guest = dir_.path() + "/guest";
  Make(guest);
  const std::string blob = Do(guest, {"hash-object", "-w", "a.txt"});
  Options tree;
  const std::string line = "100644 blob " + blob + "\t.GIT\n";
  tree.input = line;
  const auto made = Git(guest, {"mktree"}, tree);
  ASSERT_TRUE(made.ok()) << made.error().ToString();
  const std::string id = Do(guest, {"commit-tree", "-m", "evil", *made});
  Do(guest, {"update-ref", kRef, id});
  Do(guest, {"bundle", "create", "-q", dir_.path() + "/in", kRef});

  const Status imported = ImportBundle(repository, ImportOf(dir_.path() + "/in", id));

  ASSERT_FALSE(imported.ok());
  EXPECT_EQ(imported.error().reason, "bundle_refused");
  EXPECT_EQ(ReadRef(repo_, kRef).value(), "");
}

TEST_F(GitTest, WhatIsNoBundleOrNotTheBranchIsRefused) {
  const Repository repository = *Discover(repo_).value();
  ASSERT_TRUE(WriteFile(dir_.path() + "/in", "no bundle").ok());

  const Status garbage = ImportBundle(repository, ImportOf(dir_.path() + "/in", repository.head));

  EXPECT_EQ(garbage.error().reason, "bundle_refused");
  Do(repo_, {"update-ref", kRef, repository.head});
  Do(repo_, {"bundle", "create", "-q", dir_.path() + "/in2", kRef});
  Do(repo_, {"update-ref", "-d", kRef});
  Import other = ImportOf(dir_.path() + "/in2", std::string(40, '1'));
  other.quarantine += "2";
  EXPECT_EQ(ImportBundle(repository, other).error().reason, "bundle_refused");
}

TEST(UrlTest, FormsOfOneRepositoryBecomeOne) {
  for (const char* url : {"git@Example.org:o/r.git", "ssh://git@example.org/o/r",
                          "ssh://git@example.org:22/o/r.git", "https://u:p@example.org/o/r/",
                          "https://example.org:o/r", " git://example.org/o/r.git\n"}) {
    EXPECT_EQ(NormalizeUrl(url), "https://example.org/o/r") << url;
  }
  EXPECT_EQ(NormalizeUrl("https://example.org:8443/o/r"), "https://example.org:8443/o/r");
  EXPECT_EQ(NormalizeUrl("/srv/git/r.git"), "/srv/git/r");
}

}  // namespace
}  // namespace fabro::git
