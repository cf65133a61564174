// The file helper where it belongs: in a Jail, as the task, beside a guest that sets traps.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "fabro/base/check.h"
#include "fabro/jail/child/testing/small_jailer.h"
#include "fabro/jail/file_session.h"
#include "fabro/linux/file.h"

namespace fabro::jail {
namespace {

using testing::ExecRequest;
using testing::ReceiveWire;
using testing::RunShell;
using testing::Slot;
using testing::StartExec;
using testing::TestJail;
using wire::Type;

// The helper as the jailer starts it: from a memfd, since no program of ours is in the root.
class FilesInJail {
 public:
  explicit FilesInJail(const TestJail& jail) : jail_(jail) {
    program_ = UniqueFd(::memfd_create("faber-init", MFD_CLOEXEC));
    const std::string image = fabro::ReadFile(FABER_INIT).value();
    CHECK(WriteFd(program_.get(), image).ok());
  }
  template <typename Call>
  auto Do(Call&& call) {
    ExecRequest request;
    request.argv = {"faber-init", "files"};
    request.program = program_.get();
    auto started = StartExec(jail_, request);
    CHECK(started.ok());
    auto result = call(FilePipes{std::move(started->in), std::move(started->out)});
    CHECK(ReceiveWire(jail_.socket.get()).type == Type::kExecForked);
    CHECK(ReceiveWire(jail_.socket.get()).type == Type::kExecEnded);
    return result;
  }
  Status Write(std::string_view path, std::string text) {
    return Do([&](FilePipes pipes) {
      return WriteFileOver(std::move(pipes), path, 0644, [&](std::size_t most) {
        std::string piece = text.substr(0, most);
        text.erase(0, piece.size());
        return Result<std::string>(piece);
      });
    });
  }
  Result<std::string> Read(std::string_view path) {
    std::string all;
    const Status status = Do([&](FilePipes pipes) {
      return ReadFileOver(std::move(pipes), path, 64 << 20, [&](std::string_view bytes) {
        all += bytes;
        return Status();
      });
    });
    if (!status.ok()) return status.error();
    return all;
  }

 private:
  const TestJail& jail_;
  UniqueFd program_;
};

TEST(FilesInJailTest, TheFileHelperWorksInTheJailAsTheTask) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  auto slot = Slot::Start({});
  ASSERT_TRUE(slot.ok()) << slot.error().ToString();
  auto made = testing::SpawnJail(*slot, testing::DefaultJail());
  ASSERT_TRUE(made.ok()) << made.error().ToString();
  const TestJail& jail = *made;
  FilesInJail files(jail);
  const std::string large(10 << 20, 'x');
  ASSERT_TRUE(files.Write("/work/deep/er/large", large).ok());
  EXPECT_TRUE(files.Read("/work/deep/er/large").value() == large);
  EXPECT_EQ(RunShell(jail, "stat -c '%U %a %s' /work/deep/er/large")->out, "user 644 10485760\n");
  EXPECT_EQ(files.Write("/work/second", std::string(8 << 20, 'y')).error().reason, "no_space");
  EXPECT_EQ(RunShell(jail, "ls -A /work")->out, "deep\n");
}

TEST(FilesInJailTest, LinksOfTheGuestLeadTheFileHelperNowhereElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  auto slot = Slot::Start({});
  ASSERT_TRUE(slot.ok()) << slot.error().ToString();
  auto made = testing::SpawnJail(*slot, testing::DefaultJail());
  ASSERT_TRUE(made.ok()) << made.error().ToString();
  const TestJail& jail = *made;
  FilesInJail files(jail);
  ASSERT_TRUE(RunShell(jail,
                       "cd /work; ln -s /etc dir; ln -s /etc/passwd file; mkfifo fifo; "
                       "ln -s /proc/1/environ environ; ln -s loop loop")
                  .ok());
  EXPECT_EQ(files.Write("/work/dir/passwd", "x").error().reason, "file_denied");
  EXPECT_TRUE(files.Write("/work/file", "mine").ok());
  EXPECT_EQ(files.Read("/etc/passwd").value().rfind("root:", 0), 0u);
  EXPECT_EQ(files.Read("/work/environ").error().reason, "file_denied");
  EXPECT_EQ(files.Read("/work/fifo").error().reason, "file_not_regular");
  EXPECT_FALSE(files.Read("/work/loop").ok());
  EXPECT_EQ(files.Read("/work/dir/passwd").value().rfind("root:", 0), 0u);
}

}  // namespace
}  // namespace fabro::jail
