#include "fabro/provider/fake/fake.h"

#include <poll.h>
#include <regex.h>

#include <set>

#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/provider/common/glob.h"
#include "fabro/provider/common/paths.h"

namespace fabro::provider {
namespace {

// regcomp(3) with its memory.
class Expression {
 public:
  Expression() = default;
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;
  ~Expression() {
    if (compiled_) ::regfree(&regex_);
  }
  Status Compile(const std::string& pattern, bool case_insensitive) {
    const int flags = REG_EXTENDED | REG_NOSUB | (case_insensitive ? REG_ICASE : 0);
    if (::regcomp(&regex_, pattern.c_str(), flags) != 0) {
      return Failure(Code::kInvalidArgument, "bad expression: " + pattern, "grep_failed");
    }
    compiled_ = true;
    return {};
  }
  bool Matches(const std::string& line) const {
    return ::regexec(&regex_, line.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t regex_{};
  bool compiled_ = false;
};

std::string CommandText(const ExecRequest& request) {
  if (request.argv.empty()) return request.command;
  std::string text;
  for (const std::string& word : request.argv) text += (text.empty() ? "" : " ") + word;
  return text;
}

// `prefix` ends with '/'.
std::string PrefixOf(const std::string& directory) {
  return directory == "/" ? directory : directory + "/";
}

void GrepText(const Expression& expression, const std::string& name, std::string_view text,
              std::vector<std::string>& found) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string line(text.substr(0, end));
    if (expression.Matches(line)) found.push_back(name + ":" + std::to_string(number) + ":" + line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

}  // namespace

void FakeSandbox::Script(const std::string& command, FakeExec exec) {
  const std::lock_guard lock(mutex_);
  scripts_[command].push_back(std::move(exec));
}

void FakeSandbox::OnOther(Handler handler) {
  const std::lock_guard lock(mutex_);
  other_ = std::move(handler);
}

std::vector<ExecRequest> FakeSandbox::Calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

Status FakeSandbox::Initialize() {
  const std::lock_guard lock(mutex_);
  if (initialized_) {
    return Failure(Code::kFailedPrecondition, "the sandbox is already initialized",
                   "already_initialized");
  }
  initialized_ = true;
  return {};
}

Status FakeSandbox::Stop() { return {}; }

Status FakeSandbox::Cleanup() {
  const std::lock_guard lock(mutex_);
  files_.clear();
  return {};
}

Result<std::string> FakeSandbox::PathOf(std::string_view path) const {
  {
    const std::lock_guard lock(mutex_);
    if (!initialized_) {
      return Failure(Code::kFailedPrecondition, "not initialized; call initialize first",
                     "not_initialized");
    }
  }
  const std::string full = TRY(ResolvePath(WorkingDirectory(), path));
  return NormalizePath(full);
}

bool FakeSandbox::IsDirectoryLocked(const std::string& path) const {
  if (path == "/" || path == WorkingDirectory()) return true;
  const std::string prefix = PrefixOf(path);
  const auto first = files_.lower_bound(prefix);
  return first != files_.end() && first->first.starts_with(prefix);
}

Result<FakeExec> FakeSandbox::Answer(const ExecRequest& request) {
  Handler other;
  {
    const std::lock_guard lock(mutex_);
    ExecRequest call = request;
    call.on_output = nullptr;
    call.cancel_fd = -1;
    calls_.push_back(std::move(call));
    const auto script = scripts_.find(CommandText(request));
    if (script != scripts_.end()) {
      FakeExec exec = script->second.front();
      if (script->second.size() > 1) script->second.erase(script->second.begin());
      return exec;
    }
    other = other_;
  }
  if (other) return other(request);
  FakeExec unknown;
  unknown.exit_code = 127;
  unknown.output = {{Stream::kStderr, CommandText(request) + ": command not found\n"}};
  return unknown;
}

Result<ExecResult> FakeSandbox::Exec(const ExecRequest& request) {
  TRY(PathOf(request.cwd.empty() ? "." : request.cwd));
  const FakeExec exec = TRY(Answer(request));
  for (const auto& [stream, bytes] : exec.output) {
    if (request.on_output) TRY(request.on_output(stream, bytes));
  }
  ExecResult result;
  const bool late = request.timeout && (exec.endless || exec.takes > *request.timeout);
  const Nanos took = late ? *request.timeout : exec.takes;
  result.duration = std::chrono::duration_cast<std::chrono::milliseconds>(took);
  if (late) {
    result.termination = Termination::kTimedOut;
  } else if (exec.endless) {
    if (request.cancel_fd < 0) {
      return Failure(Code::kInvalidArgument, "endless, without timeout or cancel", "fake_endless");
    }
    TRY(PollOne(request.cancel_fd, POLLIN));
    result.termination = Termination::kCancelled;
  } else {
    result.exit_code = exec.exit_code;
  }
  return result;
}

Result<std::string> FakeSandbox::ReadFile(std::string_view path) {
  const std::string full = TRY(PathOf(path));
  const std::lock_guard lock(mutex_);
  const auto file = files_.find(full);
  if (file != files_.end()) return file->second;
  return IsDirectoryLocked(full) ? IsDirectory(path) : FileFailure(ENOENT, path);
}

Status FakeSandbox::WriteFile(std::string_view path, std::string_view content) {
  const std::string full = TRY(PathOf(path));
  const std::lock_guard lock(mutex_);
  if (IsDirectoryLocked(full)) return IsDirectory(path);
  for (std::string above = ParentOf(full); above != "/"; above = ParentOf(above)) {
    if (files_.count(above) != 0) return FileFailure(ENOTDIR, path);
  }
  files_[full] = content;
  return {};
}

Status FakeSandbox::DeleteFile(std::string_view path) {
  const std::string full = TRY(PathOf(path));
  const std::lock_guard lock(mutex_);
  if (files_.erase(full) != 0) return {};
  return IsDirectoryLocked(full) ? IsDirectory(path) : FileFailure(ENOENT, path);
}

Result<bool> FakeSandbox::FileExists(std::string_view path) {
  const std::string full = TRY(PathOf(path));
  const std::lock_guard lock(mutex_);
  return files_.count(full) != 0 || IsDirectoryLocked(full);
}

Result<std::vector<DirectoryEntry>> FakeSandbox::ListDirectory(std::string_view path,
                                                               std::uint32_t depth) {
  const std::string full = TRY(PathOf(path));
  const std::lock_guard lock(mutex_);
  if (!IsDirectoryLocked(full)) return FileFailure(ENOENT, path);
  const std::string prefix = PrefixOf(full);
  std::map<std::string, DirectoryEntry> entries;
  for (auto file = files_.lower_bound(prefix);
       file != files_.end() && file->first.starts_with(prefix); ++file) {
    const std::string relative = file->first.substr(prefix.size());
    std::uint32_t level = 1;
    for (std::size_t slash = relative.find('/'); slash != std::string::npos;
         slash = relative.find('/', slash + 1), ++level) {
      if (depth != 0 && level > depth) break;
      DirectoryEntry& directory = entries[relative.substr(0, slash)];
      directory.name = relative.substr(0, slash);
      directory.is_directory = true;
    }
    if (depth != 0 && level > depth) continue;
    DirectoryEntry& entry = entries[relative];
    entry.name = relative;
    entry.size = file->second.size();
  }
  std::vector<DirectoryEntry> sorted;
  sorted.reserve(entries.size());
  for (auto& [name, entry] : entries) sorted.push_back(std::move(entry));
  return sorted;
}

Result<std::vector<std::string>> FakeSandbox::Grep(std::string_view pattern, std::string_view path,
                                                   const GrepOptions& options) {
  const std::string shown(path.empty() ? "." : path);
  const std::string full = TRY(PathOf(shown));
  Expression expression;
  TRY(expression.Compile(std::string(pattern), options.case_insensitive));
  const std::lock_guard lock(mutex_);
  std::vector<std::string> found;
  const auto file = files_.find(full);
  if (file != files_.end()) {
    GrepText(expression, shown, file->second, found);
  } else if (!IsDirectoryLocked(full)) {
    return FileFailure(ENOENT, path);
  }
  for (const auto& [name, text] : files_) {
    if (!name.starts_with(PrefixOf(full))) continue;
    const std::string base = name.substr(name.rfind('/') + 1);
    if (!options.glob.empty() && !MatchesSegment(options.glob, base)) continue;
    const std::string relative = name.substr(PrefixOf(full).size());
    GrepText(expression, shown == "." ? relative : shown + "/" + relative, text, found);
  }
  if (options.max_results && found.size() > *options.max_results)
    found.resize(*options.max_results);
  return found;
}

Result<std::vector<std::string>> FakeSandbox::Glob(std::string_view pattern,
                                                   std::string_view path) {
  const std::string full = TRY(PathOf(path.empty() ? "." : path));
  return GlobBelow(pattern, full, [this](const std::string& directory, std::uint32_t depth) {
    return ListDirectory(directory, depth);
  });
}

Status FakeSandbox::Upload(const std::string& host_path, std::string_view path) {
  auto content = fabro::ReadFile(host_path);
  if (!content.ok()) return FileFailure(content.error().sys_errno, host_path);
  return WriteFile(path, *content);
}

Status FakeSandbox::Download(std::string_view path, const std::string& host_path) {
  const std::string content = TRY(ReadFile(path));
  TRY(MakeDirs(ParentOf(host_path)));
  return fabro::WriteFile(host_path, content);
}

SandboxInfo FakeSandbox::Info() const {
  SandboxInfo info;
  info.provider = "fake";
  info.identifier = "fake";
  info.working_directory = WorkingDirectory();
  return info;
}

}  // namespace fabro::provider
