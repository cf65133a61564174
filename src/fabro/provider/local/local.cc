#include "fabro/provider/local/local.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "fabro/base/byte_size.h"
#include "fabro/base/id.h"
#include "fabro/linux/file.h"
#include "fabro/provider/common/glob.h"
#include "fabro/provider/common/grep.h"
#include "fabro/provider/common/paths.h"
#include "fabro/provider/local/local_exec.h"
#include "fabro/provider/local/local_files.h"

namespace fabro::provider {
namespace {

constexpr ByteSize kMaxRead = 64_MiB;
constexpr char kShell[] = "/bin/bash";

class LocalSandbox final : public Sandbox {
 public:
  explicit LocalSandbox(LocalConfig config) : config_(std::move(config)) {}

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
  std::string WorkingDirectory() const override { return config_.working_directory; }
  std::string Platform() const override;
  SandboxInfo Info() const override;
  NetworkPolicy Network() const override { return {"host", "nothing"}; }

 private:
  Result<std::string> PathOf(std::string_view path) const;
  std::string NextMark(const ExecRequest& request);

  LocalConfig config_;
  bool initialized_ = false;
  std::atomic<std::uint64_t> next_exec_{1};
  OrphanReaper reaper_;
  ExecGrep grep_;
};

Status LocalSandbox::Initialize() {
  if (initialized_) {
    return Failure(Code::kFailedPrecondition, "the sandbox is already initialized",
                   "already_initialized");
  }
  TRY_IN("making the working directory", MakeDirs(config_.working_directory));
  TRY(OrphanReaper::BecomeSubreaper());
  if (config_.run_id.empty()) {
    config_.run_id = MakeUlid(std::chrono::milliseconds(0), RandomBytes(10));
  }
  initialized_ = true;
  return {};
}

// Ends what commands left running; the directory is the user's and stays.
Status LocalSandbox::Stop() {
  if (!initialized_) return {};
  MarkQuery query;
  query.mark = config_.run_id + "/";
  query.prefix = true;
  const std::vector<FoundProcess> killed = TRY(KillProcesses(query));
  reaper_.Remember(killed);
  reaper_.Reap();
  return {};
}

Status LocalSandbox::Cleanup() { return Stop(); }

Result<std::string> LocalSandbox::PathOf(std::string_view path) const {
  if (!initialized_) {
    return Failure(Code::kFailedPrecondition, "not initialized; call initialize first",
                   "not_initialized");
  }
  return ResolvePath(config_.working_directory, path);
}

std::string LocalSandbox::NextMark(const ExecRequest& request) {
  if (!request.exec_id.empty()) return request.exec_id;
  return config_.run_id + "/local-" + std::to_string(next_exec_++);
}

Result<ExecResult> LocalSandbox::Exec(const ExecRequest& request) {
  SpawnRequest spawn;
  spawn.cwd = TRY(PathOf(request.cwd.empty() ? "." : request.cwd));
  struct stat info{};
  if (::stat(spawn.cwd.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return Failure(Code::kNotFound, "working directory " + spawn.cwd + " is not there",
                   "cwd_not_found");
  }
  spawn.argv = request.argv;
  if (spawn.argv.empty()) spawn.argv = {kShell, "-c", request.command};
  std::map<std::string, std::string> wanted = config_.env;
  for (const auto& [name, value] : request.env) wanted[name] = value;
  const std::string mark = NextMark(request);
  wanted[kExecMark] = mark;
  spawn.env = FilteredEnvironment(config_.host_environment, wanted, config_.filter);
  auto result = RunLocal(reaper_, spawn, mark, request);
  if (result.ok() || request.argv.empty()) return result;
  // As a shell answers for a program that is not there, or not one.
  const int reason = result.error().sys_errno;
  if (reason != ENOENT && reason != EACCES && reason != ENOEXEC) return result;
  ExecResult missing;
  missing.exit_code = reason == ENOENT ? 127 : 126;
  missing.notes = {result.error().message};
  return missing;
}

Result<std::string> LocalSandbox::ReadFile(std::string_view path) {
  const std::string full = TRY(PathOf(path));
  return ReadLocalFile(full, kMaxRead);
}

Status LocalSandbox::WriteFile(std::string_view path, std::string_view content) {
  const std::string full = TRY(PathOf(path));
  return WriteLocalFile(full, content);
}

Status LocalSandbox::DeleteFile(std::string_view path) {
  const std::string full = TRY(PathOf(path));
  return DeleteLocalFile(full);
}

Result<bool> LocalSandbox::FileExists(std::string_view path) {
  const std::string full = TRY(PathOf(path));
  return LocalFileExists(full);
}

Result<std::vector<DirectoryEntry>> LocalSandbox::ListDirectory(std::string_view path,
                                                                std::uint32_t depth) {
  const std::string full = TRY(PathOf(path));
  return ListLocalDirectory(full, depth);
}

Result<std::vector<std::string>> LocalSandbox::Grep(std::string_view pattern, std::string_view path,
                                                    const GrepOptions& options) {
  return grep_.Run(*this, pattern, path, options);
}

Result<std::vector<std::string>> LocalSandbox::Glob(std::string_view pattern,
                                                    std::string_view path) {
  const std::string full = TRY(PathOf(path.empty() ? "." : path));
  return GlobBelow(pattern, full, ListLocalDirectory);
}

Status LocalSandbox::Upload(const std::string& host_path, std::string_view path) {
  const std::string full = TRY(PathOf(path));
  return CopyLocalFile(host_path, full);
}

Status LocalSandbox::Download(std::string_view path, const std::string& host_path) {
  const std::string full = TRY(PathOf(path));
  return CopyLocalFile(full, host_path);
}

std::string LocalSandbox::Platform() const {
  utsname name{};
  return ::uname(&name) == 0 ? std::string("linux ") + name.release : "linux";
}

SandboxInfo LocalSandbox::Info() const {
  SandboxInfo info;
  info.provider = "local";
  info.working_directory = config_.working_directory;
  return info;
}

}  // namespace

std::vector<std::string> OwnEnvironment() {
  std::vector<std::string> entries;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    entries.emplace_back(*entry);
  }
  return entries;
}

std::unique_ptr<Sandbox> MakeLocalSandbox(LocalConfig config) {
  return std::make_unique<LocalSandbox>(std::move(config));
}

Result<std::size_t> KillLeftovers(const std::string& run_id) {
  MarkQuery query;
  query.mark = run_id + "/";
  query.prefix = true;
  const std::vector<FoundProcess> killed = TRY(KillProcesses(query));
  return killed.size();
}

}  // namespace fabro::provider
