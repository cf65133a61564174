#include "fabro/linux/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

namespace fabro {
namespace {

TEST(SocketTest, AMessageArrivesWholeWithItsDescriptors) {
  const SocketPair pair = MakeSocketPair(SocketType::kSeqPacket).value();
  const UniqueFd file = Open("/proc/self/comm", O_RDONLY).value();
  const int fds[] = {file.get(), file.get()};
  ASSERT_TRUE(SendMessage(pair.first.get(), "hello", fds));
  ASSERT_TRUE(SendMessage(pair.first.get(), "again"));

  const Message first = ReceiveMessage(pair.second.get(), 64, 2).value();
  const Message second = ReceiveMessage(pair.second.get(), 64, 2).value();

  EXPECT_EQ(first.bytes, "hello");
  ASSERT_EQ(first.fds.size(), 2U);
  EXPECT_EQ(::fcntl(first.fds[0].get(), F_GETFD), FD_CLOEXEC);
  EXPECT_FALSE(ReadFd(first.fds[1].get()).value().empty());
  EXPECT_EQ(second.bytes, "again");
  EXPECT_TRUE(second.fds.empty());
  EXPECT_FALSE(second.closed);
}

TEST(SocketTest, TheEndOfThePeerIsSaid) {
  SocketPair pair = MakeSocketPair(SocketType::kSeqPacket).value();
  pair.first.reset();
  EXPECT_TRUE(ReceiveMessage(pair.second.get(), 64, 0).value().closed);
  EXPECT_EQ(SendMessage(pair.second.get(), "x").error().sys_errno, EPIPE);
}

TEST(SocketTest, ATooLongMessageIsRefused) {
  const SocketPair pair = MakeSocketPair(SocketType::kSeqPacket).value();
  ASSERT_TRUE(SendMessage(pair.first.get(), "12345"));
  EXPECT_EQ(ReceiveMessage(pair.second.get(), 4, 0).error().reason, "message_truncated");
}

int OpenDescriptors() {
  const DirFd dir = OpenDir("/proc/self/fd").value();
  return static_cast<int>(ListDir(dir.get()).value().size());
}

TEST(SocketTest, TooManyDescriptorsAreRefusedAndClosed) {
  const SocketPair pair = MakeSocketPair(SocketType::kSeqPacket).value();
  for (const std::size_t count : {1U, 2U, 5U, 253U}) {
    const std::vector<int> fds(count, pair.first.get());
    const int before = OpenDescriptors();
    ASSERT_TRUE(SendMessage(pair.first.get(), "x", fds));
    EXPECT_EQ(ReceiveMessage(pair.second.get(), 4, 0).error().reason, "message_truncated") << count;
    EXPECT_EQ(OpenDescriptors(), before) << count;
  }
}

TEST(SocketTest, AMessageIsNeverEmpty) {
  const SocketPair pair = MakeSocketPair(SocketType::kSeqPacket).value();
  EXPECT_EQ(SendMessage(pair.first.get(), "").error().code, Code::kInvalidArgument);
}

TEST(SocketTest, ThePeerIsKnown) {
  const SocketPair pair = MakeSocketPair(SocketType::kStream).value();
  const PeerIdentity peer = PeerCredentials(pair.first.get()).value();
  EXPECT_EQ(peer.pid, ::getpid());
  EXPECT_EQ(peer.uid, ::geteuid());
}

class NamedSocketTest : public ::testing::Test {
 protected:
  TempDir temp_ = TempDir::Make("fabro-socket-test").value();
  std::string path_ = temp_.path() + "/control";
};

TEST_F(NamedSocketTest, ClientsConnectAndTheModeIsExact) {
  const UniqueFd listener = ListenUnix(path_, SocketType::kSeqPacket, 0600).value();
  const UniqueFd client = ConnectUnix(path_, SocketType::kSeqPacket).value();
  const UniqueFd server = Accept(listener.get()).value();
  ASSERT_TRUE(SendMessage(client.get(), "hi"));

  EXPECT_EQ(ReceiveMessage(server.get(), 16, 0).value().bytes, "hi");
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
}

TEST_F(NamedSocketTest, PathsLongerThanSunPathWork) {
  const std::string deep = temp_.path() + "/" + std::string(200, 'd');
  ASSERT_TRUE(MakeDirs(deep));
  const UniqueFd listener = ListenUnix(deep + "/s", SocketType::kStream).value();
  EXPECT_TRUE(ConnectUnix(deep + "/s", SocketType::kStream));
}

TEST_F(NamedSocketTest, ALeftOverSocketIsReplacedAndALivingOneIsNot) {
  (void)ListenUnix(path_, SocketType::kStream).value();  // Closed at once: left over.
  const UniqueFd listener = ListenUnix(path_, SocketType::kStream).value();
  EXPECT_EQ(ListenUnix(path_, SocketType::kStream).error().reason, "socket_in_use");
  EXPECT_TRUE(ConnectUnix(path_, SocketType::kStream));
}

TEST_F(NamedSocketTest, AFileThatIsNoSocketStays) {
  ASSERT_TRUE(WriteFile(path_, "mine"));
  EXPECT_EQ(ListenUnix(path_, SocketType::kStream).error().reason, "socket_in_use");
  EXPECT_EQ(ReadFile(path_).value(), "mine");
}

}  // namespace
}  // namespace fabro
