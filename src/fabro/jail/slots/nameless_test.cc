#include "fabro/jail/slots/nameless.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::jail {
namespace {

constexpr std::uint32_t kNobodys = 1'234'567'890;

class NamelessIdsTest : public ::testing::Test {
 protected:
  std::string Path() const { return dir_->path() + "/ids"; }
  Result<TempDir> dir_ = TempDir::Make("nameless");
};

TEST_F(NamelessIdsTest, AnIdWithoutANameIsRememberedByTheNextProcess) {
  EXPECT_TRUE(NamelessIds(Path()).Contains(kNobodys));
  const std::string text = ReadFile(Path()).value();
  EXPECT_TRUE(text.ends_with(" 1234567890 ")) << text;
  EXPECT_TRUE(NamelessIds(Path()).Contains(kNobodys));
  EXPECT_EQ(ReadFile(Path()).value(), text) << "not asked again";
}

TEST_F(NamelessIdsTest, RootHasAName) { EXPECT_FALSE(NamelessIds(Path()).Contains(0)); }

TEST_F(NamelessIdsTest, WhatIsOldOrOfOtherSourcesOrCutShortIsAskedAgain) {
  ASSERT_TRUE(NamelessIds(Path()).Contains(kNobodys));
  const std::string text = ReadFile(Path()).value();
  const std::string sources = text.substr(0, text.find('\n') + 1);
  for (const std::string& stale :
       {sources + "1000 0 ", std::string("elsewhen\n9999999999 0 "), text + "0", std::string()}) {
    ASSERT_TRUE(WriteFile(Path(), stale).ok());
    EXPECT_FALSE(NamelessIds(Path()).Contains(0)) << stale;
  }
}

TEST_F(NamelessIdsTest, AFileThatOthersCanWriteIsNotBelieved) {
  ASSERT_TRUE(NamelessIds(Path()).Contains(kNobodys));
  const std::string text = ReadFile(Path()).value();
  ASSERT_TRUE(WriteFile(Path(), text + "0 ").ok());
  EXPECT_TRUE(NamelessIds(Path()).Contains(0)) << "it is believed when it is ours";
  ASSERT_EQ(::chmod(Path().c_str(), 0666), 0);
  EXPECT_FALSE(NamelessIds(Path()).Contains(0));
}

}  // namespace
}  // namespace fabro::jail
