#include "fabro/image/unpack/tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "fabro/linux/file.h"

namespace fabro::image {
namespace {

constexpr std::size_t kMaxPath = 4095;  // PATH_MAX less its NUL.
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxDepth = 128;
constexpr std::int64_t kAgent = 1000;  // The guest's user inside (jail/plan).

Error Refused(std::string_view path, std::string_view why) {
  // A hostile name is not repeated at any length.
  std::string name(path.substr(0, 200));
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return Failure(Code::kInvalidArgument,
                 "rootfs: the archive's entry \"" + name + "\" " + std::string(why),
                 "rootfs_refused", "use an image that was made by a builder of root file systems");
}

Error TooLarge(const std::string& what) {
  return Failure(Code::kResourceExhausted, "rootfs: the image has more than " + what,
                 "rootfs_too_large",
                 "use a smaller image, or unpack it yourself and give dir:PATH");
}

Result<DirFd> OpenInRoot(int top, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  for (;;) {
    const char* name = path.empty() ? "." : path.c_str();
    DirFd fd(static_cast<int>(::syscall(SYS_openat2, top, name, &how, sizeof how)));
    if (fd) return fd;
    if (errno != EAGAIN && errno != EINTR) return SysFailure("openat2", path);
  }
}

std::pair<std::string, std::string> Split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

Result<std::string> CleanPath(std::string_view path) {
  if (path.size() > kMaxPath) return Refused(path, "has a path of more than 4095 bytes");
  std::string clean;
  std::size_t depth = 0;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") return Refused(path, "leads out by \"..\"");
    if (part.size() > kMaxName) return Refused(path, "has a name of more than 255 bytes");
    if (++depth > kMaxDepth) return Refused(path, "is deeper than 128 directories");
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

TreeWriter::TreeWriter(int top, TreeLimits limits, bool owners)
    : top_(top), limits_(limits), owners_(owners) {}

Result<DirFd> TreeWriter::MakeParents(const std::string& path) {
  DirFd at = TRY(OpenInRoot(top_, ""));
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string prefix = path.substr(0, end);
    auto next = OpenInRoot(top_, prefix);
    if (!next.ok() && next.error().sys_errno == ENOENT) {
      const std::string name = path.substr(begin, end - begin);
      if (::mkdirat(at.get(), name.c_str(), 0755) != 0) {
        if (errno != EEXIST) return SysFailure("mkdirat", prefix);
        return Refused(path, "lies below a link that leads nowhere");
      }
      TRY(CountEntry());
      next = OpenInRoot(top_, prefix);
    }
    if (!next.ok()) return std::move(next).error();
    at = *std::move(next);
    begin = end + 1;
  }
  return at;
}

Result<DirFd> TreeWriter::OpenParent(const std::string& path, bool make) {
  auto opened = OpenInRoot(top_, path);
  if (opened.ok()) return opened;
  const int error = opened.error().sys_errno;
  if (error == ENOENT && make) return MakeParents(path);
  if (error == ENOTDIR || error == ELOOP) {
    return Refused(path, "is used as a directory and is none");
  }
  return opened;
}

Result<TreeWriter::Place> TreeWriter::Locate(std::string_view path, bool make_parents) {
  const std::string clean = TRY(CleanPath(path));
  if (clean.empty()) return Refused(path, "stands for the root itself");
  auto [directory, name] = Split(clean);
  if (!parent_ || directory != parent_path_) {
    parent_ = TRY(OpenParent(directory, make_parents));
    parent_path_ = directory;
  }
  if (make_parents) Touch(clean);
  return Place{.parent = parent_.get(), .name = std::move(name)};
}

void TreeWriter::Touch(const std::string& path) {
  std::string at = path;
  while (!at.empty() && touched_.insert(at).second) at = Split(at).first;
}

Status TreeWriter::MakeRoom(const Place& place, bool keep_directory) {
  struct stat there{};
  if (::fstatat(place.parent, place.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Status() : SysFailure("fstatat", place.name);
  }
  if (!S_ISDIR(there.st_mode)) {
    if (::unlinkat(place.parent, place.name.c_str(), 0) != 0) {
      return SysFailure("unlinkat", place.name);
    }
    return {};
  }
  if (keep_directory) return {};
  return RemoveTreeAt(place.parent, place.name);
}

Status TreeWriter::GiveOwner(int fd, const Attributes& attributes) {
  if (!owners_) return {};
  const uid_t uid = attributes.uid == kAgent ? kAgent : 0;
  const gid_t gid = attributes.gid == kAgent ? kAgent : 0;
  return ::fchown(fd, uid, gid) == 0 ? Status() : SysFailure("fchown");
}

Status TreeWriter::CountEntry() {
  if (++entries_ <= limits_.entries) return {};
  return TooLarge(std::to_string(limits_.entries) + " entries");
}

Status TreeWriter::SkipSpecial() {
  ++skipped_;
  return CountEntry();
}

Status TreeWriter::CountBytes(std::uint64_t bytes, std::uint64_t consumed) {
  bytes_ += bytes;
  if (bytes_ > limits_.bytes) return TooLarge(std::to_string(limits_.bytes) + " bytes");
  if (bytes_ > limits_.free_bytes && bytes_ / limits_.ratio > consumed) {
    return TooLarge(std::to_string(limits_.ratio) + " bytes for each byte of its archive");
  }
  return {};
}

Status TreeWriter::MakeDirectory(std::string_view path, const Attributes& attributes) {
  const std::string clean = TRY(CleanPath(path));
  if (clean.empty()) return {};  // The root itself is ours.
  TRY(CountEntry());
  const Place place = TRY(Locate(clean, true));
  TRY(MakeRoom(place, true));
  if (::mkdirat(place.parent, place.name.c_str(), 0700) != 0 && errno != EEXIST) {
    return SysFailure("mkdirat", clean);
  }
  const DirFd made = TRY(OpenDirAt(place.parent, place.name));
  TRY(GiveOwner(made.get(), attributes));
  // The owner can always look inside and clean up; for a guest's user it changes nothing.
  if (::fchmod(made.get(), (attributes.mode & 0777) | 0700) != 0) {
    return SysFailure("fchmod", clean);
  }
  return {};
}

Result<UniqueFd> TreeWriter::MakeFile(std::string_view path) {
  TRY(CountEntry());
  const Place place = TRY(Locate(path, true));
  TRY(MakeRoom(place, false));
  return OpenAt(place.parent, place.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
}

Status TreeWriter::FinishFile(int file, const Attributes& attributes) {
  TRY(GiveOwner(file, attributes));
  if (::fchmod(file, attributes.mode & 0777) != 0) return SysFailure("fchmod");
  const timespec times[2] = {{attributes.mtime, 0}, {attributes.mtime, 0}};
  // A time that this file system cannot hold is no reason to refuse an image.
  (void)::futimens(file, times);
  return {};
}

Status TreeWriter::MakeSymlink(std::string_view path, const std::string& text) {
  TRY(CountEntry());
  if (text.empty() || text.size() > kMaxPath) return Refused(path, "is a link without a target");
  const Place place = TRY(Locate(path, true));
  TRY(MakeRoom(place, false));
  if (::symlinkat(text.c_str(), place.parent, place.name.c_str()) != 0) {
    return SysFailure("symlinkat", std::string(path));
  }
  return {};
}

Status TreeWriter::MakeHardLink(std::string_view path, std::string_view target) {
  TRY(CountEntry());
  const std::string clean = TRY(CleanPath(target));
  if (clean.empty()) return Refused(path, "is a hard link to the root");
  const std::string own = TRY(CleanPath(path));
  if (own == clean) return Refused(path, "is a hard link to itself");
  const auto [directory, name] = Split(clean);
  auto from = OpenInRoot(top_, directory);
  struct stat there{};
  if (!from.ok() || ::fstatat(from->get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) {
    return Refused(path, "is a hard link to what is not there");
  }
  if (!S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode)) {
    return Refused(path, "is a hard link to what is no file");
  }
  const Place place = TRY(Locate(own, true));
  TRY(MakeRoom(place, false));
  if (::linkat(from->get(), name.c_str(), place.parent, place.name.c_str(), 0) != 0) {
    return SysFailure("linkat", own);
  }
  return {};
}

Status TreeWriter::HideLower(std::string_view path) {
  TRY(CountEntry());
  const std::string clean = TRY(CleanPath(path));
  if (clean.empty()) return Refused(path, "hides the root");
  auto place = Locate(clean, false);
  if (!place.ok()) return place.error().sys_errno == ENOENT ? Status() : place.error();
  if (!touched_.contains(clean)) {
    const std::string name = place->name;
    return RemoveTreeAt(place->parent, name);
  }
  const DirFd directory = [&] {
    auto opened = OpenDirAt(place->parent, place->name);
    return opened.ok() ? *std::move(opened) : DirFd();
  }();
  return directory ? HideChildren(directory.get(), clean) : Status();
}

Status TreeWriter::HideLowerBelow(std::string_view directory) {
  TRY(CountEntry());
  const std::string clean = TRY(CleanPath(directory));
  auto there = OpenInRoot(top_, clean);
  if (!there.ok()) return there.error().sys_errno == ENOENT ? Status() : there.error();
  const DirFd opened = TRY(OpenDirAt(there->get(), "."));
  return HideChildren(opened.get(), clean);
}

Status TreeWriter::HideChildren(int directory, const std::string& path) {
  // What is removed may be, or hold, the directory of the entry before.
  parent_ = DirFd();
  const std::vector<std::string> names = TRY(ListDir(directory));
  for (const std::string& name : names) {
    const std::string child = path.empty() ? name : path + "/" + name;
    if (!touched_.contains(child)) {
      TRY(RemoveTreeAt(directory, name));
      continue;
    }
    auto below = OpenDirAt(directory, name);
    if (below.ok()) TRY(HideChildren(below->get(), child));
  }
  return {};
}

}  // namespace fabro::image
