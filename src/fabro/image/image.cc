#include "fabro/image/image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <ctime>

#include "fabro/linux/file.h"
#include "fabro/linux/spawn.h"

namespace fabro::image {
namespace {

using Kind = model::RootSource::Kind;

constexpr std::string_view kScheme = "sha256:";
constexpr std::size_t kHexSize = 64;
constexpr ByteSize kMaxAnswer = 64_KiB;

bool IsHex(std::string_view text) {
  return text.size() == kHexSize && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string BesideUs(const char* name) {
  std::string self(PATH_MAX, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  self.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return self.substr(0, self.rfind('/') + 1) + name;
}

// The trees in it become the roots of sandboxes: nobody else may put one there.
Result<DirFd> OpenCache(const std::string& path) {
  TRY(MakeDirs(path, 0700));
  DirFd cache = TRY(OpenDir(path));
  struct stat status{};
  if (::fstat(cache.get(), &status) != 0) return SysFailure("fstat", path);
  if (status.st_uid == ::geteuid() && (status.st_mode & 077) == 0) return cache;
  return Failure(Code::kFailedPrecondition, "the image cache " + path + " is open to other users",
                 "cache_refused", "chown it to yourself and chmod 700 " + path);
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

Result<Image> Find(int cache, const std::string& hex, const std::string& path) {
  const std::string below = "sha256/" + hex;
  const auto root = OpenDirAt(cache, below + "/root");
  if (!root.ok()) {
    return Failure(Code::kNotFound, "the image sha256:" + hex + " is not in the cache " + path,
                   "image_gone", "name the archive or the layout again");
  }
  const std::string env = TRY(ReadFileAt(cache, below + "/env"));
  return Image{.root = HostPath(path + "/" + below + "/root"),
               .digest = std::string(kScheme) + hex,
               .env = Lines(env)};
}

// What names this content as long as nobody changes it: a file that was written has another ctime.
std::string IdentityOf(const struct stat& status, const model::RootSource& source) {
  const auto stamp = [](const timespec& time) {
    return std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
  };
  std::string name = source.kind == Kind::kTar ? "tar-" : "oci-";
  name += std::to_string(status.st_dev) + "-" + std::to_string(status.st_ino) + "-" +
          std::to_string(status.st_size) + "-" + stamp(status.st_mtim) + "-" +
          stamp(status.st_ctim);
  return source.tag.empty() ? name : name + "-" + source.tag;
}

struct OpenedSource {
  UniqueFd fd;           // Of the archive or the layout's directory.
  std::string identity;  // Of the archive, or of the layout's index.json.
};

Error Refused(const model::RootSource& source, const std::string& why, std::string fix) {
  return Failure(Code::kInvalidArgument, "rootfs " + model::ToString(source) + ": " + why,
                 "rootfs_refused", std::move(fix));
}

Result<OpenedSource> OpenSource(const model::RootSource& source) {
  const bool tar = source.kind == Kind::kTar;
  const std::string fix = tar ? "name a tar archive that can be read"
                              : "name the directory of an OCI layout: oci:DIR or oci:DIR:TAG";
  auto fd = fabro::Open(source.dir.value(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd.ok()) return Refused(source, fd.error().message, fix);
  struct stat status{};
  if (::fstat(fd->get(), &status) != 0) return SysFailure("fstat", source.dir.value());
  if (tar) {
    if (!S_ISREG(status.st_mode)) return Refused(source, "is no regular file", fix);
    return OpenedSource{.fd = *std::move(fd), .identity = IdentityOf(status, source)};
  }
  if (!S_ISDIR(status.st_mode)) return Refused(source, "is no directory", fix);
  if (::fstatat(fd->get(), "index.json", &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISREG(status.st_mode)) {
    return Refused(source, "has no index.json", fix);
  }
  return OpenedSource{.fd = *std::move(fd), .identity = IdentityOf(status, source)};
}

// faber-unpack says "ok" and the digest, or "error" and an Error, a field a line.
Result<std::string> ReadAnswer(const std::string& answer, ExitStatus ended) {
  const std::vector<std::string> lines = Lines(answer);
  if (lines.size() == 2 && lines[0] == "ok" && IsHex(lines[1])) return lines[1];
  if (lines.size() != 6 || lines[0] != "error") {
    const bool killed = ended.kind == ExitStatus::Kind::kSignaled;
    return Failure(Code::kInvalidArgument,
                   std::string("rootfs: faber-unpack ended early, by ") +
                       (killed ? "signal " : "exit ") + std::to_string(ended.value),
                   "rootfs_refused", "the image may be damaged or hostile: try another");
  }
  Error error;
  error.code = static_cast<Code>(
      std::clamp(std::atoi(lines[1].c_str()), 0, static_cast<int>(Code::kUnauthenticated)));
  error.reason = lines[2];
  error.sys_errno = std::atoi(lines[3].c_str());
  error.message = lines[4];
  error.fix = lines[5];
  return error;
}

Result<std::string> RunUnpack(const OpenedSource& opened, const model::RootSource& source,
                              const Options& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return SysFailure("pipe2");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  SpawnRequest request;
  request.argv = {options.program.empty() ? BesideUs("faber-unpack") : options.program,
                  source.kind == Kind::kTar ? "tar" : "oci", source.tag};
  request.cwd = options.cache;
  request.in = opened.fd.get();
  request.out = write_end.get();
  Process child = TRY_IN("starting faber-unpack", Spawn(request));
  write_end.reset();
  const std::string answer = TRY(ReadFd(read_end.get(), kMaxAnswer));
  const ExitStatus ended = TRY(child.Wait());
  return ReadAnswer(answer, ended);
}

// Whether the identity tells this content from every later one: the file is still what it was, and
// its last change is longer ago than the clock of the file system is coarse.
Result<bool> IsSettled(const OpenedSource& opened, const model::RootSource& source) {
  constexpr std::int64_t kCoarse = 100'000'000;
  constexpr std::int64_t kSecond = 1'000'000'000;
  struct stat status{};
  const char* name = source.kind == Kind::kTar ? "" : "index.json";
  if (::fstatat(opened.fd.get(), name, &status, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) {
    return SysFailure("fstatat", source.dir.value());
  }
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t age =
      (now.tv_sec - status.st_ctim.tv_sec) * kSecond + (now.tv_nsec - status.st_ctim.tv_nsec);
  return age > kCoarse && IdentityOf(status, source) == opened.identity;
}

}  // namespace

Result<Image> Open(const model::RootSource& source, const Options& options) {
  if (source.kind != Kind::kTar && source.kind != Kind::kOci) {
    return Failure(Code::kInternal, "no image: " + model::ToString(source));
  }
  const OpenedSource opened = TRY(OpenSource(source));
  const DirFd cache = TRY_IN("opening the image cache", OpenCache(options.cache));
  const DirFd refs = TRY(MakeDirsAt(cache.get(), "refs", 0700));
  const auto known = ReadFileAt(refs.get(), opened.identity);
  if (known.ok() && IsHex(*known)) {
    auto found = Find(cache.get(), *known, options.cache);
    if (found.ok()) return found;
  }
  const std::string hex =
      TRY_IN("unpacking " + model::ToString(source), RunUnpack(opened, source, options));
  const bool settled = TRY(IsSettled(opened, source));
  if (settled) TRY(ReplaceFileAt(refs.get(), opened.identity, hex, 0600));
  return Find(cache.get(), hex, options.cache);
}

Result<Image> OpenCached(const std::string& digest, const Options& options) {
  const std::string hex = digest.starts_with(kScheme) ? digest.substr(kScheme.size()) : "";
  if (!IsHex(hex)) {
    return Failure(Code::kInvalidArgument, "'" + digest + "' is no digest", "rootfs_refused");
  }
  const DirFd cache = TRY_IN("opening the image cache", OpenCache(options.cache));
  return Find(cache.get(), hex, options.cache);
}

Result<std::string> DefaultCache() {
  if (::geteuid() == 0) return std::string("/var/lib/faber/images");
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value != nullptr && *value == '/' ? value : "";
  };
  if (const std::string data = variable("XDG_DATA_HOME"); !data.empty()) {
    return data + "/faber/images";
  }
  if (const std::string home = variable("HOME"); !home.empty()) {
    return home + "/.local/share/faber/images";
  }
  return Failure(Code::kFailedPrecondition, "neither HOME nor XDG_DATA_HOME is set", "no_state_dir",
                 "set HOME");
}

}  // namespace fabro::image
