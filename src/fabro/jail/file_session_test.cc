// The file helper and its client, without a Jail around them: `faber-init files` as a plain child
// on a directory of ours. What the Jail adds is tested in jail/child.
#include "fabro/jail/file_session.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "fabro/jail/child/files_wire.h"
#include "fabro/linux/file.h"
#include "fabro/linux/process.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/testing/child.h"

namespace fabro::jail {
namespace {

struct Ends {
  UniqueFd read;
  UniqueFd write;
};

Ends MakePipe() {
  int ends[2];
  CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

class FileSessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::Make("file-session");
    ASSERT_TRUE(made.ok()) << made.error().ToString();
    directory_.emplace(*std::move(made));
  }

  std::string At(const std::string& name) { return directory_->path() + "/" + name; }

  // A helper of its own for each call; reaped with the test.
  FilePipes Helper() {
    Ends request = MakePipe();
    Ends reply = MakePipe();
    helpers_.push_back(testing::StartChild([&] {
      ::dup2(request.read.get(), 0);
      ::dup2(reply.write.get(), 1);
      ::execl(FABER_INIT, "faber-init", "files", nullptr);
      return 127;
    }));
    return {std::move(request.write), std::move(reply.read)};
  }

  Status Write(const std::string& path, std::string text, std::uint32_t mode = 0644) {
    return WriteFileOver(Helper(), path, mode, [&](std::size_t most) -> Result<std::string> {
      std::string piece = text.substr(0, most);
      text.erase(0, piece.size());
      return piece;
    });
  }

  Result<std::string> Read(const std::string& path, std::uint64_t limit = 1 << 30) {
    std::string all;
    const Status status = ReadFileOver(Helper(), path, limit, [&](std::string_view bytes) {
      all += bytes;
      return Status();
    });
    if (!status.ok()) return status.error();
    return all;
  }

  std::vector<std::string> ListDirectory() {
    auto dir = OpenDir(directory_->path());
    CHECK(dir.ok());
    auto names = ListDir(dir->get());
    CHECK(names.ok());
    return *names;
  }

  std::optional<TempDir> directory_;
  std::vector<Process> helpers_;
};

TEST_F(FileSessionTest, AFileComesBackAsItWasWritten) {
  const std::string text("binary \0\xff\n text", 15);
  ASSERT_TRUE(Write(At("a/b/file"), text, 0750).ok());
  EXPECT_EQ(Read(At("a/b/file")).value(), text);
  struct stat status{};
  ASSERT_EQ(::stat(At("a/b/file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0750u);
}

TEST_F(FileSessionTest, AnEmptyFileAndALargeOnePass) {
  ASSERT_TRUE(Write(At("empty"), "").ok());
  EXPECT_EQ(Read(At("empty")).value(), "");
  std::string large(10 << 20, 'x');
  for (std::size_t i = 0; i < large.size(); i += 997) large[i] = static_cast<char>(i % 251);
  ASSERT_TRUE(Write(At("large"), large).ok());
  EXPECT_TRUE(Read(At("large")).value() == large);
}

TEST_F(FileSessionTest, SetIdBitsAreNotWritten) {
  ASSERT_TRUE(Write(At("file"), "x", 06755).ok());
  struct stat status{};
  ASSERT_EQ(::stat(At("file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
}

TEST_F(FileSessionTest, ALinkIsReplacedOrRemovedAndNeverWrittenThrough) {
  ASSERT_TRUE(Write(At("victim"), "kept").ok());
  ASSERT_EQ(::symlink("victim", At("link").c_str()), 0);
  ASSERT_TRUE(Write(At("link"), "new").ok());
  EXPECT_EQ(Read(At("victim")).value(), "kept");
  EXPECT_EQ(Read(At("link")).value(), "new");

  ASSERT_EQ(::symlink("victim", At("second").c_str()), 0);
  ASSERT_TRUE(DeleteFileOver(Helper(), At("second")).ok());
  EXPECT_EQ(Read(At("victim")).value(), "kept");
}

TEST_F(FileSessionTest, SpecialFilesAreRefusedWithoutWaiting) {
  ASSERT_EQ(::mkfifo(At("fifo").c_str(), 0666), 0);
  EXPECT_EQ(Read(At("fifo")).error().reason, "file_not_regular");
  EXPECT_EQ(Write(At("fifo"), "x").error().reason, "file_not_regular");
  EXPECT_EQ(DeleteFileOver(Helper(), At("fifo")).error().reason, "file_not_regular");
  EXPECT_EQ(Read("/dev/null").error().reason, "file_not_regular");
}

TEST_F(FileSessionTest, EachRefusalHasItsReason) {
  ASSERT_TRUE(Write(At("file"), "12345").ok());
  EXPECT_EQ(Read(At("nothing")).error().reason, "file_not_found");
  EXPECT_EQ(Read(At("file/below")).error().reason, "file_not_found");
  EXPECT_EQ(Read(At("")).error().reason, "file_is_directory");
  EXPECT_EQ(Read(At("file"), 4).error().reason, "file_too_large");
  EXPECT_EQ(Read(At("file"), 5).value(), "12345");
  EXPECT_EQ(Write(At("d/"), "x").error().reason, "file_is_directory");
  EXPECT_EQ(Write(At("d/.."), "x").error().reason, "file_is_directory");
  EXPECT_EQ(DeleteFileOver(Helper(), At("nothing")).error().reason, "file_not_found");
  EXPECT_EQ(Read("relative").error().reason, "path_invalid");
  EXPECT_EQ(Read(std::string("/a\0b", 4)).error().reason, "path_invalid");
  EXPECT_EQ(Read("/" + std::string(5000, 'x')).error().reason, "path_invalid");
}

TEST_F(FileSessionTest, ASourceThatFailsLeavesTheOldContentAlone) {
  const std::string chunk(1 << 16, 'x');
  int calls = 0;
  ASSERT_TRUE(Write(At("file"), "old").ok());
  const Status status =
      WriteFileOver(Helper(), At("file"), 0644, [&](std::size_t) -> Result<std::string> {
        if (++calls == 3) return Failure(Code::kUnavailable, "source broke", "source_broke");
        return chunk;
      });
  EXPECT_EQ(status.error().reason, "source_broke");
  EXPECT_EQ(Read(At("file")).value(), "old");
  EXPECT_EQ(ListDirectory(), std::vector<std::string>{"file"});
}

TEST_F(FileSessionTest, AKilledHelperIsAnErrorAndNoSignalOfOurs) {
  FilePipes pipes = Helper();
  Process& helper = helpers_.back();
  ASSERT_TRUE(helper.Kill(SIGKILL).ok());
  ASSERT_TRUE(helper.Wait().ok());
  const std::string chunk(1 << 16, 'x');
  const Status status = WriteFileOver(std::move(pipes), At("file"), 0644,
                                      [&](std::size_t) -> Result<std::string> { return chunk; });
  EXPECT_EQ(status.error().reason, "file_helper_gone");
}

TEST_F(FileSessionTest, StatTellsKindSizeAndAbsence) {
  ASSERT_TRUE(Write(At("file"), "12345", 0600).ok());
  ASSERT_EQ(::symlink("file", At("link").c_str()), 0);
  const auto file = StatFileOver(Helper(), At("file")).value().value();
  EXPECT_EQ(file.kind, FileEntry::Kind::kRegular);
  EXPECT_EQ(file.size, 5u);
  EXPECT_EQ(file.mode, 0600u);
  EXPECT_GT(file.mtime_ns, 0);
  EXPECT_EQ(StatFileOver(Helper(), At("link")).value().value().kind, FileEntry::Kind::kSymlink);
  EXPECT_EQ(StatFileOver(Helper(), At("")).value().value().kind, FileEntry::Kind::kDirectory);
  EXPECT_FALSE(StatFileOver(Helper(), At("nothing")).value().has_value());
}

TEST_F(FileSessionTest, AListIsInByteOrderAndOfTheDepthAskedFor) {
  for (const char* name : {"b/c/d", "b-x", "a", "b/a"}) ASSERT_TRUE(Write(At(name), "x").ok());
  ASSERT_EQ(::symlink("/", At("root").c_str()), 0);
  auto names = [&](std::uint32_t depth, std::size_t most) {
    std::string joined;
    auto entries = ListFilesOver(Helper(), At(""), depth, most);
    if (!entries.ok()) return entries.error().reason;
    for (const FileEntry& entry : *entries) joined += entry.path + " ";
    return joined;
  };
  EXPECT_EQ(names(1, 100), "a b b-x root ");
  EXPECT_EQ(names(2, 100), "a b b-x b/a b/c root ");
  EXPECT_EQ(names(0, 100), "a b b-x b/a b/c b/c/d root ");
  EXPECT_EQ(names(0, 7), "a b b-x b/a b/c b/c/d root ");
  EXPECT_EQ(names(0, 6), "too_many_entries");
}

TEST_F(FileSessionTest, ManyEntriesInManyDirectoriesAreEachNamedOnce) {
  for (int i = 0; i < 40; ++i) {
    const std::string below = At("d" + std::to_string(i));
    ASSERT_EQ(::mkdir(below.c_str(), 0755), 0);
    for (int j = 0; j < 40; ++j) {
      ASSERT_TRUE(
          fabro::WriteFile(below + "/file-with-a-longer-name-" + std::to_string(j), "").ok());
    }
  }
  const auto entries = ListFilesOver(Helper(), At(""), 0, 10000).value();
  ASSERT_EQ(entries.size(), 40u * 41u);
  for (std::size_t i = 1; i < entries.size(); ++i) EXPECT_LT(entries[i - 1].path, entries[i].path);
}

TEST_F(FileSessionTest, ATreeThatIsTooDeepIsRefused) {
  std::string path = directory_->path();
  for (int i = 0; i < 70; ++i) {
    path += "/d";
    ASSERT_EQ(::mkdir(path.c_str(), 0755), 0);
  }
  EXPECT_EQ(ListFilesOver(Helper(), At(""), 0, 1000).error().reason, "tree_too_deep");
  EXPECT_EQ(ListFilesOver(Helper(), At(""), 3, 1000).value().size(), 3u);
}

// A guest in the helper's place may say anything.
TEST_F(FileSessionTest, ALyingHelperIsCaught) {
  auto lie = [](files_wire::Frame frame, std::string payload) {
    Ends request = MakePipe();
    Ends reply = MakePipe();
    std::string bytes(reinterpret_cast<const char*>(&frame), sizeof(frame));
    CHECK(WriteFd(reply.write.get(), bytes + payload).ok());
    FilePipes pipes{std::move(request.write), std::move(reply.read)};
    reply.write.reset();  // Nothing more comes. The request's read side stays open.
    auto result = ListFilesOver(std::move(pipes), "/x", 0, 10);
    return result.ok() ? "" : result.error().reason;
  };
  const std::string entry(sizeof(files_wire::Entry), '\0');
  auto frame = [](std::uint32_t kind, std::size_t length) {
    return files_wire::Frame{kind, static_cast<std::uint32_t>(length)};
  };
  using files_wire::Frame;
  for (const char* name : {"../x", "/x", "a/../b", "a//b", ".", "a/"}) {
    const std::string payload = entry + name;
    EXPECT_EQ(lie(frame(Frame::kEntry, payload.size()), payload), "file_helper_malformed") << name;
  }
  EXPECT_EQ(lie(frame(Frame::kEntry, 4), "abcd"), "file_helper_malformed");
  EXPECT_EQ(lie(frame(Frame::kData, 4), "abcd"), "file_helper_malformed");
  EXPECT_EQ(lie(frame(9, 0), ""), "file_helper_malformed");
  EXPECT_EQ(lie(frame(Frame::kData, 1u << 31), ""), "file_helper_malformed");
  EXPECT_EQ(lie(frame(Frame::kData, 400), "short"), "file_helper_gone");
}

}  // namespace
}  // namespace fabro::jail
