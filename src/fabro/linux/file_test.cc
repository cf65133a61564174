#include "fabro/linux/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>

#include "fabro/linux/scoped_dir.h"

namespace fabro {
namespace {

class FileTest : public ::testing::Test {
 protected:
  TempDir temp_ = TempDir::Make("fabro-file-test").value();
  DirFd dir_ = OpenDir(temp_.path()).value();
  std::string Path(const std::string& name) const { return temp_.path() + "/" + name; }
  bool Exists(const std::string& name) const {
    return ::faccessat(dir_.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  }
};

TEST_F(FileTest, WhatWasWrittenIsRead) {
  ASSERT_TRUE(WriteFile(Path("a"), "text"));
  EXPECT_EQ(ReadFile(Path("a")).value(), "text");
  EXPECT_EQ(ReadFileAt(dir_.get(), "a").value(), "text");
  EXPECT_EQ(ReadFile("/proc/self/comm").value().back(), '\n') << "files of size 0 are read whole";
}

TEST_F(FileTest, AFileOverTheLimitIsRefused) {
  ASSERT_TRUE(WriteFile(Path("a"), "12345"));
  EXPECT_TRUE(ReadFile(Path("a"), 5_B));
  EXPECT_EQ(ReadFile(Path("a"), 4_B).error().reason, "file_too_large");
}

TEST_F(FileTest, TheErrorNamesTheFile) {
  const Result<std::string> result = ReadFile(Path("missing"));
  EXPECT_EQ(result.error().code, Code::kNotFound);
  EXPECT_NE(result.error().ToString().find("missing"), std::string::npos);
}

TEST_F(FileTest, NoSymlinkLeadsOpenAtAstray) {
  ASSERT_EQ(::symlink("/etc", Path("link").c_str()), 0);
  EXPECT_EQ(OpenAt(dir_.get(), "link/passwd", O_RDONLY).error().sys_errno, ELOOP);
  EXPECT_EQ(OpenAt(dir_.get(), "link", O_RDONLY).error().sys_errno, ELOOP);
  EXPECT_EQ(OpenAt(dir_.get(), "../x", O_RDONLY).error().sys_errno, EXDEV);
  EXPECT_EQ(OpenAt(dir_.get(), "/etc/passwd", O_RDONLY).error().sys_errno, EXDEV);
}

TEST_F(FileTest, OpenedFilesAreCloseOnExec) {
  const UniqueFd fd = OpenAt(dir_.get(), ".", O_RDONLY).value();
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(FileTest, ReplaceFileSwapsTheTextAndLeavesNoTemporaryFile) {
  ASSERT_TRUE(WriteFile(Path("state"), "old"));
  ASSERT_TRUE(ReplaceFile(Path("state"), "new", 0600));

  EXPECT_EQ(ReadFile(Path("state")).value(), "new");
  struct stat info{};
  ASSERT_EQ(::stat(Path("state").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_EQ(ListDir(dir_.get()).value(), std::vector<std::string>{"state"});
}

TEST_F(FileTest, ReplaceFileThatFailsLeavesTheOldFile) {
  ASSERT_TRUE(MakeDirs(Path("state/full")));
  EXPECT_FALSE(ReplaceFileAt(dir_.get(), "state", "new"));
  EXPECT_EQ(ListDir(dir_.get()).value(), std::vector<std::string>{"state"});
}

TEST_F(FileTest, MakeDirsMakesAllAndAcceptsWhatIsThere) {
  ASSERT_TRUE(MakeDirs(Path("a/b/c")));
  ASSERT_TRUE(MakeDirs(Path("a/b/c/")));
  ASSERT_TRUE(MakeDirsAt(dir_.get(), "a/b/d/e"));
  EXPECT_TRUE(Exists("a/b/c"));
  EXPECT_TRUE(Exists("a/b/d/e"));

  ASSERT_TRUE(WriteFile(Path("file"), ""));
  EXPECT_EQ(MakeDirs(Path("file")).error().sys_errno, ENOTDIR);
  ASSERT_EQ(::symlink("/tmp", Path("link").c_str()), 0);
  EXPECT_FALSE(MakeDirsAt(dir_.get(), "link/x"));
}

TEST_F(FileTest, RemoveTreeRemovesLinksAndNotTheirTargets) {
  ASSERT_TRUE(MakeDirs(Path("keep")));
  ASSERT_TRUE(WriteFile(Path("keep/file"), "x"));
  ASSERT_TRUE(MakeDirs(Path("tree/sub")));
  ASSERT_EQ(::symlink("../keep", Path("tree/dir").c_str()), 0);
  ASSERT_EQ(::symlink("../../keep/file", Path("tree/sub/file").c_str()), 0);

  ASSERT_TRUE(RemoveTree(Path("tree/")));

  EXPECT_FALSE(Exists("tree"));
  EXPECT_EQ(ReadFile(Path("keep/file")).value(), "x");
}

TEST_F(FileTest, RemoveTreeOfALinkRemovesTheLink) {
  ASSERT_TRUE(MakeDirs(Path("keep/sub")));
  ASSERT_EQ(::symlink("keep", Path("link").c_str()), 0);
  ASSERT_TRUE(RemoveTree(Path("link")));
  EXPECT_FALSE(Exists("link"));
  EXPECT_TRUE(Exists("keep/sub"));
}

TEST_F(FileTest, RemoveTreeOfNothingSucceeds) {
  EXPECT_TRUE(RemoveTree(Path("missing")));
  EXPECT_TRUE(RemoveTree(Path("missing/too")));
  EXPECT_FALSE(RemoveTreeAt(dir_.get(), ".."));
  EXPECT_FALSE(RemoveTree("/"));
}

TEST_F(FileTest, RemoveTreeIsNotBoundByDepthOrDescriptors) {
  // Far deeper than PATH_MAX and RLIMIT_NOFILE, with a sibling file on each level.
  DirFd at = MakeDirsAt(dir_.get(), "deep").value();
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(WriteFileAt(at.get(), ".removed-0", ""));
    at = MakeDirsAt(at.get(), "d").value();
  }
  at.reset();
  ASSERT_TRUE(RemoveTree(Path("deep")));
  EXPECT_FALSE(Exists("deep"));
}

TEST_F(FileTest, RemoveTreeTakesMoreEntriesThanOneBatch) {
  const DirFd wide = MakeDirsAt(dir_.get(), "wide").value();
  for (int i = 0; i < 2500; ++i) ASSERT_TRUE(WriteFileAt(wide.get(), std::to_string(i), ""));
  ASSERT_TRUE(RemoveTree(Path("wide")));
  EXPECT_FALSE(Exists("wide"));
}

TEST_F(FileTest, RemoveTreeGetsThroughDirectoriesWithoutRights) {
  ASSERT_TRUE(MakeDirs(Path("tree/locked/sub")));
  ASSERT_EQ(::chmod(Path("tree/locked").c_str(), 0), 0);
  ASSERT_TRUE(RemoveTree(Path("tree")));
  EXPECT_FALSE(Exists("tree"));
}

TEST(TempDirTest, TheDirectoryIsGoneWithItsOwner) {
  std::string path;
  {
    const TempDir temp = TempDir::Make("fabro-temp-test").value();
    path = temp.path();
    ASSERT_TRUE(WriteFile(path + "/file", "x"));
  }
  EXPECT_EQ(::access(path.c_str(), F_OK), -1);
}

}  // namespace
}  // namespace fabro
