// Files of a Jail through its jailer, at both levels: the helper runs below their whole filters.
#include "fabro/jail/files.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "fabro/jail/testing/in_jail.h"

namespace fabro::jail::testing {
namespace {

Status Put(Jail& jail, std::string_view path, std::string text) {
  return WriteFile(jail, path, 0640, [&](std::size_t most) {
    std::string piece = text.substr(0, most);
    text.erase(0, piece.size());
    return Result<std::string>(std::move(piece));
  });
}

Result<std::string> Get(Jail& jail, std::string_view path, std::uint64_t limit = 64 << 20) {
  std::string all;
  const Status status = ReadFile(jail, path, limit, [&](std::string_view bytes) {
    all += bytes;
    return Status();
  });
  if (!status.ok()) return status.error();
  return all;
}

class FilesTest : public ::testing::TestWithParam<model::Level> {};

TEST_P(FilesTest, FilesGoInAndOutAndAreListed) {
  model::SandboxSpec spec;
  spec.level = GetParam();
  auto jail = MakeJail(spec);
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  const std::string large(10 << 20, 'x');

  const Status put = Put(*jail, "/work/a/b/large", large);
  ASSERT_TRUE(put.ok()) << put.error().ToString();

  EXPECT_TRUE(Get(*jail, "/work/a/b/large").value() == large);
  EXPECT_EQ(RunIn(*jail, Shell("stat -c '%u %a %s' a/b/large"))->out, "1000 640 10485760\n");
  EXPECT_EQ(Get(*jail, "/work/a/b/large", 100).error().reason, "file_too_large");
  EXPECT_EQ(ListFiles(*jail, "/work", 0, 100).value().size(), 3u);
  EXPECT_EQ(StatFile(*jail, "/work/a/b/large").value().value().size, large.size());
  ASSERT_TRUE(DeleteFile(*jail, "/work/a/b/large").ok());
  EXPECT_FALSE(StatFile(*jail, "/work/a/b/large").value().has_value());
}

TEST_P(FilesTest, LinksLeadNowhereElse) {
  model::SandboxSpec spec;
  spec.level = GetParam();
  auto jail = MakeJail(spec);
  ASSERT_TRUE(jail.ok()) << jail.error().ToString();
  ASSERT_TRUE(RunIn(*jail, Shell("ln -s /etc dir; ln -s /etc/passwd file; mkfifo fifo")).ok());

  EXPECT_EQ(Put(*jail, "/work/dir/passwd", "x").error().reason, "file_denied");
  // At high the guest has no mknod(2), hence no FIFO.
  EXPECT_EQ(Get(*jail, "/work/fifo").error().reason,
            GetParam() == model::Level::kHigh ? "file_not_found" : "file_not_regular");
  ASSERT_TRUE(Put(*jail, "/work/file", "mine").ok());
  EXPECT_NE(Get(*jail, "/etc/passwd").value(), "mine");
}

INSTANTIATE_TEST_SUITE_P(Levels, FilesTest,
                         ::testing::Values(model::Level::kMedium, model::Level::kHigh),
                         [](const auto& level) {
                           return level.param == model::Level::kHigh ? "High" : "Medium";
                         });

}  // namespace
}  // namespace fabro::jail::testing
