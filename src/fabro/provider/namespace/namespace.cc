#include "fabro/provider/namespace/namespace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "fabro/base/clock.h"
#include "fabro/jail/files.h"
#include "fabro/jail/jail.h"
#include "fabro/jail/relay.h"
#include "fabro/linux/file.h"
#include "fabro/provider/common/exec_buffered.h"
#include "fabro/provider/common/glob.h"
#include "fabro/provider/common/grep.h"
#include "fabro/provider/common/paths.h"
#include "fabro/provider/namespace/marker.h"
#include "fabro/provider/namespace/outcome.h"
#include "fabro/provider/namespace/workspace.h"

namespace fabro::provider {
namespace {

constexpr char kShell[] = "/bin/bash";
constexpr char kHome[] = "/home/agent";
constexpr char kTreeInBindMode[] = "/var/workspace";  // Where the unused part of the tree stands.
constexpr ByteSize kMaxRead = 64_MiB;
constexpr std::size_t kMaxEntries = 1'000'000;
constexpr char kMarkVariable[] = "FABRO_EXEC";

// What every command sees before the environment's own variables; nothing of this machine's.
std::map<std::string, std::string> BaseEnvironment() {
  return {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
          {"HOME", kHome},
          {"USER", "agent"},
          {"SHELL", kShell},
          {"LANG", "C.UTF-8"},
          {"TERM", "dumb"},
          {"TMPDIR", "/tmp"}};
}

class NamespaceSandbox final : public Sandbox {
 public:
  explicit NamespaceSandbox(NamespaceConfig config)
      : config_(std::move(config)),
        directory_(SandboxDir(config_.context.storage, config_.context.run_id)) {}

  Status Initialize() override;
  Status Stop() override;
  Status Cleanup() override;
  Result<ExecResult> Exec(const ExecRequest& request) override;
  Result<std::string> ReadFile(std::string_view path) override;
  Status WriteFile(std::string_view path, std::string_view content) override;
  Status DeleteFile(std::string_view path) override;
  Result<bool> FileExists(std::string_view path) override;
  Result<std::vector<DirectoryEntry>> ListDirectory(std::string_view path,
                                                    std::uint32_t depth) override;
  Result<std::vector<std::string>> Grep(std::string_view pattern, std::string_view path,
                                        const GrepOptions& options) override;
  Result<std::vector<std::string>> Glob(std::string_view pattern, std::string_view path) override;
  Status Upload(const std::string& host_path, std::string_view path) override;
  Status Download(std::string_view path, const std::string& host_path) override;
  std::string WorkingDirectory() const override;
  std::string Platform() const override;
  SandboxInfo Info() const override;
  NetworkPolicy Network() const override;

 private:
  // True when a tree of this run is there to go on with.
  Result<bool> FindKeptTree();
  Status MakeDirectory();
  Result<model::SandboxSpec> SpecOf() const;
  Status StartJail();
  Status Fill(bool kept);
  Status CheckHealth();
  Status MakeWorkingDirectory();
  Status BringUp(bool kept);
  Status Save(MarkerState state);
  Result<std::string> PathOf(std::string_view path) const;
  Result<ExecResult> NotExecuted(const model::Outcome& outcome, const std::string& cwd);

  NamespaceConfig config_;
  std::string directory_;
  Marker marker_;
  bool initialized_ = false;
  std::optional<jail::Jail> jail_;
  WorkspaceMode filled_ = WorkspaceMode::kEmpty;
  std::vector<Notice> notices_;
  std::atomic<std::uint64_t> next_exec_{1};
  std::mutex grep_mutex_;
  std::optional<GrepTool> grep_tool_;
};

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
  if (found->state == MarkerState::kCreating) {
    // It never got as far as a workspace: nothing of the run is in it.
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
  const bool host = config_.root.kind == model::RootSource::Kind::kHostDirs;
  marker_.rootfs = host ? "host-dirs" : "dir:" + config_.root.dir.value();
  marker_.created_at = Rfc3339(RealClock().WallNow());
  TRY(Save(MarkerState::kCreating));
  return MakeDirs(directory_ + "/rw", 0700);
}

Result<model::SandboxSpec> NamespaceSandbox::SpecOf() const {
  model::SandboxSpec spec;
  spec.level = config_.level;
  spec.network = config_.network;
  if (!spec.network && config_.level != model::Level::kHigh) {
    spec.network = model::NetworkMode::kLoopback;
  }
  spec.root = config_.root;
  spec.limits = config_.limits;
  spec.home = GuestPath(kHome);
  spec.degrade = config_.degrade;
  spec.workspace.kind = model::WorkspaceKind::kDisk;
  spec.workspace.dir = HostPath(directory_ + "/rw");
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
                 "the root needs /bin/bash: check namespace.rootfs");
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

Result<std::string> NamespaceSandbox::PathOf(std::string_view path) const {
  if (!initialized_) {
    return Failure(Code::kFailedPrecondition, "not initialized; call initialize first",
                   "not_initialized");
  }
  if (!jail_) {
    return Failure(Code::kFailedPrecondition, "the sandbox was stopped", "sandbox_stopped");
  }
  return ResolvePath(WorkingDirectory(), path);
}

// The engine does not tell a missing directory from a missing program.
Result<ExecResult> NamespaceSandbox::NotExecuted(const model::Outcome& outcome,
                                                 const std::string& cwd) {
  const auto there = jail::StatFile(*jail_, cwd);
  const bool directory =
      there.ok() && there->has_value() && (*there)->kind != jail::FileEntry::Kind::kRegular;
  if (directory) return ToExecResult(outcome, config_.limits.memory.has_value());
  return Failure(Code::kNotFound, "working directory " + cwd + " is not there", "cwd_not_found");
}

Result<ExecResult> NamespaceSandbox::Exec(const ExecRequest& request) {
  const std::string cwd = TRY(PathOf(request.cwd.empty() ? "." : request.cwd));
  model::ExecSpec spec;
  spec.argv = request.argv;
  if (spec.argv.empty()) spec.argv = {kShell, "-c", request.command};
  spec.cwd = GuestPath(NormalizePath(cwd));
  spec.keep_background = true;
  spec.limits.memory =
      config_.limits.memory;  // So that its own leaf is the one that is full first.
  std::map<std::string, std::string> env = BaseEnvironment();
  for (const auto& [name, value] : config_.env) env[name] = value;
  for (const auto& [name, value] : request.env) env[name] = value;
  env[kMarkVariable] = !request.exec_id.empty()
                           ? request.exec_id
                           : config_.context.run_id + "/ns-" + std::to_string(next_exec_++);
  for (const auto& [name, value] : env) spec.env.push_back(name + "=" + value);
  jail::RelayOptions relay;
  if (request.on_output) {
    relay.on_output = [&](jail::Stream stream, std::string_view bytes) {
      return request.on_output(stream == jail::Stream::kStdout ? Stream::kStdout : Stream::kStderr,
                               bytes);
    };
  }
  relay.cancel_fd = request.cancel_fd;
  if (request.timeout) relay.deadline = std::chrono::steady_clock::now() + *request.timeout;
  const jail::Relayed done = TRY(jail::RunRelayed(*jail_, spec, relay));
  const bool limited = config_.limits.memory.has_value();
  const std::string last = LastLine(done.outcome, limited);
  if (done.outcome.fate == model::Fate::kNotExecuted) return NotExecuted(done.outcome, cwd);
  if (!last.empty() && request.on_output) TRY(request.on_output(Stream::kStderr, last));
  return ToExecResult(done.outcome, limited);
}

Result<std::string> NamespaceSandbox::ReadFile(std::string_view path) {
  const std::string full = TRY(PathOf(path));
  std::string content;
  TRY(jail::ReadFile(*jail_, full, kMaxRead.bytes(), [&](std::string_view bytes) -> Status {
    content.append(bytes);
    return {};
  }));
  return content;
}

Status NamespaceSandbox::WriteFile(std::string_view path, std::string_view content) {
  const std::string full = TRY(PathOf(path));
  return jail::WriteFile(*jail_, full, 0644, [&](std::size_t most) -> Result<std::string> {
    std::string part(content.substr(0, most));
    content.remove_prefix(part.size());
    return part;
  });
}

Status NamespaceSandbox::DeleteFile(std::string_view path) {
  const std::string full = TRY(PathOf(path));
  return jail::DeleteFile(*jail_, full);
}

Result<bool> NamespaceSandbox::FileExists(std::string_view path) {
  const std::string full = TRY(PathOf(path));
  const auto entry = TRY(jail::StatFile(*jail_, full));
  return entry.has_value();
}

Result<std::vector<DirectoryEntry>> NamespaceSandbox::ListDirectory(std::string_view path,
                                                                    std::uint32_t depth) {
  const std::string full = TRY(PathOf(path));
  const auto listed = TRY(jail::ListFiles(*jail_, full, depth, kMaxEntries));
  std::vector<DirectoryEntry> entries;
  entries.reserve(listed.size());
  for (const jail::FileEntry& file : listed) {
    DirectoryEntry entry;
    entry.name = file.path;
    entry.is_directory = file.kind == jail::FileEntry::Kind::kDirectory;
    if (file.kind == jail::FileEntry::Kind::kRegular) entry.size = file.size;
    entry.mtime_ns = file.mtime_ns;
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<std::vector<std::string>> NamespaceSandbox::Grep(std::string_view pattern,
                                                        std::string_view path,
                                                        const GrepOptions& options) {
  std::optional<GrepTool> tool;
  {
    const std::lock_guard lock(grep_mutex_);
    tool = grep_tool_;
  }
  auto lines = GrepByExec(*this, tool, pattern, path, options);
  const std::lock_guard lock(grep_mutex_);
  grep_tool_ = tool;
  return lines;
}

Result<std::vector<std::string>> NamespaceSandbox::Glob(std::string_view pattern,
                                                        std::string_view path) {
  const std::string full = TRY(PathOf(path.empty() ? "." : path));
  return GlobBelow(pattern, full, [this](const std::string& directory, std::uint32_t depth) {
    return ListDirectory(directory, depth);
  });
}

Status NamespaceSandbox::Upload(const std::string& host_path, std::string_view path) {
  const std::string full = TRY(PathOf(path));
  const auto source = Open(host_path, O_RDONLY | O_NONBLOCK);
  if (!source.ok()) return FileFailure(source.error().sys_errno, host_path);
  struct stat info{};
  if (::fstat(source->get(), &info) != 0) return FileFailure(errno, host_path);
  if (S_ISDIR(info.st_mode)) return IsDirectory(host_path);
  if (!S_ISREG(info.st_mode)) return NotRegular(host_path);
  const auto mode = static_cast<std::uint32_t>((info.st_mode & 0111) != 0 ? 0755 : 0644);
  return jail::WriteFile(*jail_, full, mode, [&](std::size_t most) -> Result<std::string> {
    std::string part(most, '\0');
    const ssize_t got = ::read(source->get(), part.data(), part.size());
    if (got < 0) return FileFailure(errno, host_path);
    part.resize(static_cast<std::size_t>(got));
    return part;
  });
}

Status NamespaceSandbox::Download(std::string_view path, const std::string& host_path) {
  const std::string full = TRY(PathOf(path));
  TRY(MakeDirs(ParentOf(host_path)));
  // Beside the target and renamed over it: what was there stays until the new one is whole.
  const std::string partial = host_path + ".fabro-partial";
  const UniqueFd target = TRY(Open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
  const Status copied =
      jail::ReadFile(*jail_, full, static_cast<std::uint64_t>(INT64_MAX),
                     [&](std::string_view bytes) { return WriteFd(target.get(), bytes); });
  if (copied.ok() && ::rename(partial.c_str(), host_path.c_str()) == 0) return {};
  const int failed = errno;
  ::unlink(partial.c_str());
  return copied.ok() ? Status(FileFailure(failed, host_path)) : copied;
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
  info.details = {{"level", marker_.level},
                  {"rootfs", marker_.rootfs},
                  {"workspace", marker_.workspace},
                  {"workspace_limit", marker_.workspace_limit},
                  {"network", Network().mode}};
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

NetworkPolicy NamespaceSandbox::Network() const {
  const bool none = config_.network == model::NetworkMode::kNone ||
                    (!config_.network && config_.level == model::Level::kHigh);
  return {"block", none ? "no sockets" : "network namespace with loopback only"};
}

}  // namespace

std::string_view ToString(WorkspaceMode mode) {
  if (mode == WorkspaceMode::kClone) return "clone";
  return mode == WorkspaceMode::kBind ? "bind" : "empty";
}

std::unique_ptr<Sandbox> MakeNamespaceSandbox(NamespaceConfig config) {
  return std::make_unique<NamespaceSandbox>(std::move(config));
}

}  // namespace fabro::provider
