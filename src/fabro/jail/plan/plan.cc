#include "fabro/jail/plan/plan.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "fabro/jail/child/wire.h"
#include "fabro/jail/plan/check.h"

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
    {"/etc/resolv.conf", "# no name server is reachable from here\n"},
};

std::string Filled(std::string text, const model::SandboxSpec& spec) {
  const auto replace = [&](std::string_view mark, const std::string& value) {
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
      text.replace(at, mark.size(), value);
      at += value.size();
    }
  };
  replace("@HOME@", spec.home.value());
  replace("@HOSTNAME@", spec.hostname);
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

std::vector<MountPlan> PlanMounts(const model::SandboxSpec& spec, const HostFacts& facts) {
  std::vector<MountPlan> mounts;
  for (const char* directory : {"/etc", "/etc/ssl", "/var", "/run"}) {
    mounts.push_back(Directory(directory));
  }
  mounts.push_back(Directory("/proc", 0555));
  mounts.push_back(Directory("/sys", 0555));
  for (const RootEntry& entry : facts.root_entries) AddRootEntry(mounts, entry);
  for (const EtcFile& file : kEtcFiles) mounts.push_back(File(file.path, Filled(file.text, spec)));
  // Mount points of the one writable tree, which init mounts.
  for (const std::string& path : {std::string("/tmp"), std::string("/var/tmp"),
                                  spec.workspace.target.value(), spec.home.value()}) {
    mounts.push_back(Directory(path));
  }
  mounts.push_back(File(kLandlockCanary, "Who can read this is not confined by Landlock.\n"));
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

Status CheckBindTarget(const model::SandboxSpec& spec, const HostFacts& facts, std::size_t index) {
  const model::Bind& bind = spec.binds[index];
  const std::string& target = bind.target.value();
  std::vector<std::string> ours = {"/proc",          "/sys",     "/dev",
                                   "/tmp",           "/var/tmp", spec.workspace.target.value(),
                                   spec.home.value()};
  for (const EtcFile& file : kEtcFiles) ours.emplace_back(file.path);
  for (const RootEntry& entry : facts.root_entries) ours.push_back(entry.path);
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

Status CheckDiskWorkspace(const HostFacts& facts) {
  const auto refused = [](std::string what, std::string fix) {
    return Failure(Code::kInvalidArgument, "workspace (--workspace disk:DIR): " + std::move(what),
                   "workspace_refused", std::move(fix));
  };
  if (!facts.workspace || facts.workspace->kind != SourceFacts::Kind::kDirectory) {
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

void ChooseWorkspaceSize(JailPlan& plan) {
  constexpr ByteSize kDefault = 100_MiB;
  constexpr std::uint64_t kBytesPerInode = 16384;
  constexpr std::uint64_t kFewestInodes = 1024;
  model::SandboxSpec& spec = plan.spec;
  const ByteSize half = spec.limits.memory ? ByteSize(spec.limits.memory->bytes() / 2) : kDefault;
  if (spec.workspace.kind == model::WorkspaceKind::kDisk) {
    plan.workspace_limit = "none";
    plan.shm_size = std::min(half, 64_MiB).bytes();
    return;
  }
  if (!spec.workspace.size) spec.workspace.size = std::min(kDefault, half);
  plan.workspace_limit = "tmpfs";
  plan.tmpfs_inodes = std::max(kFewestInodes, spec.workspace.size->bytes() / kBytesPerInode);
}

Status ChooseDegraded(JailPlan& plan) {
  if (plan.spec.level != model::Level::kHigh) return {};
  if (plan.workspace_limit != "none") return {};
  if (!MayLack(plan.spec, "workspace_limit")) {
    return Failure(
        Code::kFailedPrecondition,
        "level high (--level) wants a workspace with a byte limit, which a disk workspace "
        "does not have",
        "workspace_refused", "use --workspace memory or --degrade workspace_limit");
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
  text += " launch=" + std::string(ToString(*plan.spec.launch));
  text += " workspace=" + std::string(ToString(plan.spec.workspace.kind));
  text += " landlock=" + std::to_string(plan.landlock.abi);
  if (facts.root_dir) text += " root=" + identity(*facts.root_dir);
  for (const MountPlan& step : plan.mounts) {
    text +=
        '\n' + std::to_string(static_cast<int>(step.kind)) + ' ' + step.target + ' ' + step.text;
    if (step.from == From::kBind) text += ' ' + identity(facts.binds[step.index]);
    if (step.writable) text += " rw";
  }
  return text;
}

// Lowers to the inherited hard limit: inside a user namespace nobody can raise it again.
RlimitPlan Clamped(const HostFacts& facts, std::uint32_t resource, std::uint64_t value) {
  for (const InheritedLimit& limit : facts.limits) {
    if (limit.resource == resource) value = std::min(value, limit.hard);
  }
  return {.resource = resource, .soft = value, .hard = value};
}

template <typename T>
void ClampTo(std::optional<T>& limit, const std::optional<T>& most) {
  if (most && (!limit || *limit > *most)) limit = most;
}

std::vector<RlimitPlan> PlanRlimits(const model::Limits& limits, const JailPlan& jail,
                                    const HostFacts& facts) {
  constexpr std::uint64_t kCoreNever = 1;     // 0 would still feed a core_pattern that is a pipe.
  constexpr std::uint64_t kNprocMargin = 64;  // The group's pids limit must be met first.
  std::vector<RlimitPlan> plan;
  const auto set = [&](std::uint32_t resource, std::uint64_t value) {
    plan.push_back(Clamped(facts, resource, value));
  };
  set(RLIMIT_CORE, kCoreNever);
  set(RLIMIT_STACK, 8U << 20U);
  set(RLIMIT_MEMLOCK, 64U << 10U);
  set(RLIMIT_MSGQUEUE, 819'200);
  set(RLIMIT_SIGPENDING, 256);
  set(RLIMIT_NICE, 0);
  set(RLIMIT_RTPRIO, 0);
  set(RLIMIT_RTTIME, 0);
  if (jail.spec.workspace.size) {
    set(RLIMIT_FSIZE, jail.spec.workspace.size->bytes() + (1U << 20U));  // ENOSPC comes first.
  }
  if (limits.open_files) set(RLIMIT_NOFILE, *limits.open_files);
  if (jail.spec.limits.pids) set(RLIMIT_NPROC, *jail.spec.limits.pids + kNprocMargin);
  if (limits.cpu_time) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*limits.cpu_time).count();
    set(RLIMIT_CPU, static_cast<std::uint64_t>(seconds) + 1);
  }
  return plan;
}

}  // namespace

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
  if (facts.uid != 0) {
    return Failure(Code::kUnimplemented,
                   "isolation (12, c and d) for users other than root is not built yet",
                   "isolation_unavailable", "run it as root: sudo faber run …");
  }
  if (facts.binds.size() != spec.binds.size()) {
    return Invalid("binds", "--bind", "and their descriptors differ in number");
  }
  if (spec.root.kind == model::RootSource::Kind::kDir) TRY(CheckRootDir(facts));
  if (spec.workspace.kind == model::WorkspaceKind::kDisk) TRY(CheckDiskWorkspace(facts));
  for (std::size_t i = 0; i < spec.binds.size(); ++i) {
    TRY(CheckBindSource(spec.binds[i], facts.binds[i], facts.uid));
    TRY(CheckBindTarget(spec, facts, i));
  }
  JailPlan plan;
  plan.spec = spec;
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
  ChooseWorkspaceSize(plan);
  TRY(ChooseDegraded(plan));
  plan.mounts = PlanMounts(plan.spec, facts);
  if (plan.mounts.size() > wire::kMaxMounts) {
    return Failure(Code::kInvalidArgument,
                   "the root would have " + std::to_string(plan.mounts.size()) +
                       " mounts and files: at most " + std::to_string(wire::kMaxMounts),
                   "rootfs_refused", "use fewer binds, or a root with fewer top directories");
  }
  TRY(ChooseLandlock(plan, facts));
  plan.policy = PolicyText(plan, facts);
  return plan;
}

Result<ExecPlan> PlanExec(const model::ExecSpec& spec, const JailPlan& jail,
                          const HostFacts& facts) {
  TRY(CheckExec(spec));
  if (spec.tty && !jail.spec.tty) {
    return Invalid("tty", "--tty", "was not asked for when the sandbox was made");
  }
  ExecPlan plan;
  plan.spec = spec;
  if (plan.spec.cwd.value().empty()) plan.spec.cwd = jail.spec.workspace.target;
  model::Limits& limits = plan.spec.limits;
  ClampTo(limits.memory, jail.spec.limits.memory);
  ClampTo(limits.pids, jail.spec.limits.pids);
  ClampTo(limits.cpu_millis, jail.spec.limits.cpu_millis);
  ClampTo(limits.cpu_time, jail.spec.limits.cpu_time);
  ClampTo(limits.wall_time, jail.spec.limits.wall_time);
  ClampTo(limits.open_files, jail.spec.limits.open_files);
  ClampTo(limits.output, jail.spec.limits.output);
  plan.path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const std::string& entry : spec.env) {
    if (entry.starts_with("PATH=")) plan.path = entry.substr(5);
  }
  if (plan.path.size() >= wire::kPathMax) {
    return Invalid("env", "--env",
                   "PATH has more than " + std::to_string(wire::kPathMax - 1) + " bytes",
                   "shorten PATH, or give argv[0] as an absolute path");
  }
  plan.rlimits = PlanRlimits(limits, jail, facts);
  return plan;
}

}  // namespace fabro::jail::plan
