#include "fabro/jail/plan/check.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <tuple>

#include "fabro/jail/child/wire.h"
#include "fabro/jail/plan/network.h"
#include "fabro/jail/plan/paths.h"
#include "fabro/jail/plan/plan.h"
#include "fabro/jail/plan/syscalls.h"
#include "fabro/model/capability.h"
#include "fabro/model/layers.h"

namespace fabro::jail::plan {
namespace {

constexpr std::size_t kMaxStrings =
    128 * 1024;  // argv and environment, so that a message holds them.
constexpr std::size_t kMaxArguments = 4096;
constexpr std::uint64_t kMinMemory = 4U << 20U;  // Below it no program starts.
constexpr std::uint64_t kMaxMemory = std::uint64_t{1} << 50U;
constexpr std::uint32_t kMinCpuMillis = 10;  // cpu.cfs_quota_us: 1 ms of 100 ms.
constexpr std::uint32_t kMaxCpuMillis = 1'000'000;
constexpr std::uint32_t kMaxTasks = 4'194'304;  // PID_MAX_LIMIT.
constexpr std::uint64_t kMinRate = 4096;        // A page a second.
constexpr std::uint32_t kMinFiles = 4;          // 0, 1, 2 and the program.
constexpr std::uint32_t kMaxFiles = 1U << 20U;

Status InRange(std::uint64_t value, std::uint64_t least, std::uint64_t most, std::string_view field,
               std::string_view flag) {
  if (value >= least && value <= most) return {};
  return Invalid(field, flag,
                 "is " + std::to_string(value) + ": allowed is " + std::to_string(least) + " to " +
                     std::to_string(most));
}

Status CheckCores(std::string_view list) {
  constexpr std::size_t kLongest = 256;
  const bool characters = list.find_first_not_of("0123456789,-") == std::string_view::npos;
  const bool ends = !list.empty() && list.front() >= '0' && list.back() >= '0';
  const bool doubled =
      list.find(",,") != std::string_view::npos || list.find("--") != std::string_view::npos ||
      list.find(",-") != std::string_view::npos || list.find("-,") != std::string_view::npos;
  if (characters && ends && !doubled && list.size() <= kLongest) return {};
  return Invalid("limits.cpu_set", "--cpu-set", "'" + std::string(list) + "' is no list of cores",
                 "write it as 0-2,5");
}

Status CheckSpan(const std::optional<Nanos>& span, std::string_view field, std::string_view flag) {
  using namespace std::chrono_literals;
  constexpr Nanos kLongest = std::chrono::hours(24 * 365);
  if (!span || (*span >= 1ms && *span <= kLongest)) return {};
  return Invalid(field, flag, "is " + ToString(*span) + ": allowed is 1ms to 365d");
}

// The kernel takes no clock below 0 or near the end of its range (time_namespaces(7)).
Status CheckStart(Nanos start, std::string_view field, std::string_view flag) {
  constexpr Nanos kLatest = std::chrono::hours(24 * 365 * 100);
  if (start.count() >= 0 && start <= kLatest) return {};
  return Invalid(field, flag, "is " + ToString(start) + ": allowed is 0 to 100 years");
}

bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

Status CheckHostname(std::string_view name) {
  const auto refused = [&] {
    return Invalid("hostname", "--hostname", "\"" + std::string(name) + "\" is no host name",
                   "use letters, digits and '-', at most 63");
  };
  if (name.empty() || name.size() >= wire::kNameMax || name.front() == '-') return refused();
  for (const char c : name) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!word && c != '-' && c != '.') return refused();
  }
  return {};
}

Status CheckChoices(const model::SandboxSpec& spec) {
  const bool sealed = spec.launch == model::Launch::kSealed;
  const auto network =
      spec.network.value_or(spec.level == model::Level::kHigh ? model::NetworkMode::kNone
                                                              : model::NetworkMode::kLoopback);
  if (sealed && network != model::NetworkMode::kNone) {
    return Invalid("launch", "--launch", "sealed needs network mode none", "add --network none");
  }
  TRY(CheckNetwork(spec, network));
  for (const std::string& layer : spec.degrade) {
    TRY(model::CheckLayerWord("degrade (--degrade)", layer, true));
  }
  return {};
}

Status CheckWorkspace(const model::SandboxSpec& spec) {
  const model::Workspace& workspace = spec.workspace;
  TRY(CheckGuestPath(workspace.target.value(), "workspace.target", "--workspace"));
  TRY(CheckGuestPath(spec.home.value(), "home", "--home"));
  if (IsWithin(spec.home.value(), workspace.target.value()) ||
      IsWithin(workspace.target.value(), spec.home.value())) {
    return Invalid("home", "--home", "and the workspace must not be within each other");
  }
  if (workspace.inodes) {
    TRY(InRange(*workspace.inodes, 1, std::uint64_t{1} << 32U, "workspace.inodes", "--inodes"));
    if (workspace.kind == model::WorkspaceKind::kDisk) {
      return Failure(Code::kUnimplemented,
                     "workspace.inodes (--inodes): a disk workspace has no limit of files",
                     "workspace_refused", "leave it out, or use --workspace memory");
    }
  }
  if (workspace.kind == model::WorkspaceKind::kDisk) {
    if (!workspace.size) return {};
    // Below it an ext4 has no room for anything.
    return InRange(workspace.size->bytes(), 16U << 20U, kMaxMemory, "workspace.size", "--tmpfs");
  }
  if (!workspace.size) return {};
  TRY(InRange(workspace.size->bytes(), 64U << 10U, kMaxMemory, "workspace.size", "--tmpfs"));
  if (spec.limits.memory && *workspace.size > *spec.limits.memory) {
    return Failure(Code::kInvalidArgument,
                   "workspace.size (--tmpfs) " + fabro::ToString(*workspace.size) +
                       " is above the memory limit " + fabro::ToString(*spec.limits.memory) +
                       ", to which its files are charged",
                   "workspace_refused", "raise --memory or lower --tmpfs");
  }
  return {};
}

}  // namespace

Error Invalid(std::string_view field, std::string_view flag, std::string_view what,
              std::string fix) {
  std::string message(field);
  message.append(" (").append(flag).append(") ").append(what);
  return Failure(Code::kInvalidArgument, std::move(message), "spec_invalid", std::move(fix));
}

bool MayLack(const model::SandboxSpec& spec, std::string_view layer) {
  return std::find(spec.degrade.begin(), spec.degrade.end(), layer) != spec.degrade.end();
}

Status CheckLimits(const model::Limits& limits) {
  if (limits.memory) {
    TRY(InRange(limits.memory->bytes(), kMinMemory, kMaxMemory, "limits.memory", "--memory"));
  }
  if (limits.pids) TRY(InRange(*limits.pids, 1, kMaxTasks, "limits.pids", "--pids"));
  if (limits.cpu_millis) {
    TRY(InRange(*limits.cpu_millis, kMinCpuMillis, kMaxCpuMillis, "limits.cpu_millis", "--cpus"));
  }
  if (limits.open_files) {
    TRY(InRange(*limits.open_files, kMinFiles, kMaxFiles, "limits.open_files", "--fds"));
  }
  if (limits.output) {
    TRY(InRange(limits.output->bytes(), 1, std::numeric_limits<std::int64_t>::max(),
                "limits.output", "--output"));
  }
  if (limits.cpu_set) TRY(CheckCores(*limits.cpu_set));
  for (const auto& [rate, field, flag] :
       {std::tuple(limits.io_read_rate, "limits.io_read_rate", "--io-read"),
        std::tuple(limits.io_write_rate, "limits.io_write_rate", "--io-write")}) {
    if (rate) TRY(InRange(rate->bytes(), kMinRate, kMaxMemory, field, flag));
  }
  TRY(CheckSpan(limits.cpu_time, "limits.cpu_time", "--cpu-time"));
  return CheckSpan(limits.wall_time, "limits.wall_time", "--wall-time");
}

Status CheckGuestPath(std::string_view path, std::string_view field, std::string_view flag) {
  const std::string quoted = "\"" + std::string(path) + "\"";
  if (path.empty() || path.front() != '/') {
    return Invalid(field, flag, quoted + " is no absolute path");
  }
  if (path == "/") return Invalid(field, flag, "must not be the root itself");
  if (path.size() >= wire::kPathMax) {
    return Invalid(field, flag,
                   quoted + " has more than " + std::to_string(wire::kPathMax - 1) + " bytes");
  }
  if (HasControl(path)) return Invalid(field, flag, "has a control character");
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") {
      return Invalid(field, flag, quoted + " is not normalised",
                     "write it without \"//\", \".\", \"..\" and a slash at the end");
    }
    begin = end + 1;
  }
  return {};
}

bool IsWithin(std::string_view path, std::string_view top) {
  return path == top || (path.size() > top.size() && path.starts_with(top) &&
                         (top.ends_with('/') || path[top.size()] == '/'));
}

Status CheckSandbox(const model::SandboxSpec& spec) {
  constexpr std::size_t kMaxBinds = 32;
  using Root = model::RootSource::Kind;
  if (spec.root.kind == Root::kTar || spec.root.kind == Root::kOci) {
    return Failure(Code::kInvalidArgument, "rootfs (--rootfs) is an image, no unpacked tree",
                   "rootfs_refused", "open it in the image cache first");
  }
  TRY(CheckChoices(spec));
  TRY(CheckLimits(spec.limits));
  TRY(CheckHostname(spec.hostname));
  TRY(CheckWorkspace(spec));
  TRY(CheckPaths(spec));
  TRY(CheckSyscalls(spec));
  TRY(model::CapabilityMask("capabilities (--cap-add)", spec.capabilities, spec.level));
  TRY(CheckStart(spec.monotonic_start, "monotonic_start", "--monotonic-offset"));
  TRY(CheckStart(spec.boottime_start, "boottime_start", "--boottime-offset"));
  if (spec.binds.size() > kMaxBinds) return Invalid("binds", "--bind", "are more than 32");
  for (const model::Bind& bind : spec.binds) {
    TRY(CheckGuestPath(bind.target.value(), "bind target", "--bind"));
  }
  return {};
}

Status CheckExec(const model::ExecSpec& spec) {
  TRY(CheckLimits(spec.limits));
  if (spec.limits.cpu_set || spec.limits.io_read_rate || spec.limits.io_write_rate) {
    return Invalid("limits", "--cpu-set, --io-read, --io-write", "are of the whole sandbox",
                   "set them where the sandbox is made");
  }
  if (spec.argv.empty() || spec.argv[0].empty()) return Invalid("argv", "-- CMD", "is empty");
  if (spec.argv.size() > kMaxArguments || spec.env.size() > kMaxArguments) {
    return Invalid("argv, env", "-- CMD, --env", "have more than 4096 entries");
  }
  std::size_t bytes = 0;
  for (const auto* list : {&spec.argv, &spec.env}) {
    for (const std::string& text : *list) {
      bytes += text.size() + 1;
      if (text.find('\0') != std::string::npos) {
        return Invalid("argv, env", "-- CMD, --env", "have a NUL byte");
      }
    }
  }
  if (bytes > kMaxStrings) {
    return Invalid(
        "argv, env", "-- CMD, --env",
        "have " + std::to_string(bytes) + " bytes: at most " + std::to_string(kMaxStrings),
        "write long input to a file or to stdin");
  }
  for (const std::string& entry : spec.env) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Invalid("env", "--env", "has an entry without NAME=", "write NAME=value");
    }
  }
  if (spec.cwd.value().empty() || spec.cwd.value() == "/") return {};
  return CheckGuestPath(spec.cwd.value(), "cwd", "--cwd");
}

bool Narrows(const model::SandboxSpec& spec, const HostFacts& facts, std::size_t inner,
             std::size_t outer) {
  const std::string& target = spec.binds[inner].target.value();
  const std::string& taken = spec.binds[outer].target.value();
  return !spec.binds[inner].writable && IsWithin(target, taken) && target != taken &&
         facts.binds[inner].kind == SourceFacts::Kind::kDirectory &&
         facts.binds[inner].path == facts.binds[outer].path + target.substr(taken.size());
}

}  // namespace fabro::jail::plan
