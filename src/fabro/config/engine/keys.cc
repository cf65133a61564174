#include "fabro/config/engine/keys.h"

#include <algorithm>
#include <array>
#include <vector>

namespace fabro::config::engine {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = kKiB * kKiB;
constexpr std::uint64_t kMostBytes = 1ULL << 50U;
constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kYear = 365ULL * 24 * 3600 * 1000 * kMillisecond;
constexpr std::uint64_t kMostId = 4'294'967'294;

using enum KeyType;
using enum KeyUse;

constexpr std::string_view kLevels = "low medium high";
constexpr std::string_view kLimitPrefix = "resource_limits.";

constexpr std::array kKeys = {
    KeyInfo{"security.default_security_level", kWord, "medium", kRun,
            "Security level of a command that names none", kLevels},
    KeyInfo{"security.seccomp.enabled", kBool, "true", kDefaultOnly,
            "System call filter; every level has one"},
    KeyInfo{"security.seccomp.level", kWord, "", kRun,
            "Level of the filter; it must be default_security_level, which it is when unset",
            kLevels},
    KeyInfo{"security.seccomp.report", kWord, "notify", kDefaultOnly,
            "How refused calls are seen: by user notification, or by the kernel's log",
            "notify log"},
    KeyInfo{"security.capabilities.drop_all", kBool, "true", kDefaultOnly,
            "Drop every capability that is not in allowed"},
    KeyInfo{"security.capabilities.allowed", kTextList, "[]", kRun,
            "Capabilities (CAP_…) inside the sandbox's own user namespace"},
    KeyInfo{"security.capabilities.unsafe_host_capabilities", kBool, "false", kDefaultOnly,
            "With namespaces.user off at level low: let allowed capabilities be the host's"},
    KeyInfo{"security.allow_ptrace", kBool, "false", kRun,
            "Let processes of the sandbox trace each other"},
    KeyInfo{"sandbox.namespaces.pid", kBool, "true", kDefaultOnly, "Own process ids"},
    KeyInfo{"sandbox.namespaces.mount", kBool, "true", kDefaultOnly, "Own mounts"},
    KeyInfo{"sandbox.namespaces.network", kBool, "true", kRun,
            "Own network; false never gives the host's by itself (CFG_NETNS_IMPLIED)"},
    KeyInfo{"sandbox.namespaces.ipc", kBool, "true", kDefaultOnly, "Own System V and POSIX IPC"},
    KeyInfo{"sandbox.namespaces.uts", kBool, "true", kDefaultOnly, "Own host name"},
    KeyInfo{"sandbox.namespaces.user", kBool, "true", kRun,
            "Own user ids; forced at medium and high (CFG_USERNS_FORCED)"},
    KeyInfo{"sandbox.namespaces.time", kBool, "true", kDefaultOnly, "Own clock offsets"},
    KeyInfo{"sandbox.namespaces.cgroup", kBool, "true", kDefaultOnly, "Own view of control groups"},
    KeyInfo{"sandbox.filesystem.read_only", kBool, "true", kDefaultOnly,
            "The root cannot be written to"},
    KeyInfo{"sandbox.filesystem.tmpfs_size", kBytes, "104857600", kRun,
            "Total of all writable places in memory; unset: at most half of memory_limit", "",
            4 * kKiB, kMostBytes},
    KeyInfo{"sandbox.filesystem.allowed_paths", kTextList, "['/tmp', '/var/tmp']", kRun,
            "Places inside the sandbox that can be written to"},
    KeyInfo{"sandbox.filesystem.blocked_paths", kTextList, "['/proc', '/sys', '/dev', '/boot']",
            kRun, "Places of the host or image that are not visible inside"},
    KeyInfo{"sandbox.network.enabled", kBool, "false", kRun,
            "Let allowed_hosts be reached: mode egress"},
    KeyInfo{"sandbox.network.mode", kWord, "", kRun,
            "none: no socket can be made; loopback: a network of its own with nothing outside "
            "(unset: loopback, at high none)",
            "none loopback egress veth host"},
    KeyInfo{"sandbox.network.allowed_hosts", kTextList, "[]", kRun,
            "Names, *.names, addresses and CIDR ranges that can be reached in mode egress"},
    KeyInfo{"sandbox.network.allowed_ports", kPortList, "[80, 443]", kRun,
            "TCP ports that can be reached in mode egress"},
    KeyInfo{"sandbox.network.allow_all", kBool, "false", kRun,
            "Every name and address outside the deny ranges; not at high"},
    KeyInfo{"sandbox.network.synthetic_v4", kText, "198.18.0.0/15", kRun,
            "Range of the addresses that names get inside"},
    KeyInfo{"sandbox.network.synthetic_v6", kText, "", kRun,
            "The same for IPv6: a /32 of fd00::/8"},
    KeyInfo{"sandbox.workspace.type", kWord, "memory", kRun,
            "memory: goes with the sandbox; disk: the directory workspace.path, which stays",
            "memory disk"},
    KeyInfo{"sandbox.workspace.path", kText, "", kRun, "Directory of a disk workspace"},
    KeyInfo{"sandbox.workspace.limit", kWord, "", kDefaultOnly,
            "What bounds a disk workspace's bytes", "none loop quota"},
    KeyInfo{"sandbox.rootfs", kText, "host-dirs", kRun,
            "Where the root comes from: host-dirs, dir:PATH, tar:FILE or oci:LAYOUT[:TAG]"},
    KeyInfo{"sandbox.mounts", kMounts, "[]", kRun,
            "Host files and directories to show: {source, target, read_only}"},
    KeyInfo{"sandbox.launch", kWord, "", kDefaultOnly,
            "strict: a network namespace for each command; sealed: a pristine one is used again",
            "strict sealed"},
    KeyInfo{"sandbox.fresh", kBool, "false", kRun, "Share nothing with earlier commands"},
    KeyInfo{"sandbox.degrade", kTextList, "[]", kRun,
            "Layers that this host may lack; each result says which were missing"},
    KeyInfo{"sandbox.exec_policy", kWord, "off", kDefaultOnly,
            "enforce: programs that are not on the list cannot be executed", "off enforce"},
    KeyInfo{"sandbox.time.monotonic_offset", kNanos, "0", kRun,
            "What the monotonic clock says when the command starts", "", 0, 100 * kYear},
    KeyInfo{"sandbox.time.boottime_offset", kNanos, "0", kRun,
            "What the boot clock (uptime) says when the command starts", "", 0, 100 * kYear},
    KeyInfo{"limits_profile", kText, "default", kRun, "Which set of resource_limits counts"},
    KeyInfo{"resource_limits.default.memory_limit", kBytes, "536870912", kRun,
            "Memory of all processes together, without swap", "", kMiB, kMostBytes},
    KeyInfo{"resource_limits.default.cpu_time_limit", kNanos, "30000000000", kRun,
            "CPU time of all processes together", "", kMillisecond, kYear},
    KeyInfo{"resource_limits.default.wall_time_limit", kNanos, "60000000000", kRun,
            "Time on the clock", "", kMillisecond, kYear},
    KeyInfo{"resource_limits.default.max_processes", kCount, "10", kRun,
            "Processes and threads at once", "", 1, 4'194'304},
    KeyInfo{"resource_limits.default.max_file_descriptors", kCount, "100", kRun,
            "Open files of each process", "", 4, 1'073'741'816},
    KeyInfo{"resource_limits.default.max_output_size", kBytes, "1048576", kRun,
            "Bytes on stdout, and on stderr", "", 1, kMostBytes},
    KeyInfo{"resource_limits.default.cpu_rate_limit", kCount, "", kRun,
            "CPU bandwidth in thousandths of a core", "", 10, 4'096'000},
    KeyInfo{"resource_limits.default.stack_limit", kBytes, "", kDefaultOnly, "Stack of a process",
            "", kKiB, kMostBytes},
    KeyInfo{"resource_limits.default.data_segment_limit", kBytes, "", kDefaultOnly,
            "RLIMIT_DATA of a process", "", kKiB, kMostBytes},
    KeyInfo{"resource_limits.default.address_space_limit", kBytes, "", kDefaultOnly,
            "RLIMIT_AS of a process", "", kKiB, kMostBytes},
    KeyInfo{"resource_limits.default.io_read_limit", kBytes, "", kRun,
            "Bytes a second read from disks", "", kKiB, kMostBytes},
    KeyInfo{"resource_limits.default.io_write_limit", kBytes, "", kRun,
            "Bytes a second written to disks", "", kKiB, kMostBytes},
    KeyInfo{"validation.mode", kWord, "block", kRun,
            "What the command policy does: a guardrail, not a boundary", "off audit block allow"},
    KeyInfo{"validation.preset", kWord, "seed", kRun,
            "seed blocks every dd, precise one that opens a device", "seed precise"},
    KeyInfo{"validation.blocked", kTextList, "[]", kRun, "Rules added to the preset"},
    KeyInfo{"validation.allowed", kTextList, "[]", kRun,
            "Programs of mode allow; @seed and @coreutils are groups; empty: @seed"},
    KeyInfo{"validation.on_indeterminate", kWord, "audit", kRun,
            "What becomes of a command that cannot be judged before it runs", "allow audit deny"},
    KeyInfo{"validation.allow_workspace_binaries", kBool, "true", kRun,
            "Mode allow: programs in writable places need no entry"},
    KeyInfo{"validation.blocked_env_vars", kTextList, "[LD_PRELOAD, LD_LIBRARY_PATH]", kRun,
            "Variables that a command may not set"},
    KeyInfo{"validation.max_command_length", kCount, "131072", kRun,
            "Bytes of all arguments together", "", 1, 2 * kMiB},
    KeyInfo{"validation.max_env_value_length", kCount, "131072", kRun,
            "Bytes of one variable's value", "", 1, 2 * kMiB},
    KeyInfo{"validation.max_tasks_per_request", kCount, "100", kService, "Tasks of one request", "",
            1, 10'000},
    KeyInfo{"logging.level", kWord, "info", kRun, "Least level that is written",
            "debug info warn error"},
    KeyInfo{"logging.format", kWord, "json", kRun, "One JSON object a line, or text", "json text"},
    KeyInfo{"logging.file", kText, "null", kRun,
            "File to append to; null: standard error of a service, nothing for a single command",
            "", 0, 0, true},
    KeyInfo{"logging.debug", kBool, "false", kRun, "The same as level debug"},
    KeyInfo{"container.hostname", kText, "sandbox", kRun, "Host name inside"},
    KeyInfo{"container.domain_name", kText, "", kDefaultOnly, "NIS domain name inside"},
    KeyInfo{"container.uid", kCount, "1000", kDefaultOnly, "User id inside", "", 0, kMostId},
    KeyInfo{"container.gid", kCount, "1000", kDefaultOnly, "Group id inside", "", 0, kMostId},
    KeyInfo{"cgroups.enabled", kBool, "true", kDefaultOnly,
            "Control groups; to go without, list cgroup in sandbox.degrade"},
    KeyInfo{"cgroups.version", kWord, "auto", kDefaultOnly, "Version to use", "auto v1 v2"},
    KeyInfo{"cgroups.prefix", kText, "faber", kDefaultOnly,
            "Name of the group that holds all others"},
    KeyInfo{"cgroups.base_path", kText, "/sys/fs/cgroup", kDefaultOnly, "Where they are mounted"},
    KeyInfo{"identity.base", kText, "auto", kDefaultOnly,
            "First host id of the sandboxes' users; auto: a range that nobody has"},
    KeyInfo{"identity.count", kCount, "65536", kDefaultOnly, "How many host ids there are", "", 4,
            kMostId},
    KeyInfo{"auth.api_key", kText, "", kService, "Key that callers must send", "", 0, 0, false,
            true},
    KeyInfo{"auth.required", kBool, "true", kService, "Refuse callers without a key"},
    KeyInfo{"auth.open_mode", kBool, "false", kService, "Serve everyone"},
    KeyInfo{"server.host", kText, "127.0.0.1", kService, "Address to listen on"},
    KeyInfo{"server.port", kCount, "3000", kService, "Port to listen on", "", 1, 65535},
    KeyInfo{"server.enable_swagger", kBool, "false", kService, "Serve the API's description"},
    KeyInfo{"server.graceful_shutdown", kBool, "true", kService, "Let running tasks end first"},
    KeyInfo{"server.max_request_size", kBytes, "10485760", kService, "Bytes of a request", "", kKiB,
            kMostBytes},
    KeyInfo{"server.request_timeout", kNanos, "300000000000", kService, "Time for a request", "",
            kMillisecond, kYear},
    KeyInfo{"filesystem.max_file_size", kBytes, "10485760", kService,
            "Bytes of one file of a request", "", 1, kMostBytes},
    KeyInfo{"filesystem.max_files_per_request", kCount, "100", kService, "Files of one request", "",
            1, 100'000},
};

bool IsSetName(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  return !name.empty() && name.size() <= kLongest && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

std::string_view LastPart(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

}  // namespace

std::span<const KeyInfo> Keys() { return kKeys; }

std::string_view LimitSetOf(std::string_view name) {
  if (!name.starts_with(kLimitPrefix)) return {};
  const std::string_view rest = name.substr(kLimitPrefix.size());
  const std::string_view set = rest.substr(0, rest.find('.'));
  return IsSetName(set) ? set : std::string_view();
}

const KeyInfo* FindKey(std::string_view name) {
  std::string own(name);
  if (const std::string_view set = LimitSetOf(name); !set.empty() && set != "default") {
    own.replace(kLimitPrefix.size(), set.size(), "default");
  }
  // The old name of validation.blocked.
  if (own == "validation.blocked_commands") own = "validation.blocked";
  const auto found = std::ranges::find(kKeys, std::string_view(own), &KeyInfo::name);
  return found == kKeys.end() ? nullptr : &*found;
}

bool IsSection(std::string_view name) {
  const std::string prefix = std::string(name) + ".";
  const auto below = [&](const KeyInfo& key) { return key.name.starts_with(prefix); };
  const bool limit_set = !LimitSetOf(name).empty() && std::ranges::count(name, '.') == 1;
  return limit_set || std::ranges::any_of(kKeys, below);
}

std::string VariableOf(std::string_view key) {
  std::string name = "FABER_";
  for (const char c : key) {
    const bool lower = c >= 'a' && c <= 'z';
    name += c == '.' ? '_' : (lower ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return name;
}

std::optional<std::string> NearestKey(std::string_view name) {
  constexpr std::size_t kLongest = 128;
  if (name.size() > kLongest) return std::nullopt;
  std::optional<std::string> best;
  std::size_t least = 0;
  for (const KeyInfo& key : kKeys) {
    // A whole name with a slip in it, or the right word in a wrong section.
    const std::size_t whole = Distance(name, key.name);
    const std::size_t last = Distance(LastPart(name), LastPart(key.name)) + 1;
    const std::size_t distance = std::min(whole, last);
    const std::size_t bearable = 1 + LastPart(name).size() / 3;
    if (distance > bearable || (best && distance >= least)) continue;
    best = std::string(key.name);
    least = distance;
  }
  return best;
}

std::string TypeText(const KeyInfo& key) {
  switch (key.type) {
    case kBool:
      return "true or false";
    case kWord: {
      std::string words(key.words);
      for (std::size_t at = 0; (at = words.find(' ', at)) != std::string::npos; at += 2) {
        words.replace(at, 1, ", ");
      }
      return words;
    }
    case kText:
      return "text";
    case kBytes:
      return "bytes, or a size as 512MiB";
    case kNanos:
      return "nanoseconds, or a time as 30s";
    case kCount:
      return "a whole number";
    case kTextList:
      return "a list of texts";
    case kPortList:
      return "a list of ports and ranges as 8000-8010";
    case kMounts:
      return "a list of {source, target, read_only}";
  }
  return "";
}

}  // namespace fabro::config::engine
