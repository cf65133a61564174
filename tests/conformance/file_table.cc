// Files, listing, searching, copying: the same answers and the same errors everywhere.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "fabro/linux/file.h"
#include "tests/conformance/harness.h"

namespace fabro::provider::conformance {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string ReasonOf(const Status& status) { return status.ok() ? "" : status.error().reason; }
template <typename T>
std::string ReasonOf(const Result<T>& result) {
  return result.ok() ? "" : result.error().reason;
}

std::vector<std::string> NamesOf(const std::vector<DirectoryEntry>& entries) {
  std::vector<std::string> names;
  for (const DirectoryEntry& entry : entries) {
    names.push_back(entry.name + (entry.is_directory ? "/" : ""));
  }
  return names;
}

void WriteAll(Sandbox& sandbox, const std::vector<std::pair<std::string, std::string>>& files) {
  for (const auto& [path, content] : files) {
    const Status written = sandbox.WriteFile(path, content);
    ASSERT_TRUE(written.ok()) << written.error().ToString();
  }
}

}  // namespace

TEST_P(FileTable, InitializingTwiceIsAnError) {
  EXPECT_EQ(ReasonOf(sandbox_->Initialize()), "already_initialized");
}

TEST_P(FileTable, NothingWorksBeforeInitialize) {
  const auto other = GetParam().make();
  const std::unique_ptr<Sandbox> fresh = other->Make();
  ExecRequest request;
  request.command = "true";

  EXPECT_EQ(ReasonOf(fresh->Exec(request)), "not_initialized");
  EXPECT_EQ(ReasonOf(fresh->ReadFile("x")), "not_initialized");
  EXPECT_EQ(ReasonOf(fresh->WriteFile("x", "")), "not_initialized");
  EXPECT_EQ(ReasonOf(fresh->Glob("*", "")), "not_initialized");
}

TEST_P(FileTable, BytesComeBackAsTheyWere) {
  std::string bytes;
  for (int i = 0; i < 3 * 256; ++i) bytes += static_cast<char>(i);

  WriteAll(*sandbox_, {{"bin", bytes}, {"empty", ""}, {"unüblich name\n", "x"}});

  EXPECT_EQ(sandbox_->ReadFile("bin").value(), bytes);
  EXPECT_EQ(sandbox_->ReadFile("empty").value(), "");
  EXPECT_EQ(sandbox_->ReadFile("unüblich name\n").value(), "x");
  EXPECT_EQ(sandbox_->ReadFile(sandbox_->WorkingDirectory() + "/bin").value(), bytes);
}

TEST_P(FileTable, WritingReplacesAndMakesParents) {
  WriteAll(*sandbox_, {{"a/b/c", "a long first text"}, {"a/b/c", "short"}});

  EXPECT_EQ(sandbox_->ReadFile("a/b/c").value(), "short");
}

TEST_P(FileTable, MissingFilesAreNamed) {
  const auto read = sandbox_->ReadFile("no/such");

  EXPECT_EQ(ReasonOf(read), "file_not_found");
  EXPECT_EQ(read.error().code, Code::kNotFound);
  EXPECT_NE(read.error().message.find("no/such"), std::string::npos);
  EXPECT_EQ(ReasonOf(sandbox_->DeleteFile("no/such")), "file_not_found");
  EXPECT_EQ(ReasonOf(sandbox_->ListDirectory("no/such", 1)), "file_not_found");
  EXPECT_EQ(ReasonOf(sandbox_->Glob("*", "no/such")), "file_not_found");
  EXPECT_EQ(ReasonOf(sandbox_->Grep("x", "no/such", {})), "file_not_found");
  EXPECT_FALSE(sandbox_->FileExists("no/such").value());
}

TEST_P(FileTable, DirectoriesAreNoFiles) {
  WriteAll(*sandbox_, {{"d/f", "x"}});

  EXPECT_EQ(ReasonOf(sandbox_->ReadFile("d")), "file_is_directory");
  EXPECT_EQ(ReasonOf(sandbox_->WriteFile("d", "x")), "file_is_directory");
  EXPECT_EQ(ReasonOf(sandbox_->DeleteFile("d")), "file_is_directory");
  EXPECT_TRUE(sandbox_->FileExists("d").value());
}

TEST_P(FileTable, EmptyPathsAndNulBytesAreRefused) {
  for (const std::string_view bad : {std::string_view(""), std::string_view("a\0b", 3)}) {
    EXPECT_EQ(ReasonOf(sandbox_->ReadFile(bad)), "path_invalid");
    EXPECT_EQ(ReasonOf(sandbox_->WriteFile(bad, "")), "path_invalid");
    EXPECT_EQ(ReasonOf(sandbox_->DeleteFile(bad)), "path_invalid");
    EXPECT_EQ(ReasonOf(sandbox_->FileExists(bad)), "path_invalid");
    EXPECT_EQ(ReasonOf(sandbox_->ListDirectory(bad, 1)), "path_invalid");
  }
}

TEST_P(FileTable, DeletedFilesAreGone) {
  WriteAll(*sandbox_, {{"d/f", "x"}});

  EXPECT_TRUE(sandbox_->DeleteFile("d/f").ok());

  EXPECT_FALSE(sandbox_->FileExists("d/f").value());
}

TEST_P(FileTable, ListingIsSortedRelativeAndBounded) {
  WriteAll(*sandbox_, {{"t/b/c/deep", "1234"}, {"t/b/x", "12"}, {"t/.dot", ""}, {"t/a", "1"}});

  const auto one = sandbox_->ListDirectory("t", 1).value();
  const auto two = sandbox_->ListDirectory("t", 2).value();
  const auto all = sandbox_->ListDirectory("t", 0).value();

  EXPECT_THAT(NamesOf(one), ElementsAre(".dot", "a", "b/"));
  EXPECT_THAT(NamesOf(two), ElementsAre(".dot", "a", "b/", "b/c/", "b/x"));
  EXPECT_THAT(NamesOf(all), ElementsAre(".dot", "a", "b/", "b/c/", "b/c/deep", "b/x"));
  EXPECT_EQ(one[1].size, 1U);
  EXPECT_FALSE(one[2].size.has_value());
}

TEST_P(FileTable, GlobFollowsTheOneMatcher) {
  WriteAll(*sandbox_, {{"g/src/a.c", ""}, {"g/src/x/b.c", ""}, {"g/src/.h.c", ""}, {"g/c.c", ""}});

  EXPECT_THAT(sandbox_->Glob("**/*.c", "g").value(),
              ElementsAre("c.c", "src/.h.c", "src/a.c", "src/x/b.c"));
  EXPECT_THAT(sandbox_->Glob("src/*.c", "g").value(), ElementsAre("src/.h.c", "src/a.c"));
  EXPECT_THAT(sandbox_->Glob("g/src/?.c", "").value(), ElementsAre("g/src/a.c"));
  EXPECT_THAT(sandbox_->Glob("none/*.c", "g").value(), IsEmpty());
  EXPECT_EQ(ReasonOf(sandbox_->Glob("../*", "g")), "pattern_invalid");
}

TEST_P(FileTable, GrepSaysFileLineAndText) {
  WriteAll(*sandbox_, {{"s/b.txt", "one\nTwo: x\n"}, {"s/a.c", "two\nthree\ntwo\n"}});
  GrepOptions insensitive;
  insensitive.case_insensitive = true;
  GrepOptions only_c;
  only_c.glob = "*.c";
  GrepOptions one;
  one.max_results = 1;

  EXPECT_THAT(sandbox_->Grep("two", "s", {}).value(), ElementsAre("s/a.c:1:two", "s/a.c:3:two"));
  EXPECT_THAT(sandbox_->Grep("^two", "s", insensitive).value(),
              ElementsAre("s/a.c:1:two", "s/a.c:3:two", "s/b.txt:2:Two: x"));
  EXPECT_THAT(sandbox_->Grep("two|one", "s", only_c).value(),
              ElementsAre("s/a.c:1:two", "s/a.c:3:two"));
  EXPECT_THAT(sandbox_->Grep("two|one", "s", one).value(), ElementsAre("s/a.c:1:two"));
  EXPECT_THAT(sandbox_->Grep("absent", "s", {}).value(), IsEmpty());
  EXPECT_THAT(sandbox_->Grep("-e", "s", {}).value(), IsEmpty());
  EXPECT_EQ(ReasonOf(sandbox_->Grep("(", "s", {})), "grep_failed");
}

TEST_P(FileTable, UploadAndDownloadKeepEveryByte) {
  const TempDir host = TempDir::Make("conformance").value();
  std::string bytes(std::size_t{1} << 20, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  ASSERT_TRUE(WriteFile(host.path() + "/from", bytes).ok());

  const Status up = sandbox_->Upload(host.path() + "/from", "up/new/file");
  const Status down = sandbox_->Download("up/new/file", host.path() + "/to/new/file");

  ASSERT_TRUE(up.ok()) << up.error().ToString();
  ASSERT_TRUE(down.ok()) << down.error().ToString();
  EXPECT_EQ(ReadFile(host.path() + "/to/new/file").value(), bytes);
  EXPECT_EQ(ReasonOf(sandbox_->Upload(host.path() + "/missing", "x")), "file_not_found");
  EXPECT_EQ(ReasonOf(sandbox_->Download("missing", host.path() + "/x")), "file_not_found");
}

}  // namespace fabro::provider::conformance
