// The mount API on detached trees, and id-mapped mounts, which binds and disk workspaces need.
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "fabro/jail/host/host_probe.h"
#include "fabro/jail/host/probe_child.h"
#include "fabro/linux/file.h"

namespace fabro::jail {
namespace {

// Raw calls: glibc 2.36 has some of them, and its <sys/mount.h> clashes with the kernel's header.
int TryMountApi() {
  return TryInChild([](const ProbeReporter& reporter) {
    if (::geteuid() != 0 && ::unshare(CLONE_NEWUSER) != 0) return reporter.Say(0, -1);
    if (::unshare(CLONE_NEWNS) != 0) return reporter.Say(0, -1);
    const long context = ::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (context < 0) return reporter.Say(0, -1);
    if (::syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
      return reporter.Say(0, -1);
    }
    const long tree = ::syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
    if (tree < 0) return reporter.Say(0, -1);
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    reporter.Say(0, ::syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE,
                              &attributes, sizeof attributes));
  });
}

// A user namespace with a map, held by a child for as long as the answer is needed.
int TryIdMapped(const char* directory) {
  auto child = ProbeChild::Start([](const ProbeReporter& reporter) {
    reporter.Say(0, ::unshare(CLONE_NEWUSER));
    (void)reporter.AwaitParent();
  });
  if (!child.ok()) return child.error().sys_errno;
  const auto made = child->Next();
  if (!made.ok() || made->sys_errno != 0) return made.ok() ? made->sys_errno : ECHILD;
  const std::string base = "/proc/" + std::to_string(child->pid());
  for (const char* map : {"/uid_map", "/gid_map"}) {
    const Status written = WriteControl(base + map, "0 2000000000 1\n");
    if (!written.ok()) return written.error().sys_errno;
  }
  auto user_namespace = Open(base + "/ns/user", O_RDONLY);
  if (!user_namespace.ok()) return user_namespace.error().sys_errno;
  const UniqueFd tree(static_cast<int>(::syscall(
      SYS_open_tree, AT_FDCWD, directory, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT)));
  if (!tree) return errno;
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<__u64>(user_namespace->get());
  const long result =
      ::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes);
  return result < 0 ? errno : 0;
}

}  // namespace

std::vector<Finding> ProbeMounts() {
  std::vector<Finding> findings;
  const int api = TryMountApi();
  if (api == 0) {
    findings.push_back(Ok("mount_api", Need::kMedium, "fsopen, fsmount and mount_setattr work"));
  } else {
    findings.push_back(Missing("mount_api", Need::kMedium, "a detached mount cannot be made", api,
                               "use Linux 5.12 or newer, without a filter that forbids fsopen"));
  }
  // The layer is a matter of the file system: the working directory's is the one that binds show.
  const int mapped = TryIdMapped(".");
  if (mapped == 0) {
    findings.push_back(Ok("idmapped_mounts", Need::kOptional,
                          "the file system of the working directory can map ids"));
  } else {
    findings.push_back(Missing(
        "idmapped_mounts", Need::kOptional,
        "--bind SRC:DST:rw and --workspace disk:DIR cannot be had in the working directory", mapped,
        mapped == ENOSPC   ? "mend what is missing above"
        : ::geteuid() == 0 ? "use a file system that maps ids (ext4, xfs, btrfs, tmpfs since 6.3)"
                           : "run as root: only root may map the ids of a mount"));
  }
  return findings;
}

}  // namespace fabro::jail
