#include "fabro/secrets/vault.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro::secrets {
namespace {

class VaultTest : public testing::Test {
 protected:
  const TempDir home_ = *TempDir::Make("fabro-vault");
  Vault vault_ = Vault::OfHome(home_.path());
};

TEST_F(VaultTest, KeepsWhatWasSetInAFileForItsOwnerAlone) {
  ASSERT_TRUE(vault_.Set({.name = "A_KEY", .type = "token"}, Secret("s3cret")));
  ASSERT_TRUE(vault_.Set({.name = "A_KEY", .description = "mine"}, Secret("s3cret2")));

  EXPECT_EQ(vault_.Get("A_KEY")->value().Reveal(), "s3cret2");
  EXPECT_FALSE(vault_.Get("OTHER")->has_value());
  const auto list = *vault_.List();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].type, "token");
  EXPECT_EQ(list[0].description, "mine");
  struct stat info{};
  ASSERT_EQ(::stat(vault_.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat((home_.path() + "/.fabro/vaults/default").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(VaultTest, RemovesAndSaysWhetherThereWasOne) {
  ASSERT_TRUE(vault_.Set({.name = "A"}, Secret("x")));

  EXPECT_TRUE(*vault_.Remove("A"));
  EXPECT_FALSE(*vault_.Remove("A"));
  EXPECT_FALSE(vault_.Get("A")->has_value());
}

TEST_F(VaultTest, AFileThatOthersCanReadIsRefused) {
  ASSERT_TRUE(vault_.Set({.name = "A"}, Secret("x")));
  ASSERT_EQ(::chmod(vault_.path().c_str(), 0640), 0);

  const auto got = vault_.Get("A");

  EXPECT_EQ(got.error().reason, "vault_permissions");
  EXPECT_NE(got.error().fix.find("chmod 600"), std::string::npos);
}

TEST_F(VaultTest, ALinkOrAFileOfAnotherFormIsRefusedWithoutShowingIt) {
  ASSERT_TRUE(vault_.Set({.name = "A"}, Secret("x")));
  ASSERT_TRUE(WriteFile(vault_.path(), "s3cret{", 0600));
  EXPECT_EQ(vault_.Get("A").error().reason, "vault_invalid");
  EXPECT_EQ(vault_.Get("A").error().ToString().find("s3cret"), std::string::npos);

  ASSERT_EQ(::unlink(vault_.path().c_str()), 0);
  ASSERT_EQ(::symlink("/etc/passwd", vault_.path().c_str()), 0);
  EXPECT_FALSE(vault_.Get("A").ok());
}

TEST_F(VaultTest, NamesAndValuesThatCannotBeAreRefused) {
  for (const char* name : {"", "1A", "A-B", "A B", "A\n"}) {
    EXPECT_EQ(vault_.Set({.name = name}, Secret("x")).error().reason, "secret_name_invalid");
  }
  for (const std::string& value :
       {std::string(), std::string("a\0b", 3), std::string("\xff"), std::string(70000, 'x')}) {
    EXPECT_EQ(vault_.Set({.name = "A"}, Secret(value)).error().reason, "secret_value_invalid");
  }
}

TEST_F(VaultTest, TwoAtOnceLoseNothing) {
  const auto fill = [this](char letter) {
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(vault_.Set({.name = std::string(1, letter) + std::to_string(i)}, Secret("x")));
    }
  };
  std::thread other([&] { fill('B'); });
  fill('A');
  other.join();

  EXPECT_EQ(vault_.List()->size(), 20u);
}

TEST(SecretTest, PrintsAsStarsAndLeavesNothingWhereItWas) {
  Secret first("s3cret");
  std::ostringstream out;
  out << first;
  const Secret second = std::move(first);

  EXPECT_EQ(out.str(), "***");
  EXPECT_EQ(second.Reveal(), "s3cret");
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that it is empty is the promise.
}

}  // namespace
}  // namespace fabro::secrets
