#include "fabro/image/unpack/unpack.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "fabro/base/id.h"
#include "fabro/image/unpack/archive.h"
#include "fabro/image/unpack/oci.h"
#include "fabro/linux/file.h"

namespace fabro::image {
namespace {

bool Lock(int directory) { return ::flock(directory, LOCK_EX | LOCK_NB) == 0; }

// A directory in new/ that is ours as long as `lock` is open.
struct Workspace {
  std::string name;
  DirFd lock;
};

Status RemoveAbandoned(int making) {
  const std::vector<std::string> names = TRY(ListDir(making));
  for (const std::string& name : names) {
    const auto directory = OpenDirAt(making, name);
    if (!directory.ok() || !Lock(directory->get())) continue;
    TRY(RemoveTreeAt(making, name));
  }
  return {};
}

Result<Workspace> MakeWorkspace(int making) {
  constexpr int kAttempts = 16;
  for (int i = 0; i < kAttempts; ++i) {
    std::string name;
    for (const unsigned char byte : RandomBytes(12)) name += static_cast<char>('a' + byte % 26);
    if (::mkdirat(making, name.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      return SysFailure("mkdirat", name);
    }
    auto directory = OpenDirAt(making, name);
    // Another maker's sweep may have taken it for an abandoned one in this moment.
    if (!directory.ok() || !Lock(directory->get())) continue;
    struct stat there{};
    if (::fstatat(making, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) continue;
    return Workspace{.name = std::move(name), .lock = *std::move(directory)};
  }
  return Failure(Code::kUnavailable, "no directory of our own in the image cache");
}

// Places that a sandbox mounts its own files over; a root without them could not be mounted
// read-only as one piece.
Status AddMountPoints(TreeWriter& tree, int top) {
  constexpr std::array kFiles = {"passwd",   "group",         "hosts",
                                 "hostname", "nsswitch.conf", "resolv.conf"};
  TRY(tree.MakeDirectory("etc", {.mode = 0755}));
  const DirFd etc = TRY(OpenDirAt(top, "etc"));
  for (const char* name : kFiles) {
    struct stat there{};
    const bool file =
        ::fstatat(etc.get(), name, &there, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(there.st_mode);
    if (file) continue;
    const UniqueFd made = TRY(tree.MakeFile(std::string("etc/") + name));
    TRY(tree.FinishFile(made.get(), {}));
  }
  return {};
}

Status ExtractLayers(int layout, const OciImage& image, TreeWriter& tree) {
  std::size_t number = 0;
  for (const Blob& layer : image.layers) {
    const std::string what =
        "layer " + std::to_string(++number) + " of " + std::to_string(image.layers.size());
    auto opened = OpenAt(layout, BlobPath(layer.hex), O_RDONLY | O_NONBLOCK);
    struct stat there{};
    if (!opened.ok() || ::fstat(opened->get(), &there) != 0 || !S_ISREG(there.st_mode)) {
      return Failure(Code::kInvalidArgument, "rootfs: the OCI layout lacks " + what,
                     "rootfs_refused",
                     "copy the image again: skopeo copy docker://NAME oci:DIR:TAG");
    }
    HashedFile file(opened->get());
    const Status extracted = ExtractTar(file, tree, true);
    const std::string hex = TRY_IN("reading " + what, file.Finish());
    if (hex != layer.hex || file.consumed() != layer.size) {
      return Failure(Code::kInvalidArgument,
                     "rootfs: " + what + " is damaged: its content is not what its digest says",
                     "rootfs_refused",
                     "copy the image again: skopeo copy docker://NAME oci:DIR:TAG");
    }
    if (!extracted.ok()) return Error(extracted.error()).In("unpacking " + what);
  }
  return {};
}

struct Filled {
  std::string digest;
  std::vector<std::string> env;
};

Result<Filled> Fill(int root, int source, SourceKind kind, const std::string& tag,
                    const TreeLimits& limits) {
  TreeWriter tree(root, limits, ::geteuid() == 0);
  Filled filled;
  if (kind == SourceKind::kTar) {
    HashedFile file(source);
    TRY(ExtractTar(file, tree, false));
    filled.digest = TRY(file.Finish());
  } else {
    OciImage image = TRY(ReadOciLayout(source, tag));
    TRY(ExtractLayers(source, image, tree));
    filled.digest = std::move(image.digest);
    filled.env = std::move(image.env);
  }
  TRY(AddMountPoints(tree, root));
  return filled;
}

// Whole on disk before it has its name.
Status Publish(int cache, int making, const Workspace& workspace, const Filled& filled) {
  std::string env;
  for (const std::string& each : filled.env) env += each + '\n';
  TRY(WriteFileAt(workspace.lock.get(), "env", env, 0600));
  if (::syncfs(workspace.lock.get()) != 0) return SysFailure("syncfs", "the image cache");
  const DirFd images = TRY(MakeDirsAt(cache, "sha256", 0700));
  if (::renameat(making, workspace.name.c_str(), images.get(), filled.digest.c_str()) == 0) {
    return ::fsync(images.get()) == 0 ? Status() : SysFailure("fsync", "sha256");
  }
  // Somebody else was faster with the same image.
  if (errno == EEXIST || errno == ENOTEMPTY) return RemoveTreeAt(making, workspace.name);
  return SysFailure("renameat", filled.digest);
}

}  // namespace

Result<std::string> Unpack(int cache, int source, SourceKind kind, const std::string& tag,
                           const TreeLimits& limits) {
  const DirFd making = TRY(MakeDirsAt(cache, "new", 0700));
  TRY_IN("removing what was left", RemoveAbandoned(making.get()));
  const Workspace workspace = TRY(MakeWorkspace(making.get()));
  const DirFd root = TRY(MakeDirsAt(workspace.lock.get(), "root", 0755));
  auto filled = Fill(root.get(), source, kind, tag, limits);
  Status done =
      filled.ok() ? Publish(cache, making.get(), workspace, *filled) : Status(filled.error());
  if (done.ok()) return filled->digest;
  (void)RemoveTreeAt(making.get(), workspace.name);
  return done.error();
}

}  // namespace fabro::image
