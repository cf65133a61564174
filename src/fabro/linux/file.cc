#include "fabro/linux/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "fabro/base/id.h"

namespace fabro {
namespace {

struct SplitPath {
  std::string parent;  // "." when there is none.
  std::string name;
};

SplitPath Split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

std::string TemporaryName(const std::string& name) {
  std::string suffix;
  for (const char byte : RandomBytes(6)) {
    char hex[3];
    std::snprintf(hex, sizeof hex, "%02x", static_cast<unsigned char>(byte));
    suffix += hex;
  }
  return "." + name + "." + suffix + ".tmp";
}

Status WriteDurably(int fd, std::string_view text, mode_t mode) {
  TRY(WriteFd(fd, text));
  if (::fchmod(fd, mode) != 0) return SysFailure("fchmod");
  if (::fsync(fd) != 0) return SysFailure("fsync");
  return {};
}

Status ReplaceIn(int dir, const std::string& name, std::string_view text, mode_t mode) {
  const std::string temporary = TemporaryName(name);
  const UniqueFd fd = TRY(OpenAt(dir, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600));
  Status done = WriteDurably(fd.get(), text, mode);
  if (done && ::renameat(dir, temporary.c_str(), dir, name.c_str()) != 0) {
    done = SysFailure("rename", name);
  }
  if (!done) {
    ::unlinkat(dir, temporary.c_str(), 0);
    return std::move(done).error().In("replacing " + name);
  }
  // An O_PATH descriptor cannot be synced, so the directory is opened for reading here.
  const DirFd readable = TRY(OpenDirAt(dir, "."));
  if (::fsync(readable.get()) != 0) return SysFailure("fsync of the directory of", name);
  return {};
}

Status WriteOnce(int fd, const std::string& path, std::string_view text) {
  const ssize_t wrote = ::write(fd, text.data(), text.size());
  if (wrote < 0) return SysFailure("write", path);
  if (static_cast<std::size_t>(wrote) != text.size()) return SysFailureOf(EIO, "write", path);
  return {};
}

Status MakeOneDir(int dir, const std::string& name, mode_t mode) {
  if (::mkdirat(dir, name.c_str(), mode) != 0 && errno != EEXIST) return SysFailure("mkdir", name);
  return {};
}

}  // namespace

Result<UniqueFd> Open(const std::string& path, int flags, mode_t mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return SysFailure("open", path);
  return fd;
}

Result<DirFd> OpenDir(const std::string& path) {
  UniqueFd fd = TRY(Open(path, O_RDONLY | O_DIRECTORY));
  return DirFd(std::move(fd));
}

Result<UniqueFd> OpenAt(int dir, const std::string& path, int flags, mode_t mode) {
  struct open_how how{};
  how.flags = static_cast<__u64>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;  // Else EINVAL (openat2(2)).
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, dir, path.c_str(), &how, sizeof how)));
    if (fd) return fd;
    // EAGAIN: a rename raced with the walk and the kernel could not tell (openat2(2)).
    if (errno != EAGAIN && errno != EINTR) return SysFailure("openat2", path);
  }
}

Result<DirFd> OpenDirAt(int dir, const std::string& path) {
  UniqueFd fd = TRY(OpenAt(dir, path, O_RDONLY | O_DIRECTORY));
  return DirFd(std::move(fd));
}

Result<std::string> ReadFd(int fd, ByteSize limit) {
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SysFailure("read");
    if (got == 0) return text;
    if (text.size() + static_cast<std::size_t>(got) > limit.bytes()) {
      return Failure(Code::kResourceExhausted, "file is larger than " + ToString(limit),
                     "file_too_large");
    }
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

Result<std::string> ReadFile(const std::string& path, ByteSize limit) {
  const UniqueFd fd = TRY(Open(path, O_RDONLY));
  std::string text = TRY_IN("reading " + path, ReadFd(fd.get(), limit));
  return text;
}

Result<std::string> ReadFileAt(int dir, const std::string& path, ByteSize limit) {
  const UniqueFd fd = TRY(OpenAt(dir, path, O_RDONLY));
  std::string text = TRY_IN("reading " + path, ReadFd(fd.get(), limit));
  return text;
}

Status WriteFd(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return SysFailure("write");
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

Status WriteFile(const std::string& path, std::string_view text, mode_t mode) {
  const UniqueFd fd = TRY(Open(path, O_WRONLY | O_CREAT | O_TRUNC, mode));
  TRY_IN("writing " + path, WriteFd(fd.get(), text));
  return {};
}

Status WriteFileAt(int dir, const std::string& path, std::string_view text, mode_t mode) {
  const UniqueFd fd = TRY(OpenAt(dir, path, O_WRONLY | O_CREAT | O_TRUNC, mode));
  TRY_IN("writing " + path, WriteFd(fd.get(), text));
  return {};
}

Status WriteControl(const std::string& path, std::string_view text) {
  const UniqueFd fd = TRY(Open(path, O_WRONLY));
  return WriteOnce(fd.get(), path, text);
}

Status WriteControlAt(int dir, const std::string& path, std::string_view text) {
  const UniqueFd fd = TRY(OpenAt(dir, path, O_WRONLY));
  return WriteOnce(fd.get(), path, text);
}

Status ReplaceFile(const std::string& path, std::string_view text, mode_t mode) {
  const SplitPath split = Split(path);
  const DirFd dir = TRY(OpenDir(split.parent));
  return ReplaceIn(dir.get(), split.name, text, mode);
}

Status ReplaceFileAt(int dir, const std::string& path, std::string_view text, mode_t mode) {
  const SplitPath split = Split(path);
  const DirFd parent = TRY(OpenDirAt(dir, split.parent));
  return ReplaceIn(parent.get(), split.name, text, mode);
}

Status MakeDirs(const std::string& path, mode_t mode) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    TRY(MakeOneDir(AT_FDCWD, part, mode));
    if (end == std::string::npos) break;
  }
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return SysFailure("stat", path);
  if (!S_ISDIR(info.st_mode)) return SysFailureOf(ENOTDIR, "mkdir", path);
  return {};
}

Result<DirFd> MakeDirsAt(int dir, const std::string& path, mode_t mode) {
  DirFd at = TRY(OpenDirAt(dir, "."));
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    begin = end + 1;
    if (name.empty() || name == ".") continue;
    TRY(MakeOneDir(at.get(), name, mode));
    at = TRY(OpenDirAt(at.get(), name));
  }
  return at;
}

Result<std::vector<std::string>> ListDir(int dir, std::size_t max) {
  UniqueFd own = TRY(OpenDirAt(dir, "."));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own.get()), ::closedir);
  if (stream == nullptr) return SysFailure("fdopendir");
  (void)own.release();  // The stream's from here on.
  std::vector<std::string> names;
  while (names.size() < max) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) return SysFailure("readdir");
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace fabro
