// Roots and writable trees of a run's sandbox: images, byte limits, what fills up.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fabro/linux/spawn.h"
#include "fabro/provider/namespace/namespace_test.h"

namespace fabro::provider {
namespace {

using ::testing::HasSubstr;

std::string Detail(const Sandbox& sandbox, std::string_view name) {
  for (const auto& [key, value] : sandbox.Info().details) {
    if (key == name) return value;
  }
  return "";
}

class TreeTest : public NamespaceTest {
 protected:
  // An archive with the shell of this machine and what it needs.
  std::string ShellArchive() {
    const std::string tar = dir_.path() + "/root.tar";
    SpawnRequest request;
    request.argv = {"sh", "-c",
                    "set -e; mkdir -p etc usr/bin usr/lib; ln -s usr/bin bin; ln -s usr/lib lib; "
                    "ln -s usr/lib lib64; for p in bash cat ls mkdir; do cp $(command -v $p) "
                    "usr/bin/; for l in $(ldd usr/bin/$p | grep -o '/[^ ]*'); do "
                    "cp -n $l usr/lib/; done; done; echo v1 > etc/version; tar cf " +
                        tar + " ."};
    request.env = {"PATH=/usr/bin:/bin"};
    request.cwd = dir_.path() + "/tree";
    EXPECT_TRUE(MakeDirs(request.cwd).ok());
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const auto done = RunCommand(request, "", 64_KiB, deadline);
    EXPECT_TRUE(done.ok() && done->succeeded()) << (done.ok() ? done->err : "");
    return tar;
  }
};

TEST_F(TreeTest, AnArchiveIsTheRootAndStaysTheSameForTheRun) {
  NamespaceConfig config = Config();
  config.workspace = WorkspaceMode::kEmpty;
  const std::string tar = ShellArchive();
  config.root = *model::ParseRootSource("tar:" + tar);
  MustStart(config);
  EXPECT_EQ(Shell("cat /etc/version; ls /usr/bin").out, "v1\nbash\ncat\nls\nmkdir\n");
  const std::string digest = Detail(*sandbox_, "rootfs_digest");
  EXPECT_THAT(digest, HasSubstr("sha256:"));
  ASSERT_TRUE(sandbox_->Stop().ok());
  ASSERT_TRUE(WriteFile(tar, "something else").ok());

  MustStart(config);

  EXPECT_EQ(Shell("cat /etc/version").out, "v1\n");
  EXPECT_EQ(Detail(*sandbox_, "rootfs_digest"), digest);
}

TEST_F(TreeTest, ARootWithoutAShellSaysSo) {
  const std::string root = dir_.path() + "/empty";
  ASSERT_TRUE(MakeDirs(root + "/usr").ok());
  NamespaceConfig config = Config();
  config.root = *model::ParseRootSource("dir:" + root);

  const Status started = Start(config);

  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.error().ToString(), HasSubstr("/bin/bash"));
  EXPECT_THAT(started.error().ToString(), HasSubstr("namespace.rootfs"));
}

TEST_F(TreeTest, HighWorksInATreeWithAByteLimit) {
  NamespaceConfig config = Config();
  config.level = model::Level::kHigh;
  config.disk = 64_MiB;
  MakeRepository();
  MustStart(config);

  EXPECT_THAT(Detail(*sandbox_, "workspace_limit"), ::testing::AnyOf("loop", "quota"));
  EXPECT_EQ(Shell("cat a.txt; head -c 90M /dev/zero > big 2>/dev/null || echo full").out,
            "committed\nfull\n");
  EXPECT_EQ(Shell("rm big; echo alive > a.txt; git status --porcelain").out, " M a.txt\n");
  ASSERT_TRUE(sandbox_->Stop().ok());
  MustStart(config);
  EXPECT_EQ(Shell("cat a.txt").out, "alive\n") << "the tree outlives its Jail";
}

TEST_F(TreeTest, ATreeInMemoryHasItsLimitAndStartsAnew) {
  NamespaceConfig config = Config();
  config.level = model::Level::kHigh;
  config.in_memory = true;
  config.disk = 32_MiB;
  config.limits.memory = 256_MiB;
  MakeRepository();
  MustStart(config);
  EXPECT_EQ(Detail(*sandbox_, "workspace_limit"), "tmpfs");
  EXPECT_EQ(Shell("echo x > new; head -c 40M /dev/zero > /tmp/b 2>/dev/null || echo full").out,
            "full\n");
  ASSERT_TRUE(sandbox_->Stop().ok());

  MustStart(config);

  EXPECT_EQ(Shell("cat a.txt; ls").out, "committed\na.txt\n");
}

TEST_F(TreeTest, InPlaceFilesBelongToTheOwnerOfTheDirectory) {
  MakeRepository();
  ASSERT_EQ(::chown(repo_.c_str(), 4242, 4243), 0);
  NamespaceConfig config = Config();
  config.workspace = WorkspaceMode::kBind;
  MustStart(config);

  EXPECT_EQ(Shell("echo x > made; stat -c %U made; echo y >> .git/config 2>/dev/null || echo ro; "
                  "mv .git gone 2>/dev/null || echo stays")
                .out,
            "agent\nro\nstays\n");
  struct stat info{};
  ASSERT_EQ(::stat((repo_ + "/made").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 4242U);
  EXPECT_EQ(info.st_gid, 4243U);
  ASSERT_EQ(::chown(repo_.c_str(), ::getuid(), ::getgid()), 0);
}

}  // namespace
}  // namespace fabro::provider
