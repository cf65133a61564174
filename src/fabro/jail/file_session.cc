#include "fabro/jail/file_session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "fabro/jail/child/files_wire.h"
#include "fabro/linux/no_sigpipe.h"
#include "fabro/linux/poll.h"

namespace fabro::jail {
namespace {

using files_wire::Chunk;
using files_wire::Entry;
using files_wire::Frame;
using files_wire::kMaxChunk;
using files_wire::kMaxPath;
using files_wire::Operation;
using files_wire::Problem;
using files_wire::Request;

// A guest has the helper's user id and can stop it (SIGSTOP); it must not stop us for ever.
constexpr std::chrono::seconds kSilence{60};

Deadline InAWhile() { return std::chrono::steady_clock::now() + kSilence; }

template <typename T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

template <typename T>
T FromBytes(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof(value)));
  return value;
}

Error Gone(std::string_view path) {
  return Failure(Code::kUnavailable, "file helper ended during the call for " + std::string(path),
                 "file_helper_gone");
}

Error Malformed(std::string_view path) {
  return Failure(Code::kInternal, "file helper gave a malformed reply for " + std::string(path),
                 "file_helper_malformed");
}

Error ErrnoProblem(int sys_errno, std::string_view path) {
  Error error = SysFailureOf(sys_errno, "file", path);
  switch (sys_errno) {
    case ENOENT:
    case ENOTDIR:
      error.code = Code::kNotFound;
      error.reason = "file_not_found";
      break;
    case EISDIR:
      error.code = Code::kFailedPrecondition;
      error.reason = "file_is_directory";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      error.code = Code::kPermissionDenied;
      error.reason = "file_denied";
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      error.code = Code::kResourceExhausted;
      error.reason = "no_space";
      break;
    default:
      break;
  }
  return error;
}

Error ToError(const Problem& problem, std::string_view path) {
  const std::string name(path);
  switch (static_cast<Problem::Kind>(problem.kind)) {
    case Problem::kErrno:
      return ErrnoProblem(problem.sys_errno, path);
    case Problem::kNotRegular:
      return Failure(Code::kFailedPrecondition, name + " is not a regular file",
                     "file_not_regular");
    case Problem::kTooLarge:
      return Failure(Code::kResourceExhausted, name + " is larger than the limit",
                     "file_too_large");
    case Problem::kTooManyEntries:
      return Failure(Code::kResourceExhausted, name + " has more entries than the limit",
                     "too_many_entries");
    case Problem::kTooDeep:
      return Failure(Code::kResourceExhausted, name + " is nested too deeply", "tree_too_deep");
    case Problem::kBadRequest:
      break;
  }
  return Failure(Code::kInvalidArgument, "file helper refused the request for " + name,
                 "file_request_refused");
}

Status CheckPath(std::string_view path) {
  if (path.empty() || path.front() != '/' || path.size() > kMaxPath ||
      path.find('\0') != std::string_view::npos) {
    return Failure(Code::kInvalidArgument,
                   "path '" + std::string(path.substr(0, 128)) + "' is not an absolute file name",
                   "path_invalid");
  }
  return {};
}

// The descriptor is non-blocking (SendRequest): else the deadline could not hold.
bool WriteExactly(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return false;
    auto events = PollOne(fd, POLLOUT, InAWhile());
    if (!events.ok() || *events == 0) return false;
  }
  return true;
}

Status SendRequest(const FilePipes& pipes, Operation operation, std::string_view path,
                   Request request = {}) {
  TRY(CheckPath(path));
  const int flags = ::fcntl(pipes.request.get(), F_GETFL);
  if (flags < 0 || ::fcntl(pipes.request.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return SysFailure("fcntl", "file helper");
  }
  request.operation = static_cast<std::uint32_t>(operation);
  request.path_length = static_cast<std::uint32_t>(path.size());
  std::string bytes(BytesOf(request));
  bytes += path;
  if (!WriteExactly(pipes.request.get(), bytes)) return Gone(path);
  return {};
}

bool ReadExactly(int fd, char* to, std::size_t length) {
  while (length > 0) {
    auto events = PollOne(fd, POLLIN, InAWhile());
    if (!events.ok() || *events == 0) return false;
    const ssize_t got = ::read(fd, to, length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    length -= static_cast<std::size_t>(got);
  }
  return true;
}

struct Part {
  Frame::Kind kind = Frame::kDone;
  std::string payload;
};

// kDone, kData or kEntry; a kError is the Error that it stands for.
Result<Part> NextPart(const FilePipes& pipes, std::string_view path) {
  Frame frame;
  if (!ReadExactly(pipes.reply.get(), reinterpret_cast<char*>(&frame), sizeof(frame))) {
    return Gone(path);
  }
  if (frame.length > kMaxChunk) return Malformed(path);
  Part part;
  part.kind = static_cast<Frame::Kind>(frame.kind);
  part.payload.resize(frame.length);
  if (!ReadExactly(pipes.reply.get(), part.payload.data(), part.payload.size())) return Gone(path);
  if (frame.kind == Frame::kError) return ToError(FromBytes<Problem>(part.payload), path);
  if (frame.kind < Frame::kData || frame.kind > Frame::kDone) return Malformed(path);
  return part;
}

Status AwaitDone(const FilePipes& pipes, std::string_view path) {
  const Part part = TRY(NextPart(pipes, path));
  if (part.kind != Frame::kDone) return Malformed(path);
  return {};
}

Result<FileEntry> ToEntry(std::string_view payload, std::string_view path) {
  if (payload.size() <= sizeof(Entry) || payload.size() > sizeof(Entry) + kMaxPath) {
    return Malformed(path);
  }
  const auto raw = FromBytes<Entry>(payload);
  FileEntry entry;
  entry.path = payload.substr(sizeof(Entry));
  entry.size = raw.size;
  entry.mtime_ns = raw.mtime_ns;
  entry.mode = raw.mode & 07777;
  const auto type = raw.mode & S_IFMT;
  entry.kind = type == S_IFREG   ? FileEntry::Kind::kRegular
               : type == S_IFDIR ? FileEntry::Kind::kDirectory
               : type == S_IFLNK ? FileEntry::Kind::kSymlink
                                 : FileEntry::Kind::kOther;
  return entry;
}

// A name below the directory asked for, and nothing else: callers join it to places of theirs.
bool IsBelow(std::string_view name) {
  if (name.find('\0') != std::string_view::npos) return false;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    const std::string_view component = name.substr(at, end - at);
    if (component.empty() || component == "." || component == "..") return false;
    at = end + 1;
  }
  return true;
}

// True once the helper has something to say, which before the end of a write is bad news.
bool HasAnswered(const FilePipes& pipes) {
  auto events = PollOne(pipes.reply.get(), POLLIN, std::chrono::steady_clock::now());
  return !events.ok() || *events != 0;
}

Status SendContent(const FilePipes& pipes, std::string_view path, const ByteSource& source) {
  for (;;) {
    const std::string bytes = TRY(source(kMaxChunk));
    if (HasAnswered(pipes)) return {};
    if (bytes.empty()) break;
    for (std::size_t at = 0; at < bytes.size(); at += kMaxChunk) {
      const std::string_view piece = std::string_view(bytes).substr(at, kMaxChunk);
      const auto chunk = static_cast<Chunk>(piece.size());
      if (!WriteExactly(pipes.request.get(), BytesOf(chunk))) return Gone(path);
      if (!WriteExactly(pipes.request.get(), piece)) return Gone(path);
    }
  }
  const Chunk end = 0;
  if (!WriteExactly(pipes.request.get(), BytesOf(end))) return Gone(path);
  return {};
}

}  // namespace

Status ReadFileOver(FilePipes pipes, std::string_view path, std::uint64_t limit,
                    const ByteSink& sink) {
  const NoSigpipe guard;
  Request request;
  request.limit = limit;
  TRY(SendRequest(pipes, Operation::kRead, path, request));
  pipes.request.reset();
  for (std::uint64_t total = 0;;) {
    const Part part = TRY(NextPart(pipes, path));
    if (part.kind == Frame::kDone) return {};
    total += part.payload.size();
    if (part.kind != Frame::kData || total > limit) return Malformed(path);
    TRY(sink(part.payload));
  }
}

Status WriteFileOver(FilePipes pipes, std::string_view path, std::uint32_t mode,
                     const ByteSource& source) {
  const NoSigpipe guard;
  Request request;
  request.mode = mode;
  TRY(SendRequest(pipes, Operation::kWrite, path, request));
  const Status sent = SendContent(pipes, path, source);
  pipes.request.reset();
  // Also after a source that failed: the answer says that the helper has cleaned up.
  const Status answer = AwaitDone(pipes, path);
  if (!sent.ok() && sent.error().reason != "file_helper_gone") return sent;
  return answer;
}

Status DeleteFileOver(FilePipes pipes, std::string_view path) {
  const NoSigpipe guard;
  TRY(SendRequest(pipes, Operation::kDelete, path));
  pipes.request.reset();
  return AwaitDone(pipes, path);
}

Result<std::optional<FileEntry>> StatFileOver(FilePipes pipes, std::string_view path) {
  const NoSigpipe guard;
  TRY(SendRequest(pipes, Operation::kStat, path));
  pipes.request.reset();
  Result<Part> part = NextPart(pipes, path);
  if (!part.ok() && part.error().reason == "file_not_found") return std::optional<FileEntry>();
  if (!part.ok()) return part.error();
  if (part->kind != Frame::kEntry) return Malformed(path);
  FileEntry entry = TRY(ToEntry(part->payload, path));
  entry.path = path;
  TRY(AwaitDone(pipes, path));
  return std::optional<FileEntry>(std::move(entry));
}

Result<std::vector<FileEntry>> ListFilesOver(FilePipes pipes, std::string_view path,
                                             std::uint32_t depth, std::size_t most) {
  const NoSigpipe guard;
  Request request;
  request.depth = depth;
  request.most = most;
  TRY(SendRequest(pipes, Operation::kList, path, request));
  pipes.request.reset();
  std::vector<FileEntry> entries;
  for (;;) {
    const Part part = TRY(NextPart(pipes, path));
    if (part.kind == Frame::kDone) break;
    if (part.kind != Frame::kEntry || entries.size() == most) return Malformed(path);
    FileEntry entry = TRY(ToEntry(part.payload, path));
    if (!IsBelow(entry.path)) return Malformed(path);
    entries.push_back(std::move(entry));
  }
  // Byte order puts "a" before "a/b", hence parents before children.
  std::sort(entries.begin(), entries.end(),
            [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
  return entries;
}

}  // namespace fabro::jail
