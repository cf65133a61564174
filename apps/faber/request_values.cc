// One setter a value: its range, and an error that names where it was written.
#include <algorithm>
#include <array>
#include <filesystem>

#include "apps/faber/run_request.h"
#include "fabro/model/layers.h"

namespace fabro::faber {
namespace {

using std::chrono::milliseconds;

Error Bad(std::string_view where, const std::string& message, std::string fix) {
  return Failure(Code::kInvalidArgument, std::string(where) + ": " + message, "bad_option",
                 std::move(fix));
}

struct SizeRange {
  ByteSize least;
  ByteSize most;
};

// Far above any machine, far below the overflow of a sum.
constexpr ByteSize kMostBytes{1ULL << 50U};
constexpr SizeRange kMemory{1_MiB, kMostBytes};
constexpr SizeRange kTmpfs{4_KiB, kMostBytes};  // One page.
constexpr SizeRange kOutput{1_B, kMostBytes};
constexpr std::uint64_t kMostPids = 4'194'304;       // PID_MAX_LIMIT, proc(5).
constexpr std::uint64_t kLeastFiles = 4;             // Three standard ones and the program.
constexpr std::uint64_t kMostFiles = 1'073'741'816;  // The largest fs.nr_open.
constexpr std::uint64_t kLeastMillis = 10;           // The kernel's least quota: 1 ms of 100 ms.
constexpr std::uint64_t kMostMillis = 4'096'000;
constexpr Nanos kLeastTime = milliseconds(1);
constexpr Nanos kMostTime = std::chrono::hours(24 * 365);

Result<ByteSize> InRange(std::string_view where, ByteSize size, SizeRange range) {
  if (size >= range.least && size <= range.most) return size;
  const std::string given =
      size == ByteSize() ? "0 is no limit that can be set" : ToString(size) + " is out of range";
  return Bad(where, given,
             "give " + ToString(range.least) + " to " + ToString(range.most) +
                 ", or leave it out for the default");
}

Result<std::uint32_t> InRange(std::string_view where, std::uint64_t count, std::uint64_t least,
                              std::uint64_t most) {
  if (count >= least && count <= most) return static_cast<std::uint32_t>(count);
  return Bad(where, std::to_string(count) + " is out of range",
             "give " + std::to_string(least) + " to " + std::to_string(most) +
                 ", or leave it out for the default");
}

Result<Nanos> InRange(std::string_view where, Nanos span) {
  if (span >= kLeastTime && span <= kMostTime) return span;
  return Bad(where, ToString(span) + " is out of range",
             "give 1ms to 365d, or leave it out for the default");
}

// Lexical: links are the engine's business, which opens each path once and checks what it got.
Result<HostPath> AbsoluteHostPath(std::string_view where, std::string_view text,
                                  const Caller& caller) {
  if (text.empty()) return Bad(where, "the path is empty", "name a path of this machine");
  if (text.find('\0') != std::string_view::npos) {
    return Bad(where, "the path has a NUL byte", "name a path of this machine");
  }
  std::filesystem::path path = std::filesystem::path(caller.cwd) / std::filesystem::path(text);
  std::string normal = path.lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return HostPath(std::move(normal));
}

Result<GuestPath> AbsoluteGuestPath(std::string_view where, std::string_view text) {
  if (text.empty() || text.front() != '/') {
    return Bad(where, "'" + std::string(text) + "' is not an absolute path inside the sandbox",
               "begin it with /");
  }
  const std::filesystem::path path(text);
  if (std::ranges::find(path, "..") != path.end()) {
    return Bad(where, "'" + std::string(text) + "' has a '..'", "write the path without it");
  }
  std::string normal = path.lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return GuestPath(std::move(normal));
}

}  // namespace

Status SetLevel(model::RunRequest& request, std::string_view where, std::string_view text) {
  const std::optional<model::Level> level = model::ParseLevel(text);
  if (!level) {
    return Bad(where, "'" + std::string(text) + "' is no security level",
               "give low, medium or high");
  }
  request.sandbox.level = *level;
  return {};
}

Status SetNetwork(model::RunRequest& request, std::string_view where, std::string_view text) {
  const std::optional<model::NetworkMode> mode = model::ParseNetworkMode(text);
  if (mode) {
    request.sandbox.network = mode;
    return {};
  }
  constexpr std::array<std::string_view, 2> kLater = {"veth", "host"};
  if (std::ranges::find(kLater, text) != kLater.end()) {
    return Failure(Code::kUnimplemented,
                   std::string(where) + ": network mode " + std::string(text) + " is not built yet",
                   "network_not_built", "use none, loopback or egress");
  }
  return Bad(where, "'" + std::string(text) + "' is no network mode",
             "give none, loopback or egress");
}

Status SetRootfs(model::RunRequest& request, std::string_view where, std::string_view text,
                 const Caller& caller) {
  std::optional<model::RootSource> source = model::ParseRootSource(text);
  if (!source) {
    return Bad(where, "'" + std::string(text) + "' is no root source",
               "give host-dirs, dir:PATH, tar:FILE or oci:LAYOUT[:TAG]");
  }
  if (source->kind != model::RootSource::Kind::kHostDirs) {
    source->dir = TRY(AbsoluteHostPath(where, source->dir.value(), caller));
  }
  request.sandbox.root = *std::move(source);
  return {};
}

Status SetMemory(model::RunRequest& request, std::string_view where, ByteSize size) {
  request.exec.limits.memory = TRY(InRange(where, size, kMemory));
  return {};
}

Status SetTmpfs(model::RunRequest& request, std::string_view where, ByteSize size) {
  request.sandbox.workspace.size = TRY(InRange(where, size, kTmpfs));
  return {};
}

Status SetOutput(model::RunRequest& request, std::string_view where, ByteSize size) {
  request.exec.limits.output = TRY(InRange(where, size, kOutput));
  return {};
}

Status SetPids(model::RunRequest& request, std::string_view where, std::uint64_t count) {
  request.exec.limits.pids = TRY(InRange(where, count, 1, kMostPids));
  return {};
}

Status SetOpenFiles(model::RunRequest& request, std::string_view where, std::uint64_t count) {
  request.exec.limits.open_files = TRY(InRange(where, count, kLeastFiles, kMostFiles));
  return {};
}

Status SetCpuMillis(model::RunRequest& request, std::string_view where, std::uint64_t millis) {
  request.exec.limits.cpu_millis = TRY(InRange(where, millis, kLeastMillis, kMostMillis));
  return {};
}

Status SetCpuTime(model::RunRequest& request, std::string_view where, Nanos span) {
  request.exec.limits.cpu_time = TRY(InRange(where, span));
  return {};
}

Status SetWallTime(model::RunRequest& request, std::string_view where, Nanos span) {
  request.exec.limits.wall_time = TRY(InRange(where, span));
  return {};
}

Status AddDegrade(model::RunRequest& request, std::string_view where, std::string_view layer) {
  TRY(model::CheckLayerWord(where, layer, true));
  auto& list = request.sandbox.degrade;
  if (std::ranges::find(list, layer) == list.end()) list.emplace_back(layer);
  return {};
}

Status AddBind(model::RunRequest& request, std::string_view where, std::string_view source,
               std::string_view target, bool writable, const Caller& caller) {
  HostPath from = TRY(AbsoluteHostPath(where, source, caller));
  GuestPath to = TRY(AbsoluteGuestPath(where, target));
  if (to.value() == "/") {
    return Bad(where, "a bind cannot replace the root", "use --rootfs dir:PATH");
  }
  const auto same = [&](const model::Bind& bind) { return bind.target == to; };
  if (std::ranges::any_of(request.sandbox.binds, same)) {
    return Bad(where, "two binds have the target " + to.value(), "give each a target of its own");
  }
  request.sandbox.binds.push_back({std::move(from), std::move(to), writable});
  return {};
}

Status AddAllowedPath(model::RunRequest& request, std::string_view where, std::string_view path) {
  auto& list = request.sandbox.allowed_paths;
  if (!list) list.emplace();
  if (path == "none") return {};
  GuestPath allowed = TRY(AbsoluteGuestPath(where, path));
  list->push_back(std::move(allowed));
  return {};
}

Status AddBlockedPath(model::RunRequest& request, std::string_view where, std::string_view path) {
  GuestPath blocked = TRY(AbsoluteGuestPath(where, path));
  request.sandbox.blocked_paths.push_back(std::move(blocked));
  return {};
}

Status SetWorkspace(model::RunRequest& request, std::string_view where, std::string_view text,
                    const Caller& caller) {
  constexpr std::string_view kDisk = "disk:";
  model::Workspace& workspace = request.sandbox.workspace;
  if (text == "memory") {
    workspace.kind = model::WorkspaceKind::kMemory;
    workspace.dir = {};
    return {};
  }
  if (text.starts_with(kDisk)) {
    workspace.dir = TRY(AbsoluteHostPath(where, text.substr(kDisk.size()), caller));
    workspace.kind = model::WorkspaceKind::kDisk;
    return {};
  }
  return Bad(where, "'" + std::string(text) + "' is no workspace", "give memory or disk:DIR");
}

}  // namespace fabro::faber
