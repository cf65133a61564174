// Commands and files of a sandbox that is up.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fabro/jail/files.h"
#include "fabro/jail/relay.h"
#include "fabro/linux/file.h"
#include "fabro/provider/common/glob.h"
#include "fabro/provider/common/paths.h"
#include "fabro/provider/namespace/outcome.h"
#include "fabro/provider/namespace/sandbox.h"
#include "fabro/provider/namespace/workspace.h"

namespace fabro::provider {
namespace {

constexpr char kShell[] = "/bin/bash";
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

}  // namespace

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
  if (directory) return ToExecResult(outcome, config_.limits.memory);
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
  for (const std::string& entry : image_env_) {
    const std::size_t equals = entry.find('=');
    if (!entry.starts_with("HOME=")) env[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
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
  const std::optional<ByteSize> limited = config_.limits.memory;
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
  return grep_.Run(*this, pattern, path, options);
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

}  // namespace fabro::provider
