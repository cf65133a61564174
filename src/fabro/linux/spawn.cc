#include "fabro/linux/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "fabro/linux/no_sigpipe.h"
#include "fabro/linux/unique_fd.h"

namespace fabro {
namespace {

constexpr std::size_t kChunk = 65536;

// posix_spawn's two objects, destroyed however the function ends.
struct Actions {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  Actions() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
  }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  ~Actions() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
};

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The sources are moved above 2 first: with in = 1 and out = 0 a dup2 would overwrite the other.
Result<UniqueFd> AboveStdio(int fd, int flags) {
  const int copy = fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy >= 0) return UniqueFd(copy);
  if (fd >= 0) return SysFailure("fcntl", "F_DUPFD_CLOEXEC");
  UniqueFd null(::open("/dev/null", flags | O_CLOEXEC));
  if (!null) return SysFailure("open", "/dev/null");
  if (null.get() > 2) return null;
  const int moved = ::fcntl(null.get(), F_DUPFD_CLOEXEC, 3);
  if (moved < 0) return SysFailure("fcntl", "F_DUPFD_CLOEXEC");
  return UniqueFd(moved);
}

void SetAttributes(Actions& actions, bool new_session) {
  sigset_t all;
  sigset_t none;
  sigfillset(&all);
  sigemptyset(&none);
  ::posix_spawnattr_setsigdefault(&actions.attributes, &all);
  ::posix_spawnattr_setsigmask(&actions.attributes, &none);
  const int flags =
      POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (new_session ? POSIX_SPAWN_SETSID : 0);
  ::posix_spawnattr_setflags(&actions.attributes, static_cast<short>(flags));
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> MakePipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return SysFailure("pipe2");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Writes what the pipe takes now; closes it when all is written or nobody reads any more.
void Feed(UniqueFd& to, std::string_view& input) {
  if (!input.empty()) {
    const ssize_t sent = ::write(to.get(), input.data(), std::min(input.size(), kChunk));
    if (sent > 0) input.remove_prefix(static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN && errno != EINTR) input = {};
  }
  if (input.empty()) to.reset();
}

Status Drain(UniqueFd& from, std::string& into, ByteSize limit) {
  std::array<char, kChunk> chunk;
  const ssize_t got = ::read(from.get(), chunk.data(), chunk.size());
  if (got > 0) {
    into.append(chunk.data(), static_cast<std::size_t>(got));
    if (into.size() > limit.bytes()) {
      return Failure(Code::kResourceExhausted, "more than " + ToString(limit) + " of output",
                     "output_limit");
    }
  } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
    from.reset();
  }
  return {};
}

Status Exchange(UniqueFd in, UniqueFd out, UniqueFd err, std::string_view input, ByteSize limit,
                Deadline deadline, CommandOutput& output) {
  const NoSigpipe no_sigpipe;
  if (input.empty()) in.reset();
  if (in && ::fcntl(in.get(), F_SETFL, O_NONBLOCK) != 0) return SysFailure("fcntl", "O_NONBLOCK");
  while (in || out || err) {
    std::array<pollfd, 3> fds{
        {{in.get(), POLLOUT, 0}, {out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}}};
    const int ready = TRY(Poll(fds, deadline));
    if (ready == 0) return Failure(Code::kDeadlineExceeded, "ran too long", "command_timeout");
    if (fds[0].revents != 0) Feed(in, input);
    if (fds[1].revents != 0) TRY(Drain(out, output.out, limit));
    if (fds[2].revents != 0) TRY(Drain(err, output.err, limit));
  }
  return {};
}

}  // namespace

Result<Process> Spawn(const SpawnRequest& request) {
  const UniqueFd in = TRY(AboveStdio(request.in, O_RDONLY));
  const UniqueFd out = TRY(AboveStdio(request.out, O_WRONLY));
  const UniqueFd err = TRY(AboveStdio(request.err, O_WRONLY));
  Actions actions;
  ::posix_spawn_file_actions_adddup2(&actions.files, in.get(), 0);
  ::posix_spawn_file_actions_adddup2(&actions.files, out.get(), 1);
  ::posix_spawn_file_actions_adddup2(&actions.files, err.get(), 2);
  ::posix_spawn_file_actions_addclosefrom_np(&actions.files, 3);
  if (!request.cwd.empty()) {
    ::posix_spawn_file_actions_addchdir_np(&actions.files, request.cwd.c_str());
  }
  SetAttributes(actions, request.new_session);
  const std::vector<char*> argv = Pointers(request.argv);
  const std::vector<char*> env = Pointers(request.env);
  pid_t pid = -1;
  const int failed = ::posix_spawnp(&pid, argv.front(), &actions.files, &actions.attributes,
                                    argv.data(), env.data());
  if (failed != 0) {
    const std::string where = request.cwd.empty() ? "" : " in " + request.cwd;
    return SysFailureOf(failed, "posix_spawn", request.argv.front() + where);
  }
  return Process::Adopt(pid);
}

Result<CommandOutput> RunCommand(SpawnRequest request, std::string_view input, ByteSize limit,
                                 Deadline deadline) {
  Pipe in = TRY(MakePipe());
  Pipe out = TRY(MakePipe());
  Pipe err = TRY(MakePipe());
  request.in = in.read.get();
  request.out = out.write.get();
  request.err = err.write.get();
  Process child = TRY(Spawn(request));
  in.read.reset();
  out.write.reset();
  err.write.reset();
  CommandOutput output{};
  TRY_IN(request.argv.front(), Exchange(std::move(in.write), std::move(out.read),
                                        std::move(err.read), input, limit, deadline, output));
  const short ended = TRY(PollOne(child.pidfd(), POLLIN, deadline));
  if (ended == 0) {
    return Failure(Code::kDeadlineExceeded, request.argv.front() + " ran too long",
                   "command_timeout");
  }
  output.status = TRY(child.Wait());
  return output;
}

}  // namespace fabro
