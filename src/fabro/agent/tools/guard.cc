#include "fabro/agent/tools/guard.h"

#include <utility>

namespace fabro::agent {
namespace {

constexpr std::size_t kMaxPathOutput = std::size_t{1} << 16U;

bool IsBelow(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

// "src/a.c" of "src/a.c:12:text"; empty when the line is no result.
std::string_view FileOfMatch(std::string_view line) {
  for (std::size_t colon = line.find(':'); colon != std::string_view::npos;
       colon = line.find(':', colon + 1)) {
    const std::size_t end = line.find_first_not_of("0123456789", colon + 1);
    if (end != std::string_view::npos && end > colon + 1 && line[end] == ':') {
      return line.substr(0, colon);
    }
  }
  return {};
}

}  // namespace

std::string NormalPath(std::string_view working_directory, std::string_view path) {
  std::vector<std::string_view> parts;
  const auto walk = [&](std::string_view rest) {
    while (!rest.empty()) {
      const std::size_t end = rest.find('/');
      const std::string_view part = rest.substr(0, end);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      if (part.empty() || part == ".") continue;
      if (part != "..") {
        parts.push_back(part);
      } else if (!parts.empty()) {
        parts.pop_back();
      }
    }
  };
  if (path.empty() || path.front() != '/') walk(working_directory);
  walk(path);
  std::string normal;
  for (const std::string_view part : parts) normal.append("/").append(part);
  return normal.empty() ? "/" : normal;
}

ReadSet::ReadSet(const ReadSet& other) {
  const std::lock_guard lock(other.mutex_);
  paths_ = other.paths_;
}

void ReadSet::Add(const std::string& path) {
  const std::lock_guard lock(mutex_);
  paths_.insert(path);
}

void ReadSet::Remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  paths_.erase(path);
}

bool ReadSet::Contains(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return paths_.count(path) != 0;
}

std::vector<std::string> ReadSet::Paths() const {
  const std::lock_guard lock(mutex_);
  return {paths_.begin(), paths_.end()};
}

GuardedSandbox::GuardedSandbox(provider::Sandbox& inner, ReadSet& read)
    : inner_(inner), read_(read), directory_(NormalPath("/", inner.WorkingDirectory())) {}

std::string GuardedSandbox::Normal(std::string_view path) const {
  return NormalPath(directory_, path);
}

// Where a path leads, by the sandbox's own eyes.
Result<std::string> GuardedSandbox::Resolve(const std::string& path) {
  {
    const std::lock_guard lock(links_mutex_);
    const auto known = links_.find(path);
    if (known != links_.end()) return known->second;
  }
  provider::ExecRequest request;
  request.argv = {"readlink", "-f", "--", path};
  request.timeout = std::chrono::seconds(10);
  std::string out;
  request.on_output = [&](provider::Stream stream, std::string_view bytes) -> Status {
    if (stream == provider::Stream::kStdout && out.size() < kMaxPathOutput) out.append(bytes);
    return {};
  };
  const provider::ExecResult result = TRY(inner_.Exec(request));
  if (result.exit_code != 0 || out.empty() || out.front() != '/') {
    return Failure(Code::kNotFound, "cannot follow " + path, "file_not_found");
  }
  if (out.back() == '\n') out.pop_back();
  return out;
}

std::string GuardedSandbox::RealPath(const std::string& path) {
  std::string above = path;
  std::string missing;
  while (above.size() > 1) {
    const auto real = Resolve(above);
    if (real.ok()) return *real == "/" ? missing : *real + missing;
    const std::size_t slash = above.rfind('/');
    missing.insert(0, above.substr(slash));
    above.resize(slash);
  }
  return path;
}

Status GuardedSandbox::MayReplace(std::string_view path) {
  const std::string normal = Normal(path);
  if (read_.Contains(normal)) return {};
  // Scratch is everybody's, except where the work itself lies below /tmp.
  if (IsBelow(normal, "/tmp") && !IsBelow(normal, directory_)) return {};
  const bool exists = TRY(inner_.FileExists(normal));
  if (!exists) return {};
  const auto target = Resolve(normal);
  if (target.ok()) {
    for (const std::string& seen : read_.Paths()) {
      const auto other = Resolve(seen);
      if (!other.ok()) continue;
      const std::lock_guard lock(links_mutex_);
      links_[seen] = *other;
      if (*other == *target) return {};
    }
  }
  return Failure(Code::kFailedPrecondition,
                 normal + " exists and was not read in this session; read it with read_file first",
                 "not_read");
}

Result<std::string> GuardedSandbox::ReadFile(std::string_view path) {
  const std::string normal = Normal(path);
  std::string content = TRY(inner_.ReadFile(normal));
  read_.Add(normal);
  return content;
}

Status GuardedSandbox::WriteFile(std::string_view path, std::string_view content) {
  const std::string normal = Normal(path);
  TRY(MayReplace(normal));
  TRY(inner_.WriteFile(normal, content));
  read_.Add(normal);
  return {};
}

Status GuardedSandbox::DeleteFile(std::string_view path) {
  const std::string normal = Normal(path);
  TRY(MayReplace(normal));
  TRY(inner_.DeleteFile(normal));
  read_.Remove(normal);
  const std::lock_guard lock(links_mutex_);
  links_.erase(normal);
  return {};
}

Result<bool> GuardedSandbox::FileExists(std::string_view path) {
  return inner_.FileExists(Normal(path));
}

Result<std::vector<provider::DirectoryEntry>> GuardedSandbox::ListDirectory(std::string_view path,
                                                                            std::uint32_t depth) {
  return inner_.ListDirectory(Normal(path), depth);
}

Result<std::vector<std::string>> GuardedSandbox::Grep(std::string_view pattern,
                                                      std::string_view path,
                                                      const provider::GrepOptions& options) {
  std::vector<std::string> lines = TRY(inner_.Grep(pattern, path, options));
  for (const std::string& line : lines) {
    const std::string_view file = FileOfMatch(line);
    if (!file.empty()) read_.Add(Normal(file));
  }
  return lines;
}

Result<std::vector<std::string>> GuardedSandbox::Glob(std::string_view pattern,
                                                      std::string_view path) {
  return inner_.Glob(pattern, path);
}

Status GuardedSandbox::Upload(const std::string& host_path, std::string_view path) {
  TRY(MayReplace(path));
  return inner_.Upload(host_path, Normal(path));
}

Status GuardedSandbox::Download(std::string_view path, const std::string& host_path) {
  return inner_.Download(Normal(path), host_path);
}

}  // namespace fabro::agent
