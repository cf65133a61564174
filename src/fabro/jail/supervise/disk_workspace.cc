// The writable tree of a Jail on disk.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "fabro/jail/supervise/disk_limit.h"
#include "fabro/jail/supervise/mounts.h"
#include "fabro/jail/supervise/sources.h"
#include "fabro/linux/file.h"

namespace fabro::jail::supervise {

using plan::SourceFacts;

namespace {

Status MakePlaces(int tree, const plan::JailPlan& plan, const SourceFacts& source) {
  for (const plan::WritablePlace& place : plan.places) {
    const std::string& name = place.name;
    if (::mkdirat(tree, name.c_str(), 0755) != 0 && errno != EEXIST) {
      return SysFailure("mkdir", source.path + "/" + name);
    }
    const DirFd made = TRY_IN("opening the workspace", OpenDirAt(tree, name));
    if (::fchown(made.get(), source.uid, source.gid) != 0) return SysFailure("fchown", name);
  }
  return {};
}

Result<UniqueFd> MountTree(const plan::JailPlan& plan, const SourceFacts& source, int workspace,
                           int idmap) {
  if (source.kind == SourceFacts::Kind::kFile) {
    UniqueFd mount = TRY(MountImage(workspace, source.path));
    // As the directory of a tree without an image has to be: who mounts it later finds it closed.
    const DirFd top = TRY(OpenDirAt(mount.get(), "."));
    if (::fchmod(top.get(), 0700) != 0) return SysFailure("fchmod", source.path);
    TRY(MakePlaces(mount.get(), plan, source));
    if (idmap >= 0) TRY(IdmapMount(mount.get(), idmap, source.path));
    return mount;
  }
  TRY(MakePlaces(workspace, plan, source));
  if (plan.spec.workspace.size) {
    const DirFd directory = TRY(OpenDirAt(workspace, "."));
    TRY(LimitByQuota(directory.get(), source.path, *plan.spec.workspace.size, plan.tmpfs_inodes));
  }
  return DetachedMount(workspace, {.writable = true, .recursive = false, .idmap = idmap},
                       source.path);
}

}  // namespace

Result<UniqueFd> MountDiskWorkspace(const plan::JailPlan& plan, const plan::HostFacts& facts,
                                    const Sources& sources, const SlotIds& ids) {
  const SourceFacts& source = *facts.workspace;
  const IdShift shift{.from_uid = source.uid, .from_gid = source.gid, .to = ids.task};
  if (!ids.one() && !ids.mappable) {
    return Failure(Code::kFailedPrecondition,
                   "workspace (--workspace disk:DIR): only root may map the ids of " + source.path,
                   "workspace_refused",
                   "use --workspace memory, or add --degrade identity: the guest then runs under "
                   "your own id");
  }
  UniqueFd idmap;
  if (!ids.one()) idmap = TRY(MakeIdmap({&shift, 1}));
  Result<UniqueFd> mount = MountTree(plan, source, sources.workspace.get(), idmap.get());
  if (!mount && mount.error().sys_errno == EINVAL) {
    return Failure(
        Code::kFailedPrecondition,
        "workspace (--workspace disk:DIR): the file system of " + source.path + " cannot map ids",
        "workspace_refused", "use a directory on ext4, xfs or btrfs");
  }
  return mount;
}

}  // namespace fabro::jail::supervise
