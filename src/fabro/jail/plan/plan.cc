#include "fabro/jail/plan/plan.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "fabro/jail/child/wire.h"
#include "fabro/jail/plan/check.h"
#include "fabro/jail/plan/network.h"
#include "fabro/jail/plan/paths.h"
#include "fabro/model/capability.h"

namespace fabro::jail::plan {
namespace {

using Kind = MountPlan::Kind;
using From = MountPlan::From;

// What we write into /etc ourselves, whatever the root source has there.
struct EtcFile {
  const char* path;
  const char* text;
};
constexpr EtcFile kEtcFiles[] = {
    {"/etc/passwd",
     "root:x:0:0:root:/root:/usr/sbin/nologin\nagent:x:1000:1000:agent:@HOME@:/bin/sh\n"
     "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
    {"/etc/group", "root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n"},
    {"/etc/hosts", "127.0.0.1 localhost @HOSTNAME@\n::1 localhost ip6-localhost\n"},
    {"/etc/hostname", "@HOSTNAME@\n"},
    {"/etc/nsswitch.conf",
     "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n"
     "protocols: files\n"},
    {"/etc/resolv.conf", "@RESOLVER@\n"},
};

constexpr char kNoProgram[] =
    "no_program_reachable: every directory of programs is blocked; another root (--rootfs, "
    "sandbox.rootfs) brings programs that are not this machine's";

std::string Filled(std::string text, const model::SandboxSpec& spec) {
  const auto replace = [&](std::string_view mark, const std::string& value) {
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
      text.replace(at, mark.size(), value);
      at += value.size();
    }
  };
  replace("@HOME@", spec.home.value());
  replace("@HOSTNAME@", spec.hostname);
  replace("@RESOLVER@", Resolvers(spec));
  return text;
}

MountPlan Directory(std::string target, std::uint32_t mode = 0755) {
  MountPlan step;
  step.kind = Kind::kDirectory;
  step.target = std::move(target);
  step.mode = mode;
  return step;
}

MountPlan File(std::string target, std::string content) {
  MountPlan step;
  step.kind = Kind::kFile;
  step.target = std::move(target);
  step.text = std::move(content);
  step.mode = 0644;
  step.from = From::kText;
  return step;
}

void AddRootEntry(std::vector<MountPlan>& mounts, const RootEntry& entry) {
  MountPlan step;
  step.target = entry.path;
  if (entry.kind == RootEntry::Kind::kSymlink) {
    step.kind = Kind::kSymlink;
    step.text = entry.link;
    mounts.push_back(std::move(step));
    return;
  }
  const bool directory = entry.kind == RootEntry::Kind::kDirectory;
  mounts.push_back(directory ? Directory(entry.path) : File(entry.path, ""));
  step.kind = Kind::kMount;
  step.from = From::kRootEntry;
  mounts.push_back(std::move(step));
}

// Over the image's own where its /etc is one piece, which is read-only.
void AddEtcFiles(std::vector<MountPlan>& mounts, const model::SandboxSpec& spec,
                 const HostFacts& facts) {
  const bool whole = std::ranges::any_of(facts.root_entries, [&](const RootEntry& entry) {
    return entry.path == "/etc" && IsShown(spec, facts, entry);
  });
  for (const EtcFile& file : kEtcFiles) {
    mounts.push_back(File(file.path, Filled(file.text, spec)));
    if (whole) mounts.back().kind = Kind::kCover;
  }
}

std::vector<MountPlan> PlanMounts(const model::SandboxSpec& spec, const HostFacts& facts,
                                  const std::vector<WritablePlace>& places) {
  std::vector<MountPlan> mounts = PlanPlaceholders(spec, facts, places);
  for (const char* directory : {"/etc", "/var", "/run", "/tmp", "/var/tmp"}) {
    mounts.push_back(Directory(directory));
  }
  mounts.push_back(Directory(spec.home.value()));
  mounts.push_back(Directory("/proc", 0555));
  mounts.push_back(Directory("/sys", 0555));
  for (const RootEntry& entry : facts.root_entries) {
    if (IsShown(spec, facts, entry)) AddRootEntry(mounts, entry);
  }
  mounts.push_back(File(kLandlockCanary, "Who can read this is not confined by Landlock.\n"));
  AddEtcFiles(mounts, spec, facts);
  mounts.push_back(Directory("/dev"));
  MountPlan devices;
  devices.kind = Kind::kDevices;
  devices.target = "/dev";
  mounts.push_back(std::move(devices));
  for (std::size_t i = 0; i < spec.binds.size(); ++i) {
    const std::string& target = spec.binds[i].target.value();
    const bool directory = facts.binds[i].kind == SourceFacts::Kind::kDirectory;
    if (!directory) {
      const std::size_t slash = target.rfind('/');
      if (slash > 0) mounts.push_back(Directory(target.substr(0, slash)));
    }
    mounts.push_back(directory ? Directory(target) : File(target, ""));
    MountPlan step;
    step.kind = Kind::kMount;
    step.target = target;
    step.from = From::kBind;
    step.index = i;
    step.writable = spec.binds[i].writable;
    mounts.push_back(std::move(step));
  }
  std::vector<MountPlan> masks = PlanMasks(spec, facts);
  std::move(masks.begin(), masks.end(), std::back_inserter(mounts));
  // Mount points of the one writable tree, which init mounts; some may lie in a mask.
  for (const WritablePlace& place : places) {
    const bool own = place.target == "/tmp" || place.target == "/var/tmp" ||
                     place.target == "/dev/shm" || place.target == spec.home.value();
    if (!own) mounts.push_back(Directory(place.target));
  }
  return mounts;
}

Error BindRefused(const model::Bind& bind, std::string_view what, std::string fix = {}) {
  return Failure(Code::kInvalidArgument,
                 "bind (--bind) to " + bind.target.value() + ": " + std::string(what),
                 "bind_refused", std::move(fix));
}

Status CheckBindSource(const model::Bind& bind, const SourceFacts& source, std::uint32_t uid) {
  // Whole trees of the machine that carry its secrets or its controls; what lies below /dev and
  // their like is caught by its file system.
  static constexpr std::string_view kNever[] = {"/",    "/proc", "/sys",
                                                "/dev", "/boot", "/run/faber"};
  if (source.kind == SourceFacts::Kind::kSymlink) {
    return BindRefused(bind, source.path + " is a symbolic link",
                       "name the file that it points to");
  }
  if (source.kind == SourceFacts::Kind::kOther) {
    return BindRefused(bind, source.path + " is neither a directory nor a regular file",
                       "a socket, FIFO or device cannot be bound");
  }
  for (const std::string_view never : kNever) {
    // A directory above one of them brings it along: a bind takes what is mounted below, too.
    if (IsWithin(never, source.path) || (never != "/" && IsWithin(source.path, never))) {
      return BindRefused(bind, source.path + " belongs to the machine",
                         "bind a narrower directory");
    }
  }
  if (source.kernel_interface) {
    return BindRefused(bind, source.path + " is on a file system of the kernel's own");
  }
  if (bind.writable && uid != 0 && source.uid != uid) {
    return BindRefused(bind, source.path + " belongs to somebody else, so it cannot be writable",
                       "bind it read-only");
  }
  return {};
}

Status CheckBindTarget(const model::SandboxSpec& spec, const HostFacts& facts,
                       const std::vector<WritablePlace>& places, std::size_t index) {
  const model::Bind& bind = spec.binds[index];
  const std::string& target = bind.target.value();
  std::vector<std::string> ours = {"/proc", "/sys", "/dev"};
  for (const WritablePlace& place : places) ours.push_back(place.target);
  for (const EtcFile& file : kEtcFiles) ours.emplace_back(file.path);
  for (const RootEntry& entry : facts.root_entries) {
    if (IsShown(spec, facts, entry)) ours.push_back(entry.path);
  }
  for (const std::string& each : ours) {
    if (IsWithin(target, each) || IsWithin(each, target)) {
      return BindRefused(bind, "the sandbox has its own " + each + " there",
                         "use another target, such as /src");
    }
  }
  for (std::size_t other = 0; other < index; ++other) {
    const std::string& taken = spec.binds[other].target.value();
    if (Narrows(spec, facts, index, other)) continue;
    if (IsWithin(target, taken) || IsWithin(taken, target)) {
      return BindRefused(bind, "overlaps the bind to " + taken);
    }
  }
  return {};
}

Status CheckRootDir(const HostFacts& facts) {
  if (!facts.root_dir || facts.root_dir->kind != SourceFacts::Kind::kDirectory) {
    return Failure(Code::kInvalidArgument, "rootfs (--rootfs dir:PATH) is no directory",
                   "rootfs_refused", "name the top directory of an unpacked root file system");
  }
  if (facts.root_dir->path == "/" || facts.root_dir->kernel_interface) {
    return Failure(Code::kInvalidArgument,
                   "rootfs (--rootfs dir:PATH) must not be " + facts.root_dir->path,
                   "rootfs_refused", "use --rootfs host-dirs for programs of this machine");
  }
  return {};
}

Status CheckDiskWorkspace(const model::SandboxSpec& spec, const HostFacts& facts) {
  const auto refused = [](std::string what, std::string fix) {
    return Failure(Code::kInvalidArgument, "workspace (--workspace disk:DIR): " + std::move(what),
                   "workspace_refused", std::move(fix));
  };
  const bool image =
      spec.workspace.size && facts.workspace && facts.workspace->kind == SourceFacts::Kind::kFile;
  if (!image && (!facts.workspace || facts.workspace->kind != SourceFacts::Kind::kDirectory)) {
    return refused("is no directory", "make the directory first");
  }
  const SourceFacts& source = *facts.workspace;
  if (source.path == "/" || source.kernel_interface) {
    return refused("must not be " + source.path, "use a directory of its own");
  }
  if (source.uid != facts.uid) {
    return refused(source.path + " does not belong to the caller",
                   "chown it, or use a directory of your own");
  }
  if ((source.mode & 077) != 0) {
    // The guest may leave set-id files of the owner in it: nobody else may reach them.
    return refused(source.path + " is open to other users", "chmod 700 " + source.path);
  }
  return {};
}

void ChooseWorkspaceSize(JailPlan& plan, const HostFacts& facts) {
  constexpr ByteSize kDefault = 100_MiB;
  model::SandboxSpec& spec = plan.spec;
  const ByteSize half = spec.limits.memory ? ByteSize(spec.limits.memory->bytes() / 2) : kDefault;
  if (spec.workspace.kind == model::WorkspaceKind::kDisk) {
    const bool image = facts.workspace->kind == SourceFacts::Kind::kFile;
    plan.workspace_limit = !spec.workspace.size ? "none" : image ? "loop" : "quota";
    if (spec.workspace.size) plan.tmpfs_inodes = InodesOf(*spec.workspace.size);
    // Shared memory is never on disk: a tmpfs of its own where it is allowed.
    const auto shm = std::ranges::find(plan.places, "/dev/shm", &WritablePlace::target);
    if (shm != plan.places.end()) {
      plan.places.erase(shm);
      plan.shm_size = std::min(half, 64_MiB).bytes();
    }
    return;
  }
  if (!spec.workspace.size) spec.workspace.size = std::min(kDefault, half);
  plan.workspace_limit = "tmpfs";
  plan.tmpfs_inodes = InodesOf(*spec.workspace.size);
  // The tree's own directories come on top, so that the guest has what was said.
  const std::uint64_t ours = 1 + plan.places.size();
  if (spec.workspace.inodes) plan.tmpfs_inodes = *spec.workspace.inodes + ours;
}

Status ChooseDegraded(JailPlan& plan) {
  if (plan.spec.level != model::Level::kHigh) return {};
  if (plan.workspace_limit != "none") return {};
  if (!MayLack(plan.spec, "workspace_limit")) {
    return Failure(
        Code::kFailedPrecondition,
        "level high (--level) wants a workspace with a byte limit, which a disk workspace "
        "does not have",
        "workspace_refused",
        "give it a size (--tmpfs, resources.disk), use --workspace memory or --degrade "
        "workspace_limit");
  }
  plan.degraded.emplace_back("workspace_limit");
  return {};
}

// Everything that a slot keeps from one Jail to the next, as text.
std::string PolicyText(const JailPlan& plan, const HostFacts& facts) {
  const auto identity = [](const SourceFacts& source) {
    return std::to_string(source.device) + ":" + std::to_string(source.inode) + ":" +
           std::to_string(source.uid) + ":" + std::to_string(source.gid);
  };
  std::string text = "level=" + std::string(ToString(plan.spec.level));
  text += " network=" + std::string(ToString(*plan.spec.network));
  text += EgressText(plan.spec);
  text += " launch=" + std::string(ToString(*plan.spec.launch));
  text += " workspace=" + std::string(ToString(plan.spec.workspace.kind));
  text += " landlock=" + std::to_string(plan.landlock.abi);
  text += " capabilities=" + std::to_string(plan.capabilities);
  // Places are mounted for each Jail, but over mount points of the slot.
  for (const WritablePlace& place : plan.places) text += " place=" + place.target;
  if (facts.root_dir) text += " root=" + identity(*facts.root_dir);
  for (const MountPlan& step : plan.mounts) {
    text +=
        '\n' + std::to_string(static_cast<int>(step.kind)) + ' ' + step.target + ' ' + step.text;
    if (step.from == From::kBind) text += ' ' + identity(facts.binds[step.index]);
    if (step.writable) text += " rw";
  }
  return text;
}

}  // namespace

std::uint64_t InodesOf(ByteSize size) {
  constexpr std::uint64_t kBytesPerInode = 16384;
  constexpr std::uint64_t kFewest = 1024;
  return std::max(kFewest, size.bytes() / kBytesPerInode);
}

const std::vector<std::string>& HostDirs() {
  static const std::vector<std::string> kDirs = {"/usr", "/bin",   "/sbin",
                                                 "/lib", "/lib32", "/lib64"};
  return kDirs;
}

const std::vector<std::string>& HostEtc() {
  static const std::vector<std::string> kEtc = {"/etc/alternatives",    "/etc/ssl/certs",
                                                "/etc/ca-certificates", "/etc/ld.so.cache",
                                                "/etc/ld.so.conf.d",    "/etc/localtime"};
  return kEtc;
}

Result<JailPlan> PlanJail(const model::SandboxSpec& spec, const HostFacts& facts) {
  TRY(CheckSandbox(spec));
  if (facts.binds.size() != spec.binds.size()) {
    return Invalid("binds", "--bind", "and their descriptors differ in number");
  }
  if (spec.root.kind == model::RootSource::Kind::kDir) TRY(CheckRootDir(facts));
  if (spec.workspace.kind == model::WorkspaceKind::kDisk) TRY(CheckDiskWorkspace(spec, facts));
  for (std::size_t i = 0; i < spec.binds.size(); ++i) {
    TRY(CheckBindSource(spec.binds[i], facts.binds[i], facts.uid));
  }
  JailPlan plan;
  plan.spec = spec;
  plan.places = TRY(PlanPlaces(spec, facts));
  for (std::size_t i = 0; i < spec.binds.size(); ++i) {
    TRY(CheckBindTarget(spec, facts, plan.places, i));
  }
  if (NoProgramReachable(spec, facts)) plan.notices.emplace_back(kNoProgram);
  if (!spec.network) {
    plan.spec.network = spec.level == model::Level::kHigh ? model::NetworkMode::kNone
                                                          : model::NetworkMode::kLoopback;
  }
  if (!spec.launch) {
    plan.spec.launch = plan.spec.network == model::NetworkMode::kNone ? model::Launch::kSealed
                                                                      : model::Launch::kStrict;
  }
  // What a guest nested at level low may outlive its last process for a while: in no slot of
  // others.
  if (spec.level == model::Level::kLow) plan.spec.fresh = true;
  plan.local_routes = LocalRoutes(plan.spec);
  ChooseWorkspaceSize(plan, facts);
  // What a guest writes through a bind is reachable by others outside. All else is in a tmpfs that
  // no path leads to, or below a directory of 0700 whose owner, root, has every group's rights.
  plan.set_gid = std::ranges::none_of(spec.binds, &model::Bind::writable) && facts.uid == 0;
  TRY(ChooseDegraded(plan));
  plan.mounts = PlanMounts(plan.spec, facts, plan.places);
  if (plan.mounts.size() > wire::kMaxMounts) {
    return Failure(Code::kInvalidArgument,
                   "the root would have " + std::to_string(plan.mounts.size()) +
                       " mounts and files: at most " + std::to_string(wire::kMaxMounts),
                   "rootfs_refused", "use fewer binds, or a root with fewer top directories");
  }
  TRY(ChooseLandlock(plan, facts));
  plan.capabilities =
      TRY(model::CapabilityMask("capabilities (--cap-add)", spec.capabilities, spec.level));
  plan.policy = PolicyText(plan, facts);
  return plan;
}

}  // namespace fabro::jail::plan
