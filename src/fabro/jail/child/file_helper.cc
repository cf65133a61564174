// It runs under the guest's filter, so it makes only calls that the level high lets through (no
// openat2, no O_TMPFILE with its linkat by /proc), and it has no right that the guest lacks: a path
// means what it means to the guest, and a link leads nowhere that the guest could not go itself.
#include "fabro/jail/child/file_helper.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "fabro/jail/child/files_wire.h"
#include "fabro/jail/child/sys.h"

namespace fabro::jail::child {
namespace {

using files_wire::Chunk;
using files_wire::Entry;
using files_wire::Frame;
using files_wire::kMaxChunk;
using files_wire::kMaxDepth;
using files_wire::kMaxPath;
using files_wire::Operation;
using files_wire::Problem;
using files_wire::Request;

constexpr int kIn = 0;
constexpr int kOut = 1;
// No reader, no work: a broken pipe on either side ends the helper quietly.
constexpr int kBroken = 3;

char g_block[kMaxChunk];

struct Answer {
  Problem problem;  // kind 0: done.
};

Answer Done() { return {}; }
Answer Because(Problem::Kind kind) { return {{kind, 0}}; }
Answer BecauseErrno(int error) { return {{Problem::kErrno, error}}; }

// All `length` bytes, or false at the end of the input.
bool ReadAll(void* to, std::size_t length) {
  char* at = static_cast<char*>(to);
  while (length > 0) {
    const ssize_t got = ::read(kIn, at, length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    length -= static_cast<std::size_t>(got);
  }
  return true;
}

int WriteAll(int fd, const void* from, std::size_t length) {
  const char* at = static_cast<const char*>(from);
  while (length > 0) {
    const ssize_t put = ::write(fd, at, length);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    at += put;
    length -= static_cast<std::size_t>(put);
  }
  return 0;
}

void Reply(Frame::Kind kind, const void* payload, std::size_t length) {
  const Frame frame = {kind, static_cast<std::uint32_t>(length)};
  if (WriteAll(kOut, &frame, sizeof(frame)) != 0) ::_exit(kBroken);
  if (WriteAll(kOut, payload, length) != 0) ::_exit(kBroken);
}

void ReplyEntry(const struct stat& status, const char* path) {
  static char payload[sizeof(Entry) + kMaxPath];
  Entry entry;
  entry.size = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
  entry.mtime_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  entry.mode = status.st_mode;
  const std::size_t length = std::strlen(path);
  std::memcpy(payload, &entry, sizeof(entry));
  // NOLINTNEXTLINE(bugprone-not-null-terminated-result): the frame says the length.
  std::memcpy(payload + sizeof(entry), path, length);
  Reply(Frame::kEntry, payload, sizeof(entry) + length);
}

Answer Read(const char* path, std::uint64_t limit) {
  // O_NONBLOCK: a FIFO without a writer must not hold us; the descriptor is then refused.
  int file = ::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (file < 0) return BecauseErrno(errno);
  struct stat status;
  if (::fstat(file, &status) != 0) return BecauseErrno(errno);
  if (S_ISDIR(status.st_mode)) return BecauseErrno(EISDIR);
  if (!S_ISREG(status.st_mode)) return Because(Problem::kNotRegular);
  if (static_cast<std::uint64_t>(status.st_size) > limit) return Because(Problem::kTooLarge);
  // It may grow while we read, and files of /proc have no size: bytes count, not st_size.
  for (std::uint64_t total = 0;;) {
    const ssize_t got = ::read(file, g_block, sizeof(g_block));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return BecauseErrno(errno);
    if (got == 0) return Done();
    total += static_cast<std::uint64_t>(got);
    if (total > limit) return Because(Problem::kTooLarge);
    Reply(Frame::kData, g_block, static_cast<std::size_t>(got));
  }
}

// Opens the directory that `path` is in and makes it where it is missing; `name` is the last part.
int OpenParent(char* path, const char** name, bool make) {
  char* slash = std::strrchr(path, '/');
  *name = slash + 1;
  for (char* at = path + 1; make && at < slash; ++at) {
    if (*at != '/') continue;
    *at = '\0';
    const int error = ErrnoOf(::mkdir(path, 0755));
    *at = '/';
    // Anything but "exists" may still be a place that only cannot be written: the open tells.
    if (error == ENOSPC || error == EDQUOT) {
      errno = error;
      return -1;
    }
  }
  *slash = '\0';
  if (make && path[0] != '\0') (void)::mkdir(path, 0755);
  const int parent = ::open(path[0] == '\0' ? "/" : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  *slash = '/';
  return parent;
}

// True once the whole content has come; false when the client gave up.
bool CopyChunks(int file, Answer& answer) {
  for (;;) {
    Chunk chunk = 0;
    if (!ReadAll(&chunk, sizeof(chunk))) return false;
    if (chunk == 0) return true;
    if (chunk > kMaxChunk) {
      answer = Because(Problem::kBadRequest);
      return false;
    }
    if (!ReadAll(g_block, chunk)) return false;
    if (const int error = WriteAll(file, g_block, chunk); error != 0) {
      answer = BecauseErrno(error);
      return false;
    }
  }
}

Answer Write(char* path, std::uint32_t mode) {
  const char* name = nullptr;
  const int parent = OpenParent(path, &name, true);
  if (parent < 0) return BecauseErrno(errno);
  struct stat there;
  if (::fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISDIR(there.st_mode)) return BecauseErrno(EISDIR);
    if (!S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode)) return Because(Problem::kNotRegular);
  }
  Path temporary(".fabro-");
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  temporary.AddNumber(static_cast<std::uint64_t>(::getpid())).Add("-");
  temporary.AddNumber(static_cast<std::uint64_t>(now.tv_nsec)).Add(".tmp");
  const int file = ::openat(parent, temporary.c_str(),
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return BecauseErrno(errno);
  Answer answer = Done();
  bool whole = CopyChunks(file, answer);
  if (whole && ::fchmod(file, mode & 0777) != 0) answer = BecauseErrno(errno);
  if (whole && answer.problem.kind == 0 &&
      ::renameat(parent, temporary.c_str(), parent, name) != 0) {
    answer = BecauseErrno(errno);
  }
  if (whole && answer.problem.kind == 0) return answer;
  ::unlinkat(parent, temporary.c_str(), 0);
  return answer.problem.kind != 0 ? answer : Because(Problem::kBadRequest);
}

Answer Delete(char* path) {
  const char* name = nullptr;
  const int parent = OpenParent(path, &name, false);
  if (parent < 0) return BecauseErrno(errno);
  struct stat status;
  if (::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return BecauseErrno(errno);
  if (S_ISDIR(status.st_mode)) return BecauseErrno(EISDIR);
  if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) return Because(Problem::kNotRegular);
  return ::unlinkat(parent, name, 0) == 0 ? Done() : BecauseErrno(errno);
}

Answer Stat(const char* path) {
  struct stat status;
  if (::lstat(path, &status) != 0) return BecauseErrno(errno);
  ReplyEntry(status, path);
  return Done();
}

// A walk with one open directory a level. After a subdirectory the parent is read on from the entry
// behind it (d_off), so that one buffer serves all levels.
struct Walk {
  int directories[kMaxDepth + 1];
  std::size_t lengths[kMaxDepth + 1];  // Of `path` at that level.
  char path[kMaxPath + 1];             // Relative to the directory asked for.
  std::uint64_t left;
  std::uint32_t depth;  // Levels wanted.
};

// One entry; 1: a directory was entered, 0: go on, -1: `answer` says why not.
int Visit(Walk& walk, std::uint32_t level, const dirent64& entry, Answer& answer) {
  const char* name = entry.d_name;
  if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) return 0;
  struct stat status;
  if (::fstatat(walk.directories[level], name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return 0;  // Gone meanwhile.
    answer = BecauseErrno(errno);
    return -1;
  }
  const std::size_t base = walk.lengths[level];
  const std::size_t separator = base == 0 ? 0 : 1;
  const std::size_t length = std::strlen(name);
  if (base + separator + length > kMaxPath) {
    answer = Because(Problem::kTooDeep);
    return -1;
  }
  if (walk.left-- == 0) {
    answer = Because(Problem::kTooManyEntries);
    return -1;
  }
  if (separator != 0) walk.path[base] = '/';
  std::memcpy(walk.path + base + separator, name, length + 1);
  ReplyEntry(status, walk.path);
  if (!S_ISDIR(status.st_mode) || (walk.depth != 0 && level + 1 >= walk.depth)) return 0;
  if (level == kMaxDepth) {
    answer = Because(Problem::kTooDeep);
    return -1;
  }
  const int next = ::openat(walk.directories[level], name,
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (next < 0) {
    // Not ours to read, or swapped for something else: it has been named, that is all.
    if (errno == EACCES || errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return 0;
    answer = BecauseErrno(errno);
    return -1;
  }
  walk.directories[level + 1] = next;
  walk.lengths[level + 1] = base + separator + length;
  return 1;
}

Answer List(const char* path, std::uint32_t depth, std::uint64_t most) {
  static Walk walk;
  alignas(dirent64) static char entries[32 * 1024];
  walk.depth = depth;
  walk.left = most;
  walk.directories[0] = ::open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
  if (walk.directories[0] < 0) return BecauseErrno(errno);
  std::uint32_t level = 0;
  for (;;) {
    const int directory = walk.directories[level];
    const long got = ::syscall(SYS_getdents64, directory, entries, sizeof(entries));
    if (got < 0) return BecauseErrno(errno);
    if (got == 0) {
      ::close(directory);
      if (level == 0) return Done();
      --level;
      continue;
    }
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries + at);
      at += entry->d_reclen;
      Answer answer = Done();
      const int step = Visit(walk, level, *entry, answer);
      if (step < 0) return answer;
      if (step == 0) continue;
      if (::lseek(directory, entry->d_off, SEEK_SET) < 0) return BecauseErrno(errno);
      ++level;
      break;
    }
  }
}

Answer Serve(const Request& request, char* path) {
  switch (static_cast<Operation>(request.operation)) {
    case Operation::kRead:
      return Read(path, request.limit);
    case Operation::kWrite:
      return Write(path, request.mode);
    case Operation::kDelete:
      return Delete(path);
    case Operation::kStat:
      return Stat(path);
    case Operation::kList:
      return List(path, request.depth, request.most);
  }
  return Because(Problem::kBadRequest);
}

bool ReadRequest(Request& request, char* path) {
  if (!ReadAll(&request, sizeof(request)) || request.magic != files_wire::kMagic) return false;
  if (request.path_length == 0 || request.path_length > kMaxPath) return false;
  if (!ReadAll(path, request.path_length)) return false;
  path[request.path_length] = '\0';
  return path[0] == '/' && std::strlen(path) == request.path_length;
}

// A file has a name: "/" and "/x/" have none, and ".." would name a directory.
bool NamesAFile(const Request& request, const char* path) {
  const auto operation = static_cast<Operation>(request.operation);
  if (operation != Operation::kWrite && operation != Operation::kDelete) return true;
  const char* name = std::strrchr(path, '/') + 1;
  return *name != '\0' && std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0;
}

}  // namespace

int FileHelperMain() {
  static char path[kMaxPath + 1];
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(022);
  Request request;
  Answer answer = Because(Problem::kBadRequest);
  if (ReadRequest(request, path)) {
    answer = NamesAFile(request, path) ? Serve(request, path) : BecauseErrno(EISDIR);
  }
  if (answer.problem.kind == 0) {
    Reply(Frame::kDone, nullptr, 0);
    return 0;
  }
  Reply(Frame::kError, &answer.problem, sizeof(answer.problem));
  while (::read(kIn, g_block, sizeof(g_block)) > 0) {
  }
  return 0;
}

}  // namespace fabro::jail::child
