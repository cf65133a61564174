#include "fabro/image/unpack/unpack.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "fabro/image/testing/tar.h"
#include "fabro/image/unpack/oci.h"
#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::image {
namespace {

class UnpackTest : public testing::Test {
 protected:
  UnpackTest() {
    EXPECT_TRUE(MakeDirs(cache_path_).ok());
    EXPECT_TRUE(MakeDirs(layout_ + "/blobs/sha256").ok());
  }

  Result<std::string> UnpackTar(const std::string& bytes, TreeLimits limits = {}) {
    EXPECT_TRUE(WriteFile(dir_.path() + "/x.tar", bytes).ok());
    const UniqueFd file = Open(dir_.path() + "/x.tar", O_RDONLY).value();
    const DirFd cache = OpenDir(cache_path_).value();
    return Unpack(cache.get(), file.get(), SourceKind::kTar, "", limits);
  }

  Result<std::string> UnpackTar(const std::vector<TarEntry>& entries, TreeLimits limits = {}) {
    return UnpackTar(Tar(entries), limits);
  }

  std::string Put(const std::string& bytes) {
    const std::string hex = Sha256(bytes);
    EXPECT_TRUE(WriteFile(layout_ + "/blobs/sha256/" + hex, bytes).ok());
    return hex;
  }

  static std::string Descriptor(const std::string& hex, std::size_t size) {
    return R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:)" + hex +
           R"(","size":)" + std::to_string(size) + "}";
  }

  // A layout with one image, "latest"; gives its layers' digests.
  std::vector<std::string> MakeLayout(const std::vector<std::string>& layers) {
    const std::string config = R"({"config":{"Env":["PATH=/opt/bin","A=1","bad"]}})";
    std::vector<std::string> digests;
    std::string list;
    for (const std::string& layer : layers) {
      digests.push_back(Put(layer));
      list += (list.empty() ? "" : ",") + Descriptor(digests.back(), layer.size());
    }
    const std::string manifest =
        R"({"config":)" + Descriptor(Put(config), config.size()) + R"(,"layers":[)" + list + "]}";
    std::string named = Descriptor(Put(manifest), manifest.size());
    named.insert(named.size() - 1,
                 R"(,"annotations":{"org.opencontainers.image.ref.name":"latest"})");
    EXPECT_TRUE(WriteFile(layout_ + "/index.json", R"({"manifests":[)" + named + "]}").ok());
    return digests;
  }

  Result<std::string> UnpackOci(const std::string& tag = "latest") {
    const DirFd layout = OpenDir(layout_).value();
    const DirFd cache = OpenDir(cache_path_).value();
    return Unpack(cache.get(), layout.get(), SourceKind::kOci, tag, {});
  }

  std::string RootOf(const std::string& digest) const {
    return cache_path_ + "/sha256/" + digest + "/root/";
  }
  std::string Content(const std::string& digest, const std::string& path) const {
    auto text = ReadFile(RootOf(digest) + path);
    return text.ok() ? *text : "(" + text.error().message + ")";
  }
  bool Exists(const std::string& path) const {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0;
  }
  // What a refused archive may leave: nothing.
  void ExpectNothingMade() const {
    const DirFd making = OpenDir(cache_path_ + "/new").value();
    EXPECT_TRUE(ListDir(making.get()).value().empty());
    EXPECT_FALSE(Exists(cache_path_ + "/sha256"));
  }
  void ExpectRefused(const std::vector<TarEntry>& entries, const std::string& why) {
    const auto done = UnpackTar(entries);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().reason, "rootfs_refused");
    EXPECT_NE(done.error().message.find(why), std::string::npos) << done.error().message;
    ExpectNothingMade();
  }

  TempDir dir_ = TempDir::Make("image").value();
  std::string cache_path_ = dir_.path() + "/cache";
  std::string layout_ = dir_.path() + "/layout";
};

TEST_F(UnpackTest, FilesDirectoriesAndLinksOfATarAreThere) {
  const auto done = UnpackTar({{.name = "./", .type = '5'},
                               {.name = "./usr/bin/", .type = '5', .mode = 0755},
                               {.name = "./usr/bin/tool", .content = "text", .mode = 0755},
                               {.name = "bin", .type = '2', .link = "usr/bin"},
                               {.name = "usr/bin/same", .type = '1', .link = "./usr/bin/tool"}});

  ASSERT_TRUE(done.ok()) << done.error().ToString();
  EXPECT_EQ(Content(*done, "usr/bin/tool"), "text");
  EXPECT_EQ(Content(*done, "bin/same"), "text");
  struct stat status{};
  ASSERT_EQ(::stat((RootOf(*done) + "usr/bin/tool").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755U);
  EXPECT_EQ(status.st_mtime, 1'700'000'000);
}

TEST_F(UnpackTest, TheDigestIsThatOfTheArchiveFile) {
  const std::string bytes = Tar({{.name = "a", .content = "x"}});
  EXPECT_EQ(UnpackTar(bytes).value(), Sha256(bytes));
}

TEST_F(UnpackTest, TheSameImageTwiceIsOneTree) {
  const std::string bytes = Tar({{.name = "a", .content = "x"}});
  const std::string digest = UnpackTar(bytes).value();
  EXPECT_EQ(UnpackTar(bytes).value(), digest);
  const DirFd making = OpenDir(cache_path_ + "/new").value();
  EXPECT_TRUE(ListDir(making.get()).value().empty());
}

TEST_F(UnpackTest, AnEntryThatLeadsOutByDotDotIsRefused) {
  ExpectRefused({{.name = "../evil", .content = "x"}}, "leads out");
  ExpectRefused({{.name = "a/../../evil", .content = "x"}}, "leads out");
  ExpectRefused({{.name = "l", .type = '1', .link = "../../etc/passwd"}}, "leads out");
  EXPECT_FALSE(Exists(dir_.path() + "/evil"));
}

TEST_F(UnpackTest, AnAbsoluteNameIsAPlaceOfTheTree) {
  const std::string digest = UnpackTar({{.name = "/opt/x", .content = "in"}}).value();
  EXPECT_EQ(Content(digest, "opt/x"), "in");
}

TEST_F(UnpackTest, AFileThroughALinkThatLeadsOutStaysInTheTree) {
  const std::string outside = dir_.path() + "/outside";
  ASSERT_TRUE(MakeDirs(outside).ok());
  const auto done = UnpackTar({{.name = "out", .type = '2', .link = outside},
                               {.name = "out/evil", .content = "x"},
                               {.name = "up", .type = '2', .link = "../../../../../.."},
                               {.name = "up/tmp/evil2", .content = "y"}});

  // The first link leads nowhere inside; with or without it, nothing is written outside.
  EXPECT_FALSE(done.ok());
  EXPECT_FALSE(Exists(outside + "/evil"));
  EXPECT_FALSE(Exists("/tmp/evil2"));
  const std::string digest = UnpackTar({{.name = "up", .type = '2', .link = "../../../../../.."},
                                        {.name = "up/tmp/evil2", .content = "y"}})
                                 .value();
  EXPECT_EQ(Content(digest, "tmp/evil2"), "y");
}

TEST_F(UnpackTest, ALinkInPlaceOfAFileIsReplacedAndNotWrittenThrough) {
  const std::string victim = dir_.path() + "/victim";
  ASSERT_TRUE(WriteFile(victim, "old").ok());
  const std::string digest =
      UnpackTar({{.name = "f", .type = '2', .link = victim}, {.name = "f", .content = "new"}})
          .value();
  EXPECT_EQ(Content(digest, "f"), "new");
  EXPECT_EQ(ReadFile(victim).value(), "old");
}

TEST_F(UnpackTest, DevicesFifosAndWhatHasItsOwnPlaceAreLeftOut) {
  const std::string digest = UnpackTar({{.name = "disk", .type = '3'},
                                        {.name = "pipe", .type = '6'},
                                        {.name = "dev/null", .type = '3'},
                                        {.name = "dev/x", .content = "x"},
                                        {.name = "kept", .content = "x"}})
                                 .value();
  EXPECT_FALSE(Exists(RootOf(digest) + "disk"));
  EXPECT_FALSE(Exists(RootOf(digest) + "pipe"));
  EXPECT_FALSE(Exists(RootOf(digest) + "dev/x"));
  EXPECT_TRUE(Exists(RootOf(digest) + "kept"));
}

TEST_F(UnpackTest, SetIdAndStickyBitsAreDropped) {
  const std::string digest = UnpackTar({{.name = "su", .content = "x", .mode = 06755},
                                        {.name = "d", .type = '5', .mode = 03777}})
                                 .value();
  struct stat status{};
  ASSERT_EQ(::stat((RootOf(digest) + "su").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755U);
  ASSERT_EQ(::stat((RootOf(digest) + "d").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0777U);
}

TEST_F(UnpackTest, NamesAndDepthHaveALimit) {
  ExpectRefused({{.name = std::string(256, 'n'), .content = "x"}}, "255");
  std::string deep;
  for (int i = 0; i < 129; ++i) deep += "d/";
  ExpectRefused({{.name = deep + "f", .content = "x"}}, "deeper");
  std::string longest;
  for (int i = 0; i < 20; ++i) longest += std::string(250, 'x') + "/";
  ExpectRefused({{.name = longest, .content = "x"}}, "4095");
}

TEST_F(UnpackTest, AnArchiveOfTooManyEntriesIsRefused) {
  std::vector<TarEntry> entries(60, TarEntry{.name = "x", .content = ""});
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i].name = "f" + std::to_string(i);
  const auto done = UnpackTar(entries, {.entries = 50});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().reason, "rootfs_too_large");
  ExpectNothingMade();
}

TEST_F(UnpackTest, AnArchiveThatGrowsTooMuchIsRefused) {
  const auto done =
      UnpackTar({{.name = "big", .content = std::string(8192, 'x')}}, {.bytes = 4096});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().reason, "rootfs_too_large");
  const auto bomb = UnpackTar({{.name = "a", .content = std::string(1 << 20, 'x')}},
                              {.ratio = 0x7fffffff, .free_bytes = 1});
  EXPECT_TRUE(bomb.ok());
}

TEST_F(UnpackTest, ATruncatedArchiveIsRefused) {
  std::string bytes = Tar({{.name = "a", .content = std::string(9000, 'x')}});
  bytes.resize(4000);
  const auto done = UnpackTar(bytes);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().reason, "rootfs_refused");
  ExpectNothingMade();
}

TEST_F(UnpackTest, WhatIsNoArchiveIsRefused) {
  const auto done = UnpackTar(std::string(5000, 'q'));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().reason, "rootfs_refused");
}

TEST_F(UnpackTest, AHardLinkToWhatIsNotThereOrNoFileIsRefused) {
  ExpectRefused({{.name = "h", .type = '1', .link = "nothing"}}, "not there");
  ExpectRefused({{.name = "d", .type = '5'}, {.name = "h", .type = '1', .link = "d"}}, "no file");
}

TEST_F(UnpackTest, MountPointsOfASandboxAreAlwaysThere) {
  const std::string digest = UnpackTar({{.name = "etc/passwd", .type = '2', .link = "/x"}}).value();
  struct stat status{};
  for (const char* name : {"passwd", "group", "hosts", "hostname", "nsswitch.conf"}) {
    ASSERT_EQ(::lstat((RootOf(digest) + "etc/" + name).c_str(), &status), 0) << name;
    EXPECT_TRUE(S_ISREG(status.st_mode)) << name;
  }
}

TEST_F(UnpackTest, WhatADeadMakerLeftIsRemoved) {
  ASSERT_TRUE(MakeDirs(cache_path_ + "/new/abandoned/root/usr").ok());
  ASSERT_TRUE(UnpackTar({{.name = "a", .content = "x"}}).ok());
  EXPECT_FALSE(Exists(cache_path_ + "/new/abandoned"));
}

TEST_F(UnpackTest, LayersLieOverEachOther) {
  MakeLayout({Tar({{.name = "a", .content = "lower"}, {.name = "d/x", .content = "1"}}),
              Tar({{.name = "a", .content = "upper"}, {.name = "d/y", .content = "2"}})});
  const auto done = UnpackOci();
  ASSERT_TRUE(done.ok()) << done.error().ToString();
  EXPECT_EQ(Content(*done, "a"), "upper");
  EXPECT_EQ(Content(*done, "d/x"), "1");
  EXPECT_EQ(Content(*done, "d/y"), "2");
  EXPECT_EQ(ReadFile(cache_path_ + "/sha256/" + *done + "/env").value(), "PATH=/opt/bin\nA=1\n");
}

TEST_F(UnpackTest, AWhiteoutHidesLowerLayersAndNothingElse) {
  MakeLayout({Tar({{.name = "gone", .content = "x"},
                   {.name = "tree/deep/f", .content = "x"},
                   {.name = "kept", .content = "x"}}),
              Tar({{.name = ".wh.gone"},
                   {.name = ".wh.tree"},
                   {.name = "own", .content = "x"},
                   {.name = ".wh.own"}})});
  const std::string digest = UnpackOci().value();
  EXPECT_FALSE(Exists(RootOf(digest) + "gone"));
  EXPECT_FALSE(Exists(RootOf(digest) + "tree"));
  EXPECT_TRUE(Exists(RootOf(digest) + "kept"));
  EXPECT_TRUE(Exists(RootOf(digest) + "own"));
  EXPECT_FALSE(Exists(RootOf(digest) + ".wh.gone"));
}

TEST_F(UnpackTest, AnOpaqueDirectoryShowsItsOwnLayerOnly) {
  MakeLayout({Tar({{.name = "d/old", .content = "x"}, {.name = "d/sub/old", .content = "x"}}),
              Tar({{.name = "d/new", .content = "x"},
                   {.name = "d/sub/new", .content = "x"},
                   {.name = "d/.wh..wh..opq"}})});
  const std::string digest = UnpackOci().value();
  EXPECT_FALSE(Exists(RootOf(digest) + "d/old"));
  EXPECT_FALSE(Exists(RootOf(digest) + "d/sub/old"));
  EXPECT_TRUE(Exists(RootOf(digest) + "d/new"));
  EXPECT_TRUE(Exists(RootOf(digest) + "d/sub/new"));
}

TEST_F(UnpackTest, AWhiteoutThroughALinkStaysInTheTree) {
  const std::string victim = dir_.path() + "/victim";
  ASSERT_TRUE(MakeDirs(victim).ok());
  ASSERT_TRUE(WriteFile(victim + "/f", "x").ok());
  MakeLayout({Tar({{.name = "l", .type = '2', .link = victim}}), Tar({{.name = "l/.wh.f"}})});
  (void)UnpackOci();
  EXPECT_TRUE(Exists(victim + "/f"));
}

TEST_F(UnpackTest, ADamagedLayerIsRefused) {
  const std::string layer = Tar({{.name = "a", .content = "x"}});
  const auto digests = MakeLayout({layer});
  ASSERT_TRUE(
      WriteFile(layout_ + "/blobs/sha256/" + digests[0], Tar({{.name = "a", .content = "y"}}))
          .ok());
  const auto done = UnpackOci();
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().reason, "rootfs_refused");
  EXPECT_NE(done.error().message.find("damaged"), std::string::npos);
  ExpectNothingMade();
}

TEST_F(UnpackTest, AMissingLayerIsNamed) {
  const auto digests = MakeLayout({Tar({{.name = "a", .content = "x"}})});
  ASSERT_EQ(::unlink((layout_ + "/blobs/sha256/" + digests[0]).c_str()), 0);
  const auto done = UnpackOci();
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().message.find("layer 1 of 1"), std::string::npos);
}

TEST_F(UnpackTest, AnUnknownTagNamesThoseThatAreThere) {
  MakeLayout({Tar({{.name = "a", .content = "x"}})});
  const auto done = UnpackOci("v2");
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().fix.find("latest"), std::string::npos);
  EXPECT_TRUE(UnpackOci("").ok());
}

TEST_F(UnpackTest, AManifestThatNamesAPathIsRefused) {
  MakeLayout({Tar({{.name = "a", .content = "x"}})});
  ASSERT_TRUE(WriteFile(layout_ + "/index.json",
                        R"({"manifests":[{"digest":"sha256:../../../etc/passwd","size":1}]})")
                  .ok());
  const auto done = UnpackOci("");
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().reason, "rootfs_refused");
}

}  // namespace
}  // namespace fabro::image
