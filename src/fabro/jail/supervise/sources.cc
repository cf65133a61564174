#include "fabro/jail/supervise/sources.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <map>
#include <utility>

#include "fabro/jail/supervise/channel.h"
#include "fabro/jail/supervise/identity.h"
#include "fabro/jail/supervise/mounts.h"
#include "fabro/jail/supervise/places.h"
#include "fabro/linux/file.h"

namespace fabro::jail::supervise {
namespace {

using plan::MountPlan;
using plan::RootEntry;
using plan::SourceFacts;

bool IsKernelInterface(long type) {
  constexpr std::array<unsigned long, 15> kTypes = {
      PROC_SUPER_MAGIC, SYSFS_MAGIC,    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEVPTS_SUPER_MAGIC,
      DEBUGFS_MAGIC,    TRACEFS_MAGIC,  SECURITYFS_MAGIC,   BPF_FS_MAGIC,        NSFS_MAGIC,
      PSTOREFS_MAGIC,   EFIVARFS_MAGIC, BINFMTFS_MAGIC,     SELINUX_MAGIC,       0x6165676c};
  return std::find(kTypes.begin(), kTypes.end(), static_cast<unsigned long>(type)) != kTypes.end();
}

Result<SourceFacts> FactsOf(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return SysFailure("fstat", "source");
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_PATH) == 0) {
    return Failure(Code::kInvalidArgument, "a source is no O_PATH descriptor", "protocol_error");
  }
  struct statfs system{};
  if (::fstatfs(fd, &system) != 0) return SysFailure("fstatfs", "source");
  SourceFacts facts;
  facts.path = TRY(KernelName(fd));
  if (S_ISDIR(status.st_mode)) facts.kind = SourceFacts::Kind::kDirectory;
  if (S_ISREG(status.st_mode)) facts.kind = SourceFacts::Kind::kFile;
  if (S_ISLNK(status.st_mode)) facts.kind = SourceFacts::Kind::kSymlink;
  facts.uid = status.st_uid;
  facts.gid = status.st_gid;
  facts.mode = status.st_mode & 07777;
  facts.device = status.st_dev;
  facts.inode = status.st_ino;
  facts.kernel_interface = IsKernelInterface(system.f_type);
  return facts;
}

// What stands at `path` below the root source, if it is something that a root can show.
Result<std::optional<RootEntry>> LookAt(int top, const std::string& path) {
  struct stat status{};
  const std::string below = path.substr(1);
  if (::fstatat(top, below.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return SysFailure("fstatat", path);
  }
  RootEntry entry;
  entry.path = path;
  if (S_ISLNK(status.st_mode)) {
    std::string text(wire::kPathMax, '\0');
    const ssize_t length = ::readlinkat(top, below.c_str(), text.data(), text.size());
    if (length < 0) return SysFailure("readlinkat", path);
    if (static_cast<std::size_t>(length) >= wire::kPathMax) return std::nullopt;
    text.resize(static_cast<std::size_t>(length));
    entry.kind = RootEntry::Kind::kSymlink;
    entry.link = std::move(text);
    return entry;
  }
  if (S_ISREG(status.st_mode)) {
    entry.kind = RootEntry::Kind::kFile;
    return entry;
  }
  if (!S_ISDIR(status.st_mode)) return std::nullopt;
  return entry;
}

// One mount can show all of /etc when each generated file has a file to be mounted over.
bool CanCoverEtc(int top) {
  for (const char* name :
       {"passwd", "group", "hosts", "hostname", "nsswitch.conf", "resolv.conf"}) {
    struct stat status{};
    const std::string path = std::string("etc/") + name;
    if (::fstatat(top, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
    if (!S_ISREG(status.st_mode)) return false;
  }
  return true;
}

Status AddNames(int top, const char* directory, std::size_t most,
                std::initializer_list<std::string_view> without, std::vector<std::string>& paths) {
  const auto opened = OpenDirAt(top, directory);
  if (!opened) return {};
  const std::vector<std::string> names = TRY(ListDir(opened->get(), most + 1));
  if (names.size() > most) {
    return Failure(
        Code::kInvalidArgument,
        "rootfs (--rootfs): " + std::string(directory) + " has more than " + std::to_string(most) +
            " entries",
        "rootfs_refused",
        "make the files passwd, group, hosts, hostname, nsswitch.conf and resolv.conf in "
        "its /etc, so that it can be shown as one piece; empty ones will do");
  }
  for (const std::string& name : names) {
    if (std::ranges::find(without, name) != without.end()) continue;
    paths.push_back(std::string("/") + directory + "/" + name);
  }
  return {};
}

// Of an unpacked tree everything is shown, except what the sandbox has of its own.
Result<std::vector<std::string>> NamesOfTree(int top) {
  constexpr std::array kOwn = {"proc", "sys", "dev", "tmp", "run", "etc", "var", "home", "work"};
  const DirFd directory = TRY(OpenDirAt(top, "."));
  const std::vector<std::string> names = TRY(ListDir(directory.get(), 64));
  std::vector<std::string> paths;
  for (const std::string& name : names) {
    if (std::find(kOwn.begin(), kOwn.end(), name) == kOwn.end()) paths.push_back("/" + name);
  }
  if (CanCoverEtc(top)) {
    paths.emplace_back("/etc");
  } else {
    TRY(AddNames(top, "etc", 32,
                 {"passwd", "group", "hosts", "hostname", "nsswitch.conf", "resolv.conf"}, paths));
  }
  TRY(AddNames(top, "var", 24, {"tmp", "run", "lock"}, paths));
  return paths;
}

Result<std::vector<RootEntry>> RootEntries(int top, bool host) {
  std::vector<std::string> paths = plan::HostDirs();
  if (host) {
    paths.insert(paths.end(), plan::HostEtc().begin(), plan::HostEtc().end());
  } else {
    paths = TRY(NamesOfTree(top));
  }
  std::vector<RootEntry> entries;
  for (const std::string& path : paths) {
    std::optional<RootEntry> entry = TRY(LookAt(top, path));
    if (entry) entries.push_back(*std::move(entry));
  }
  return entries;
}

std::vector<plan::InheritedLimit> InheritedLimits() {
  std::vector<plan::InheritedLimit> limits;
  for (int resource = 0; resource < RLIMIT_NLIMITS; ++resource) {
    rlimit now{};
    if (::getrlimit(static_cast<__rlimit_resource>(resource), &now) != 0) continue;
    if (now.rlim_max == RLIM_INFINITY) continue;
    limits.push_back({.resource = static_cast<std::uint32_t>(resource), .hard = now.rlim_max});
  }
  return limits;
}

struct LandlockSupport {
  int abi = 0;
  int sys_errno = 0;
};

LandlockSupport FindLandlock() {
  constexpr long kCreateRuleset = 444;  // On every architecture; older headers lack the name.
  constexpr unsigned kVersion = 1;      // LANDLOCK_CREATE_RULESET_VERSION
  const long abi = ::syscall(kCreateRuleset, nullptr, 0, kVersion);
  if (abi < 0) return {.sys_errno = errno};
  return {.abi = static_cast<int>(abi)};
}

Result<DirFd> OpenTop(const Sources& sources) {
  if (sources.root_dir) return OpenDirAt(sources.root_dir.get(), ".");
  return OpenDir("/");
}

// One idmap for each owner of a source: files of one owner share it.
class Idmaps {
 public:
  explicit Idmaps(std::uint32_t to) : to_(to) {}
  Result<int> For(const SourceFacts& source) {
    UniqueFd& map = maps_[{source.uid, source.gid}];
    if (!map) {
      const IdShift shift{.from_uid = source.uid, .from_gid = source.gid, .to = to_};
      map = TRY(MakeIdmap({&shift, 1}));
    }
    return map.get();
  }

 private:
  std::uint32_t to_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, UniqueFd> maps_;
};

constexpr char kOwnIdFix[] =
    "bind it read-only, or add --degrade identity: the guest then runs under your own id";

class StepBuilder {
 public:
  StepBuilder(const plan::JailPlan& plan, const plan::HostFacts& facts, const Sources& sources,
              const SlotIds& ids)
      : plan_(plan), facts_(facts), sources_(sources), ids_(ids), idmaps_(ids.task) {}

  Result<BuiltSteps> Build() {
    top_ = TRY(OpenTop(sources_));
    for (const MountPlan& each : plan_.mounts) {
      wire::MountStep step;
      step.mode = each.mode;
      CopyText(step.target, each.target);
      TRY_IN("building " + each.target, Fill(each, step));
      built_.steps.push_back(step);
    }
    return std::move(built_);
  }

 private:
  Status Fill(const MountPlan& each, wire::MountStep& step) {
    switch (each.kind) {
      case MountPlan::Kind::kDirectory:
        step.kind = wire::MountStep::kDirectory;
        return {};
      case MountPlan::Kind::kSymlink:
        step.kind = wire::MountStep::kSymlink;
        CopyText(step.text, each.text);
        return {};
      case MountPlan::Kind::kEmptyDirectory:
        step.kind = wire::MountStep::kTmpfs;
        step.size = 64 << 10;
        return {};
      case MountPlan::Kind::kFile:
      case MountPlan::Kind::kCover: {
        step.kind =
            each.kind == MountPlan::Kind::kFile ? wire::MountStep::kFile : wire::MountStep::kCover;
        if (each.text.empty()) return {};
        UniqueFd file = TRY(SealedFile("file", each.text));
        return Attach(step, std::move(file));
      }
      case MountPlan::Kind::kMount: {
        step.kind = wire::MountStep::kMount;
        UniqueFd mount = TRY(Mount(each));
        return Attach(step, std::move(mount));
      }
      case MountPlan::Kind::kDevices:
        step.kind = wire::MountStep::kDevices;
        return AttachDevices(step);
    }
    return Failure(Code::kInternal, "unknown step");
  }

  Status Attach(wire::MountStep& step, UniqueFd fd) {
    step.fd = static_cast<std::int16_t>(built_.fds.size());
    built_.fds.push_back(std::move(fd));
    if (built_.fds.size() <= wire::kMaxFds) return {};
    return Failure(Code::kInvalidArgument, "the root needs too many mounts", "rootfs_refused",
                   "use fewer binds, or a root with fewer top directories");
  }

  Result<UniqueFd> Mount(const MountPlan& each) {
    if (each.from == MountPlan::From::kBind) return Bind(each);
    const UniqueFd source = TRY(OpenAt(top_.get(), each.target.substr(1), O_PATH | O_NOFOLLOW));
    if (!sources_.root_dir || !ids_.mappable) return DetachedMount(source.get(), {}, each.target);
    // An image's root is the sandbox's root, and its user 1000 the guest's; all others are nobody.
    const int idmap = TRY(RootIdmap());
    Result<UniqueFd> mapped = DetachedMount(source.get(), {.idmap = idmap}, each.target);
    if (mapped || mapped.error().sys_errno != EINVAL) return mapped;
    return DetachedMount(source.get(), {}, each.target);
  }

  Result<int> RootIdmap() {
    if (!root_idmap_) {
      const SourceFacts& root = *facts_.root_dir;
      std::vector<IdShift> shifts = {
          {.from_uid = root.uid, .from_gid = root.gid, .to = ids_.setup}};
      if (root.uid != plan::kTaskId && root.gid != plan::kTaskId) {
        shifts.push_back({.from_uid = plan::kTaskId, .from_gid = plan::kTaskId, .to = ids_.task});
      }
      root_idmap_ = TRY(MakeIdmap(shifts));
    }
    return root_idmap_.get();
  }

  Result<UniqueFd> Bind(const MountPlan& each) {
    const int source = sources_.binds[each.index].get();
    const SourceFacts& facts = facts_.binds[each.index];
    // The guest is the caller: what is the caller's is its own without any map.
    if (ids_.one()) return DetachedMount(source, {.writable = each.writable}, facts.path);
    if (ids_.mappable) {
      const int idmap = TRY(idmaps_.For(facts));
      Result<UniqueFd> mapped =
          DetachedMount(source, {.writable = each.writable, .idmap = idmap}, facts.path);
      if (mapped || mapped.error().sys_errno != EINVAL) return mapped;
    }
    if (each.writable) {
      const std::string why = ids_.mappable ? "the file system of " + facts.path + " cannot map ids"
                                            : "only root may map the ids of " + facts.path;
      return Failure(Code::kFailedPrecondition,
                     "bind (--bind) to " + each.target + ": " + why + ", so it cannot be writable",
                     "bind_refused", ids_.mappable ? "bind it read-only" : kOwnIdFix);
    }
    built_.unmapped = true;
    return DetachedMount(source, {}, facts.path);
  }

  Status AttachDevices(wire::MountStep& step) {
    const auto first = static_cast<std::int16_t>(built_.fds.size());
    for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
      const std::string path = std::string("/dev/") + name;
      const UniqueFd source = TRY(Open(path, O_PATH | O_NOFOLLOW));
      UniqueFd mount =
          TRY(DetachedMount(source.get(), {.recursive = false, .device_node = true}, path));
      TRY(Attach(step, std::move(mount)));
    }
    step.fd = first;
    return {};
  }

  const plan::JailPlan& plan_;
  const plan::HostFacts& facts_;
  const Sources& sources_;
  SlotIds ids_;
  DirFd top_;
  UniqueFd root_idmap_;
  Idmaps idmaps_;
  BuiltSteps built_;
};

}  // namespace

Result<std::string> KernelName(int fd) {
  std::string path(PATH_MAX, '\0');
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  if (length < 0) return SysFailure("readlink", link);
  path.resize(static_cast<std::size_t>(length));
  return path;
}

Result<Sources> TakeSources(const model::SandboxSpec& spec, std::vector<UniqueFd> fds,
                            bool reopen) {
  const bool root = spec.root.kind == model::RootSource::Kind::kDir;
  const bool disk = spec.workspace.kind == model::WorkspaceKind::kDisk;
  if (fds.size() != (root ? 1U : 0U) + (disk ? 1U : 0U) + spec.binds.size()) {
    return Failure(Code::kInvalidArgument, "paths and descriptors differ in number",
                   "protocol_error");
  }
  Sources sources;
  std::size_t next = 0;
  if (root) sources.root_dir = std::move(fds[next++]);
  if (disk) sources.workspace = std::move(fds[next++]);
  while (next < fds.size()) sources.binds.push_back(std::move(fds[next++]));
  if (!reopen) return sources;
  if (root) TRY(OpenInOwnNamespace(sources.root_dir, "rootfs_refused"));
  if (disk) TRY(OpenInOwnNamespace(sources.workspace, "workspace_refused"));
  for (UniqueFd& bind : sources.binds) TRY(OpenInOwnNamespace(bind, "bind_refused"));
  return sources;
}

Result<plan::HostFacts> GatherFacts(const model::SandboxSpec& spec, const Sources& sources) {
  plan::HostFacts facts;
  facts.uid = ::geteuid();
  facts.limits = InheritedLimits();
  const LandlockSupport landlock = FindLandlock();
  facts.landlock_abi = landlock.abi;
  facts.landlock_errno = landlock.sys_errno;
  if (sources.root_dir) facts.root_dir = TRY(FactsOf(sources.root_dir.get()));
  if (sources.workspace) facts.workspace = TRY(FactsOf(sources.workspace.get()));
  for (const UniqueFd& bind : sources.binds) {
    SourceFacts source = TRY(FactsOf(bind.get()));
    facts.binds.push_back(std::move(source));
  }
  if (facts.root_dir && facts.root_dir->kind != SourceFacts::Kind::kDirectory) return facts;
  const DirFd top = TRY(OpenTop(sources));
  facts.root_entries =
      TRY(RootEntries(top.get(), spec.root.kind == model::RootSource::Kind::kHostDirs));
  TRY(LookUpPlaces(spec, top.get(), sources, facts));
  return facts;
}

Result<BuiltSteps> BuildSteps(const plan::JailPlan& plan, const plan::HostFacts& facts,
                              const Sources& sources, const SlotIds& ids) {
  return StepBuilder(plan, facts, sources, ids).Build();
}

}  // namespace fabro::jail::supervise
