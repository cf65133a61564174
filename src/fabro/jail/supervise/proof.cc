#include "fabro/jail/supervise/proof.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <string_view>

#include "fabro/linux/file.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::supervise {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kCollectLimit{50};

// Cuts the next word off, whatever white space is around it; empty at the end.
std::string_view NextWord(std::string_view& text) {
  constexpr std::string_view kSpace = " \n\t";
  const std::size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  const std::size_t end = std::min(text.find_first_of(kSpace, begin), text.size());
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

// Name and number of sockets of each protocol; the memory columns are the machine's.
std::string ProtocolCounts(std::string_view table) {
  std::string text;
  while (!table.empty()) {
    const std::size_t end = std::min(table.find('\n'), table.size());
    std::string_view line = table.substr(0, end);
    table.remove_prefix(std::min(end + 1, table.size()));
    const std::string_view name = NextWord(line);
    NextWord(line);  // Size.
    text.append(name).append("=").append(NextWord(line)).append(" ");
  }
  return text;
}

// "sockets: used 0" and the "inuse" numbers; "orphan", "alloc" and "mem" are the machine's.
std::string InUse(std::string_view sockstat) {
  std::string text;
  for (std::string_view word = NextWord(sockstat); !word.empty(); word = NextWord(sockstat)) {
    if (word.ends_with(":")) text.append(word);
    if (word != "used" && word != "inuse") continue;
    text.append(NextWord(sockstat)).append(" ");
  }
  return text;
}

// Opens and closes a unix socket in the namespace, which starts the collection of those in flight.
Status StartCollection(pid_t process) {
  const UniqueFd ours = TRY(Open("/proc/self/ns/net", O_RDONLY));
  const UniqueFd theirs = TRY(Open("/proc/" + std::to_string(process) + "/ns/net", O_RDONLY));
  if (::setns(theirs.get(), CLONE_NEWNET) != 0) return SysFailure("setns", "sealed network");
  UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)).reset();
  if (::setns(ours.get(), CLONE_NEWNET) != 0) return SysFailure("setns", "own network");
  return {};
}

}  // namespace

Result<std::string> SocketsOf(pid_t process) {
  const std::string net = "/proc/" + std::to_string(process) + "/net/";
  const std::string unix_sockets = TRY(ReadFile(net + "unix"));
  const std::string sockstat = TRY(ReadFile(net + "sockstat"));
  const std::string protocols = TRY(ReadFile(net + "protocols"));
  return unix_sockets + InUse(sockstat) + ProtocolCounts(protocols);
}

Status ProveSealed(pid_t process, const std::string& at_creation) {
  const auto limit = steady_clock::now() + kCollectLimit;
  TRY(StartCollection(process));
  for (;;) {
    const std::string now = TRY(SocketsOf(process));
    if (now == at_creation) return {};
    if (steady_clock::now() >= limit) break;
    ::poll(nullptr, 0, 1);
  }
  return Failure(Code::kFailedPrecondition, "the network namespace has sockets left",
                 "slot_not_reusable");
}

}  // namespace fabro::jail::supervise
