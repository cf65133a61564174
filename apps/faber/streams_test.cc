#include "apps/faber/streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>

namespace fabro::faber {
namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

struct Pipe {
  UniqueFd read;
  UniqueFd write;
  explicit Pipe(int flags = 0) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | flags) == 0) {
      read.reset(ends[0]);
      write.reset(ends[1]);
    }
  }
};

void Put(const Pipe& pipe, std::string_view text) {
  ASSERT_EQ(::write(pipe.write.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

std::string Take(const Pipe& pipe, std::size_t most) {
  std::string text(most, '\0');
  const ssize_t count = ::read(pipe.read.get(), text.data(), text.size());
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

TEST(OutputStream, PassesBytesOnAndSeesTheEnd) {
  Pipe guest(O_NONBLOCK);
  const Pipe caller;
  Put(guest, std::string_view("a\0b", 3));
  OutputStream stream(std::move(guest.read), caller.write.get(), kNoLimit);
  EXPECT_EQ(stream.poll_events(), POLLIN);
  ASSERT_TRUE(stream.Move().ok());
  EXPECT_EQ(stream.poll_events(), POLLOUT);
  ASSERT_TRUE(stream.Move().ok());
  EXPECT_EQ(Take(caller, 10), std::string("a\0b", 3));
  guest.write.reset();
  ASSERT_TRUE(stream.Move().ok());
  EXPECT_TRUE(stream.done());
}

TEST(OutputStream, GivesExactlyTheLimitAndNoticesTheByteTooMany) {
  Pipe guest(O_NONBLOCK);
  OutputStream stream(std::move(guest.read), -1, 4);
  Put(guest, "1234");
  ASSERT_TRUE(stream.Move().ok());
  EXPECT_FALSE(stream.over_limit());
  Put(guest, "5");
  ASSERT_TRUE(stream.Move().ok());
  EXPECT_TRUE(stream.over_limit());
  EXPECT_EQ(stream.captured(), "1234");
}

TEST(OutputStream, AReaderThatIsGoneClosesTheGuestsPipe) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe guest(O_NONBLOCK);
  Pipe caller;
  Put(guest, "x");
  OutputStream stream(std::move(guest.read), caller.write.get(), kNoLimit);
  caller.read.reset();
  ASSERT_TRUE(stream.Move().ok());
  ASSERT_TRUE(stream.Move().ok());
  EXPECT_TRUE(stream.done());
  EXPECT_EQ(::write(guest.write.get(), "y", 1), -1);
  EXPECT_EQ(errno, EPIPE);
}

TEST(OutputStream, NeverBlocksOnAFullPipeOfTheCaller) {
  Pipe guest(O_NONBLOCK);
  const Pipe caller;  // A blocking pipe, as callers have.
  OutputStream stream(std::move(guest.read), caller.write.get(), kNoLimit);
  const std::string block(4096, 'z');
  pollfd writable{.fd = caller.write.get(), .events = POLLOUT, .revents = 0};
  std::size_t blocks = 0;
  while (::poll(&writable, 1, 0) == 1 && (writable.revents & POLLOUT) != 0) {
    Put(guest, block);
    ASSERT_TRUE(stream.Move().ok());
    ASSERT_TRUE(stream.Move().ok());
    ++blocks;
  }
  EXPECT_GE(blocks, 1U);
}

TEST(InputStream, TheCallersEndIsTheGuestsEnd) {
  Pipe caller;
  Pipe guest(O_NONBLOCK);
  Put(caller, "in");
  caller.write.reset();
  InputStream stream(caller.read.get(), std::move(guest.write));
  stream.Read();
  stream.Write(POLLOUT);
  EXPECT_EQ(Take(guest, 10), "in");
  stream.Read();
  EXPECT_EQ(stream.poll_to(), -1);
  EXPECT_EQ(Take(guest, 10), "");
}

TEST(InputStream, StopsReadingWhenTheGuestClosedItsEnd) {
  Pipe caller;
  Pipe guest(O_NONBLOCK);
  InputStream stream(caller.read.get(), std::move(guest.write));
  guest.read.reset();
  stream.Write(POLLERR);
  EXPECT_EQ(stream.poll_from(), -1);
}

}  // namespace
}  // namespace fabro::faber
