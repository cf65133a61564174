#include "fabro/image/image.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::image {
namespace {

using Kind = model::RootSource::Kind;

TEST(RootSourceTest, EachFormIsReadAndWrittenBack) {
  for (const char* text : {"host-dirs", "dir:/x", "tar:/x.tar.gz", "oci:/layout", "oci:/a:v1.2"}) {
    const auto source = model::ParseRootSource(text);
    ASSERT_TRUE(source) << text;
    EXPECT_EQ(model::ToString(*source), text);
  }
}

TEST(RootSourceTest, AColonInALayoutsPathIsNoTag) {
  const auto source = model::ParseRootSource("oci:/a:b/c");
  ASSERT_TRUE(source);
  EXPECT_EQ(source->dir.value(), "/a:b/c");
  EXPECT_EQ(source->tag, "");
}

TEST(RootSourceTest, WhatIsNoFormIsNone) {
  for (const char* text : {"", "dir:", "tar:", "oci:", "zip:/x", "/x", "hostdirs"}) {
    EXPECT_FALSE(model::ParseRootSource(text)) << text;
  }
}

class ImageTest : public testing::Test {
 protected:
  model::RootSource Tar(const std::string& path) const {
    return {.kind = Kind::kTar, .dir = HostPath(path), .tag = {}};
  }
  TempDir dir_ = TempDir::Make("image").value();
  Options options_{.cache = dir_.path() + "/cache", .program = "/bin/false"};
};

TEST_F(ImageTest, AnArchiveThatIsNotThereIsRefused) {
  const auto opened = Open(Tar(dir_.path() + "/nothing"), options_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().reason, "rootfs_refused");
}

TEST_F(ImageTest, ADirectoryIsNoArchive) {
  const auto opened = Open(Tar(dir_.path()), options_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().reason, "rootfs_refused");
}

TEST_F(ImageTest, AnUnpackerThatDiesIsAnError) {
  ASSERT_TRUE(WriteFile(dir_.path() + "/x.tar", "x").ok());
  const auto opened = Open(Tar(dir_.path() + "/x.tar"), options_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().reason, "rootfs_refused");
}

TEST_F(ImageTest, ACacheThatOthersMayEnterIsRefused) {
  ASSERT_TRUE(WriteFile(dir_.path() + "/x.tar", "x").ok());
  ASSERT_EQ(::mkdir(options_.cache.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(options_.cache.c_str(), 0755), 0);
  const auto opened = Open(Tar(dir_.path() + "/x.tar"), options_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().reason, "cache_refused");
}

TEST_F(ImageTest, ADigestThatIsNoneIsRefused) {
  EXPECT_FALSE(OpenCached("sha256:../../etc", options_).ok());
  const auto gone = OpenCached("sha256:" + std::string(64, 'a'), options_);
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().reason, "image_gone");
}

}  // namespace
}  // namespace fabro::image
