#include "fabro/jail/command_policy/root_resolver.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "fabro/jail/command_policy/removal.h"
#include "fabro/jail/command_policy/rules.h"
#include "fabro/linux/file.h"

namespace fabro::jail::command_policy {
namespace {

bool Below(std::string_view path, std::string_view dir) {
  return dir == "/" || path == dir || (path.starts_with(dir) && path[dir.size()] == '/');
}

std::optional<struct stat> StatOf(const UniqueFd& fd) {
  struct stat info{};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) return std::nullopt;
  return info;
}

}  // namespace

RootResolver::RootResolver(const model::SandboxSpec& spec) {
  const auto add = [this](std::string target, const std::string& source) {
    auto fd = Open(source, O_PATH);
    if (fd.ok()) mounts_.push_back({std::move(target), *std::move(fd)});
  };
  const bool own_tree = spec.root.kind == model::RootSource::Kind::kDir;
  add("/", own_tree ? spec.root.dir.value() : std::string("/"));
  if (spec.workspace.kind == model::WorkspaceKind::kDisk) {
    add(spec.workspace.target.value(), spec.workspace.dir.value());
  }
  writable_ = {spec.workspace.target.value(), "/tmp", "/var/tmp", spec.home.value(), "/dev/shm"};
  for (const model::Bind& bind : spec.binds) {
    add(bind.target.value(), bind.source.value());
    if (bind.writable) writable_.push_back(bind.target.value());
  }
}

bool RootResolver::Writable(std::string_view path) const {
  const auto holds = [&](const std::string& dir) { return Below(path, dir); };
  if (std::ranges::none_of(writable_, holds)) return false;
  // A read-only bind inside a writable place stays read-only.
  const Mount* inner = nullptr;
  for (const Mount& mount : mounts_) {
    if (Below(path, mount.target) && (!inner || mount.target.size() > inner->target.size())) {
      inner = &mount;
    }
  }
  return inner == nullptr || inner->target == "/" ||
         std::ranges::find(writable_, inner->target) != writable_.end();
}

UniqueFd RootResolver::OpenInside(const std::string& path, bool follow) const {
  const Mount* inner = nullptr;
  for (const Mount& mount : mounts_) {
    if (Below(path, mount.target) && (!inner || mount.target.size() >= inner->target.size())) {
      inner = &mount;
    }
  }
  // What the guest has in memory is empty until it runs.
  if (inner == nullptr || (inner->target == "/" && Writable(path))) return {};
  std::string rest = path.substr(inner->target == "/" ? 1 : inner->target.size());
  if (rest.empty()) rest = ".";
  struct open_how how{};
  how.flags = static_cast<std::uint64_t>(O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, inner->source.get(), rest.c_str(), &how, sizeof how);
  return UniqueFd(static_cast<int>(fd));
}

void RootResolver::AddLinks(Program& program, const UniqueFd& file) const {
  const auto own = StatOf(file);
  if (!own || own->st_nlink < 2) return;
  constexpr std::array<std::string_view, 4> kPlaces = {"/usr/sbin/", "/usr/bin/", "/sbin/",
                                                       "/bin/"};
  const auto same = [&](const std::string& path) {
    const auto info = StatOf(OpenInside(path, false));
    return info && S_ISREG(info->st_mode) && info->st_dev == own->st_dev &&
           info->st_ino == own->st_ino;
  };
  const auto linked = [&](std::string_view name) {
    return std::ranges::any_of(kPlaces, [&](std::string_view place) {
      return same(std::string(place) + std::string(name));
    });
  };
  // One program with many names acts by the name it is called by.
  if (linked("busybox") || linked("toybox") || linked("coreutils")) return;
  for (const std::string_view name : RuledPrograms()) {
    if (name != program.name && linked(name)) program.same_file.emplace_back(name);
  }
}

std::optional<Program> RootResolver::Look(const std::string& path) const {
  const UniqueFd file = OpenInside(path, true);
  const auto info = StatOf(file);
  if (!info || !S_ISREG(info->st_mode) || (info->st_mode & 0111U) == 0) return std::nullopt;
  std::array<char, PATH_MAX> buffer{};
  const std::string link = "/proc/self/fd/" + std::to_string(file.get());
  const ssize_t size = ::readlink(link.c_str(), buffer.data(), buffer.size());
  if (size <= 0) return std::nullopt;
  Program program;
  program.name = BaseName(std::string_view(buffer.data(), static_cast<std::size_t>(size)));
  AddLinks(program, file);
  return program;
}

std::optional<Program> RootResolver::Find(std::string_view name, std::string_view search_path,
                                          std::string_view cwd) const {
  if (name.find('\0') != std::string_view::npos) return std::nullopt;
  if (name.find('/') != std::string_view::npos) {
    if (name.starts_with('/')) return Look(std::string(name));
    return cwd.empty() ? std::nullopt : Look(std::string(cwd) + "/" + std::string(name));
  }
  while (!search_path.empty()) {
    const std::size_t end = std::min(search_path.find(':'), search_path.size());
    const std::string_view dir = search_path.substr(0, end);
    search_path.remove_prefix(std::min(end + 1, search_path.size()));
    if (!dir.starts_with('/')) continue;
    if (auto program = Look(std::string(dir) + "/" + std::string(name))) return program;
  }
  return std::nullopt;
}

}  // namespace fabro::jail::command_policy
