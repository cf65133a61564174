#include "fabro/provider/local/local_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "fabro/linux/file.h"
#include "fabro/provider/common/paths.h"

namespace fabro::provider {
namespace {

constexpr std::size_t kMaxEntries = 1'000'000;
constexpr std::size_t kChunk = std::size_t{1} << 17;

// O_NONBLOCK: opening a FIFO must not wait for its other end.
Result<UniqueFd> OpenRegular(const std::string& path, int flags, mode_t mode) {
  UniqueFd file(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode));
  if (!file) return FileFailure(errno, path);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return FileFailure(errno, path);
  if (S_ISDIR(info.st_mode)) return IsDirectory(path);
  if (!S_ISREG(info.st_mode)) return NotRegular(path);
  return file;
}

Status MakeParents(const std::string& path) {
  auto made = MakeDirs(ParentOf(path));
  if (!made.ok() && made.error().sys_errno != 0) return FileFailure(made.error().sys_errno, path);
  return made;
}

Result<UniqueFd> OpenForWriting(const std::string& path) {
  TRY(MakeParents(path));
  UniqueFd file = TRY(OpenRegular(path, O_WRONLY | O_CREAT, 0644));
  if (::ftruncate(file.get(), 0) != 0) return FileFailure(errno, path);
  return file;
}

Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  const Status written = WriteFd(fd, bytes);
  if (!written.ok()) return FileFailure(written.error().sys_errno, path);
  return {};
}

std::int64_t MtimeOf(const struct stat& info) {
  return std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

struct Pending {
  std::string relative;  // Empty: the directory asked for.
  std::uint32_t level = 0;
};

// The entries of one directory; sub-directories go to `next`.
Status ListOne(const std::string& base, const Pending& at, std::vector<DirectoryEntry>& entries,
               std::vector<Pending>& next) {
  const std::string path = at.relative.empty() ? base : base + "/" + at.relative;
  const UniqueFd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Below the directory asked for, what may not be read or just went is listed and left at that.
  if (!dir && !at.relative.empty()) return {};
  if (!dir) return FileFailure(errno, path);
  const std::vector<std::string> names = TRY(ListDir(dir.get()));
  for (const std::string& name : names) {
    struct stat info{};
    if (::fstatat(dir.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    DirectoryEntry entry;
    entry.name = at.relative.empty() ? name : at.relative + "/" + name;
    entry.is_directory = S_ISDIR(info.st_mode);
    if (S_ISREG(info.st_mode)) entry.size = static_cast<std::uint64_t>(info.st_size);
    entry.mtime_ns = MtimeOf(info);
    if (entry.is_directory) next.push_back({entry.name, at.level + 1});
    entries.push_back(std::move(entry));
  }
  if (entries.size() > kMaxEntries) {
    return Failure(Code::kResourceExhausted, base + " has more than a million entries",
                   "too_many_entries", "list a smaller directory or a smaller depth");
  }
  return {};
}

}  // namespace

Result<std::string> ReadLocalFile(const std::string& path, ByteSize limit) {
  const UniqueFd file = TRY(OpenRegular(path, O_RDONLY, 0));
  auto content = ReadFd(file.get(), limit);
  if (!content.ok() && content.error().sys_errno != 0) {
    return FileFailure(content.error().sys_errno, path);
  }
  if (!content.ok()) return content.error().In(path);
  return content;
}

Status WriteLocalFile(const std::string& path, std::string_view content) {
  const UniqueFd file = TRY(OpenForWriting(path));
  return WriteAll(file.get(), content, path);
}

Status DeleteLocalFile(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return FileFailure(errno, path);
  if (S_ISDIR(info.st_mode)) return IsDirectory(path);
  if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) return NotRegular(path);
  if (::unlink(path.c_str()) != 0) return FileFailure(errno, path);
  return {};
}

Result<bool> LocalFileExists(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return FileFailure(errno, path);
}

Result<std::vector<DirectoryEntry>> ListLocalDirectory(const std::string& path,
                                                       std::uint32_t depth) {
  std::vector<DirectoryEntry> entries;
  std::vector<Pending> pending{{"", 0}};
  while (!pending.empty()) {
    const Pending at = std::move(pending.back());
    pending.pop_back();
    if (depth != 0 && at.level >= depth) continue;
    TRY(ListOne(path, at, entries, pending));
  }
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
  return entries;
}

Status CopyLocalFile(const std::string& from, const std::string& to) {
  const UniqueFd source = TRY(OpenRegular(from, O_RDONLY, 0));
  struct stat source_info{};
  struct stat target_info{};
  const bool same =
      ::fstat(source.get(), &source_info) == 0 && ::stat(to.c_str(), &target_info) == 0 &&
      source_info.st_dev == target_info.st_dev && source_info.st_ino == target_info.st_ino;
  if (same) return {};  // Truncating it would lose it.
  const UniqueFd target = TRY(OpenForWriting(to));
  std::vector<char> chunk(kChunk);
  for (;;) {
    const ssize_t got = ::read(source.get(), chunk.data(), chunk.size());
    if (got == 0) return {};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileFailure(errno, from);
    TRY(WriteAll(target.get(), {chunk.data(), static_cast<std::size_t>(got)}, to));
  }
}

}  // namespace fabro::provider
