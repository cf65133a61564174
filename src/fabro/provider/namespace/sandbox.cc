#include "fabro/provider/namespace/sandbox.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fabro/base/clock.h"
#include "fabro/image/image.h"
#include "fabro/linux/file.h"
#include "fabro/provider/common/exec_buffered.h"
#include "fabro/provider/common/paths.h"
#include "fabro/provider/namespace/workspace.h"

namespace fabro::provider {
namespace {

constexpr char kTreeInBindMode[] = "/var/workspace";  // Where the unused part of the tree stands.

}  // namespace

Result<bool> NamespaceSandbox::FindKeptTree() {
  if (::access(directory_.c_str(), F_OK) != 0) return false;
  auto found = LoadMarker(directory_);
  if (!found.ok() || found->run_id != config_.context.run_id) {
    return Failure(Code::kFailedPrecondition, directory_ + " is not this run's sandbox",
                   "sandbox_not_ours");
  }
  const bool alive = TRY(InitIsAlive(*found));
  if (alive) {
    return Failure(Code::kFailedPrecondition, "the sandbox of this run is in use", "sandbox_in_use",
                   "fabro cancel " + config_.context.run_id);
  }
  if (found->state == MarkerState::kCreating || found->workspace_limit == "tmpfs") {
    // It never got as far as a workspace, or had it in memory: nothing of the run is in it.
    TRY(DestroyNamespaceSandbox(config_.context.storage, config_.context.run_id));
    return false;
  }
  marker_ = *std::move(found);
  return true;
}

Status NamespaceSandbox::Save(MarkerState state) {
  marker_.state = state;
  return SaveMarker(directory_, marker_);
}

Status NamespaceSandbox::MakeDirectory() {
  TRY(MakeDirs(config_.context.storage + "/sandboxes", 0700));
  TRY(MakeDirs(directory_, 0700));
  marker_ = Marker();
  marker_.run_id = config_.context.run_id;
  marker_.sandbox_id = SandboxIdOf(marker_.run_id);
  marker_.level = ToString(config_.level);
  marker_.rootfs = model::ToString(config_.root);
  marker_.created_at = Rfc3339(RealClock().WallNow());
  TRY(Save(MarkerState::kCreating));
  return MakeDirs(directory_ + "/rw", 0700);
}

// The same bytes for the sandbox's whole life, whatever its tag or file says by now.
Status NamespaceSandbox::OpenRoot() {
  using Kind = model::RootSource::Kind;
  const model::RootSource asked = config_.root;
  if (asked.kind != Kind::kTar && asked.kind != Kind::kOci) return {};
  image::Options options;
  options.cache = config_.context.storage + "/images";
  if (const std::string& jailer = config_.context.jailer; jailer.find('/') != std::string::npos) {
    options.program = jailer.substr(0, jailer.rfind('/') + 1) + "faber-unpack";
  }
  image::Image image =
      TRY(marker_.rootfs_digest.empty() ? image::Open(asked, options)
                                        : image::OpenCached(marker_.rootfs_digest, options));
  if (marker_.rootfs_digest.empty()) {
    marker_.rootfs_digest = image.digest;
    TRY(Save(marker_.state));
  }
  root_ = {.kind = Kind::kDir, .dir = std::move(image.root), .tag = {}};
  image_env_ = std::move(image.env);
  return {};
}

Result<model::SandboxSpec> NamespaceSandbox::SpecOf() const {
  model::SandboxSpec spec;
  spec.level = config_.level;
  spec.network = config_.network;
  spec.egress = config_.egress;
  if (!spec.network && config_.level != model::Level::kHigh) {
    spec.network = model::NetworkMode::kLoopback;
  }
  spec.root = root_;
  spec.limits = config_.limits;
  spec.home = GuestPath(kHome);
  spec.degrade = config_.degrade;
  spec.workspace.size = config_.disk;
  if (!config_.in_memory) {
    spec.workspace.kind = model::WorkspaceKind::kDisk;
    spec.workspace.dir = HostPath(directory_ + "/rw");
  }
  spec.workspace.target = GuestPath(kWorkspace);
  if (config_.workspace == WorkspaceMode::kBind) {
    const std::string& source = config_.context.host_directory;
    TRY(CheckBindSource(source, config_.context.storage));
    spec.workspace.target = GuestPath(kTreeInBindMode);
    spec.binds.push_back({HostPath(source), GuestPath(kWorkspace), true});
    struct stat info{};
    // Hooks and settings written there would run on this machine with the user's rights.
    const std::string git_dir = source + "/.git";
    const bool there = ::lstat(git_dir.c_str(), &info) == 0;
    if (there && !S_ISDIR(info.st_mode)) {
      return Failure(Code::kFailedPrecondition,
                     git_dir + " is no directory and cannot be protected", "bind_refused",
                     "run in the main work tree, or without --in-place");
    }
    if (there) {
      spec.binds.push_back(
          {HostPath(git_dir), GuestPath(std::string(kWorkspace) + "/.git"), false});
    }
  }
  spec.binds.insert(spec.binds.end(), config_.binds.begin(), config_.binds.end());
  return spec;
}

Status NamespaceSandbox::StartJail() {
  const model::SandboxSpec spec = TRY(SpecOf());
  jail::Jailer::Options options;
  options.program = config_.context.jailer;
  jail::Jailer jailer = TRY_IN("starting the jailer", jail::Jailer::Open(options));
  jail::Jail jail = TRY_IN("creating the sandbox", jail::Jail::Create(std::move(jailer), spec));
  marker_.boot_id = TRY(BootId());
  marker_.init = TRY(IdentifyProcess(jail.info().init_pid));
  marker_.workspace_limit = jail.info().workspace_limit;
  TRY(Save(marker_.state));
  jail_.emplace(std::move(jail));
  return {};
}

Status NamespaceSandbox::Fill(bool kept) {
  if (kept) {
    const std::string& was = marker_.workspace;
    filled_ = was == "clone" ? WorkspaceMode::kClone
                             : (was == "bind" ? WorkspaceMode::kBind : WorkspaceMode::kEmpty);
    return {};
  }
  filled_ = TRY_IN("filling the workspace",
                   FillWorkspace(*this, config_, directory_ + "/in.bundle", notices_));
  marker_.workspace = ToString(filled_);
  return {};
}

Status NamespaceSandbox::CheckHealth() {
  ExecRequest request;
  request.command = "echo fabro-ready";
  request.cwd = kWorkspace;
  const BufferedResult done = TRY(ExecBuffered(*this, request, 4096));
  if (done.result.exit_code == 0 && done.out == "fabro-ready\n") return {};
  return Failure(Code::kFailedPrecondition,
                 "the sandbox does not run commands: " + done.err.substr(0, 500), "health_check",
                 "the root needs /bin/bash: check namespace.rootfs or image.docker");
}

Status NamespaceSandbox::MakeWorkingDirectory() {
  if (WorkingDirectory() == kWorkspace) return {};
  ExecRequest request;
  request.argv = {"/bin/mkdir", "-p", "--", WorkingDirectory()};
  request.cwd = kWorkspace;
  const BufferedResult done = TRY(ExecBuffered(*this, request, 4096));
  if (done.result.exit_code == 0) return {};
  return Failure(Code::kInvalidArgument, "run.working_dir: " + done.err.substr(0, 500),
                 "working_dir_invalid");
}

Status NamespaceSandbox::BringUp(bool kept) {
  root_ = config_.root;
  TRY_IN("opening the root", OpenRoot());
  TRY(StartJail());
  initialized_ = true;  // From here commands run: the workspace is filled by some.
  TRY_IN("health check", CheckHealth());
  TRY(Fill(kept));
  TRY(MakeWorkingDirectory());
  return Save(MarkerState::kReady);
}

Status NamespaceSandbox::Initialize() {
  if (initialized_) {
    return Failure(Code::kFailedPrecondition, "the sandbox is already initialized",
                   "already_initialized");
  }
  const bool kept = TRY(FindKeptTree());
  if (!kept) TRY_IN("writing the marker", MakeDirectory());
  Status up = BringUp(kept);
  if (up.ok()) return up;
  initialized_ = false;
  jail_.reset();
  // What was made now is undone; a tree that was there before is the run's and stays.
  if (!kept) (void)DestroyNamespaceSandbox(config_.context.storage, config_.context.run_id);
  return up;
}

Status NamespaceSandbox::Stop() {
  if (!jail_) return {};
  const Status stopped = jail_->Stop();
  jail_.reset();
  marker_.init = {};
  TRY(Save(MarkerState::kStopped));
  return stopped;
}

Status NamespaceSandbox::Cleanup() {
  if (jail_) {
    // What does not stop in time is killed by its init below.
    (void)jail_->Stop();
    jail_.reset();
  }
  return DestroyNamespaceSandbox(config_.context.storage, config_.context.run_id);
}

std::string NamespaceSandbox::WorkingDirectory() const {
  const std::string& wanted = config_.context.working_dir;
  if (wanted.empty()) return kWorkspace;
  return NormalizePath(wanted.front() == '/' ? wanted : std::string(kWorkspace) + "/" + wanted);
}

std::string NamespaceSandbox::Platform() const {
  utsname name{};
  return ::uname(&name) == 0 ? std::string("linux ") + name.release : "linux";
}

SandboxInfo NamespaceSandbox::Info() const {
  SandboxInfo info;
  info.provider = "namespace";
  info.identifier = SandboxIdOf(config_.context.run_id);
  info.working_directory = WorkingDirectory();
  info.notices = notices_;
  info.workspace = TreeOnHost();
  info.details = {{"level", marker_.level},
                  {"rootfs", marker_.rootfs},
                  {"workspace", marker_.workspace},
                  {"workspace_limit", marker_.workspace_limit},
                  {"network", Network().mode}};
  if (!marker_.rootfs_digest.empty()) {
    info.details.emplace_back("rootfs_digest", marker_.rootfs_digest);
  }
  if (!jail_) return info;
  const auto joined = [](const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
    return text;
  };
  info.details.emplace_back("shared", joined(jail_->info().shared));
  info.details.emplace_back("degraded", joined(jail_->info().degraded));
  info.details.emplace_back("cgroup", jail_->info().cgroup_mode);
  return info;
}

// Where the workspace can be looked at from outside; empty: nowhere.
std::string NamespaceSandbox::TreeOnHost() const {
  if (config_.workspace == WorkspaceMode::kBind) return config_.context.host_directory;
  if (marker_.workspace_limit == "tmpfs") return "";
  return directory_ + (marker_.workspace_limit == "loop" ? "/rw/workspace.ext4" : "/rw/workspace");
}

NetworkPolicy NamespaceSandbox::Network() const {
  const bool none = config_.network == model::NetworkMode::kNone ||
                    (!config_.network && config_.level == model::Level::kHigh);
  if (config_.network == model::NetworkMode::kEgress) {
    const char* mode = config_.egress.allow_all ? "allow_all" : "host_allow_list";
    return {mode, "names and addresses by faber-egressd"};
  }
  return {"block", none ? "no sockets" : "network namespace with loopback only"};
}

std::string_view ToString(WorkspaceMode mode) {
  if (mode == WorkspaceMode::kClone) return "clone";
  return mode == WorkspaceMode::kBind ? "bind" : "empty";
}

std::unique_ptr<Sandbox> MakeNamespaceSandbox(NamespaceConfig config) {
  return std::make_unique<NamespaceSandbox>(std::move(config));
}

}  // namespace fabro::provider
