#include "fabro/codec/model_json.h"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "fabro/codec/text.h"

namespace fabro::codec {
namespace {

using model::Json;

Json Object(std::initializer_list<Json::Member> members) { return Json(Json::Object(members)); }

Json OfSize(const std::optional<ByteSize>& size) { return size ? Json(size->bytes()) : Json(); }
Json OfNanos(const std::optional<Nanos>& span) {
  return span ? Json(std::int64_t{span->count()}) : Json();
}

template <typename T>
Json OfOptional(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

template <typename T>
Json OfWord(const std::optional<T>& value) {
  return value ? Json(model::ToString(*value)) : Json();
}

Json OfRoot(const model::RootSource& root) {
  if (root.kind == model::RootSource::Kind::kHostDirs) return Object({{"kind", "host-dirs"}});
  using Kind = model::RootSource::Kind;
  const char* kind = root.kind == Kind::kTar ? "tar" : root.kind == Kind::kOci ? "oci" : "dir";
  Json json = Object({{"kind", kind}, {kind, root.dir.value()}});
  return json.SetIfAny("tag", root.tag);
}

Json OfPaths(const std::vector<GuestPath>& paths) {
  Json list = Json::MakeArray();
  for (const GuestPath& path : paths) list.Push(path.value());
  return list;
}

Json OfWorkspace(const model::Workspace& workspace) {
  Json json = Object({{"kind", model::ToString(workspace.kind)}});
  if (workspace.kind == model::WorkspaceKind::kDisk) json.Set("dir", workspace.dir.value());
  return json.Set("size_bytes", OfSize(workspace.size))
      .Set("inodes", OfOptional(workspace.inodes))
      .Set("target", workspace.target.value());
}

Json OfSyscalls(const model::SyscallChanges& changes) {
  return Object({{"allow_ptrace", changes.allow_ptrace},
                 {"deny_file_locks", changes.deny_file_locks},
                 {"deny_process_creation", changes.deny_process_creation},
                 {"deny_jit", changes.deny_jit},
                 {"allow", Json::Strings(changes.allow)},
                 {"deny", Json::Strings(changes.deny)},
                 {"learn", OfWord(changes.learn)}});
}

Json OfOutput(const CapturedOutput& output) {
  const bool text = IsUtf8(output.bytes);
  return Object({{"encoding", text ? "utf-8" : "base64"},
                 {"data", text ? output.bytes : Base64(output.bytes)},
                 {"bytes", std::uint64_t{output.bytes.size()}},
                 {"complete", output.complete}});
}

template <typename T>
Json OfAll(const std::vector<T>& values) {
  Json json = Json::MakeArray();
  for (const T& value : values) json.Push(ToJson(value));
  return json;
}

void Merge(Json& into, const Json& from) {
  for (const auto& [key, value] : *from.Members()) into.Set(key, value);
}

void Write(const Json& json, std::size_t indent, std::string& out) {
  const std::string margin(indent + 2, ' ');
  const auto close = [&](char bracket) { out += "\n" + std::string(indent, ' ') + bracket; };
  if (const Json::Object* members = json.Members(); members != nullptr && !members->empty()) {
    for (const auto& [key, value] : *members) {
      out += (&key == &members->front().first ? "{\n" : ",\n") + margin + Json(key).Dump() + ": ";
      Write(value, indent + 2, out);
    }
    return close('}');
  }
  if (const Json::Array* items = json.Items(); items != nullptr && !items->empty()) {
    for (const Json& item : *items) {
      out += (&item == &items->front() ? "[\n" : ",\n") + margin;
      Write(item, indent + 2, out);
    }
    return close(']');
  }
  out += json.Dump();
}

}  // namespace

Json ToJson(const model::Limits& limits) {
  return Object({{"memory_bytes", OfSize(limits.memory)},
                 {"pids", OfOptional(limits.pids)},
                 {"cpu_millis", OfOptional(limits.cpu_millis)},
                 {"cpu_time_ns", OfNanos(limits.cpu_time)},
                 {"wall_time_ns", OfNanos(limits.wall_time)},
                 {"open_files", OfOptional(limits.open_files)},
                 {"output_bytes", OfSize(limits.output)},
                 {"cpu_set", limits.cpu_set ? Json(*limits.cpu_set) : Json()},
                 {"io_read_bytes_per_second", OfSize(limits.io_read_rate)},
                 {"io_write_bytes_per_second", OfSize(limits.io_write_rate)}});
}

Json ToJson(const model::SandboxSpec& spec) {
  Json binds = Json::MakeArray();
  for (const model::Bind& bind : spec.binds) {
    binds.Push(Object({{"source", bind.source.value()},
                       {"target", bind.target.value()},
                       {"writable", bind.writable}}));
  }
  const bool egress = spec.network == model::NetworkMode::kEgress;
  return Object({{"level", model::ToString(spec.level)},
                 {"network", OfWord(spec.network)},
                 {"egress", egress ? ToJson(spec.egress) : Json()},
                 {"launch", OfWord(spec.launch)},
                 {"fresh", spec.fresh},
                 {"tty", spec.tty},
                 {"root", OfRoot(spec.root)},
                 {"binds", std::move(binds)},
                 {"workspace", OfWorkspace(spec.workspace)},
                 {"allowed_paths", spec.allowed_paths ? OfPaths(*spec.allowed_paths) : Json()},
                 {"blocked_paths", OfPaths(spec.blocked_paths)},
                 {"limits", ToJson(spec.limits)},
                 {"hostname", spec.hostname},
                 {"home", spec.home.value()},
                 {"degrade", Json::Strings(spec.degrade)},
                 {"syscalls", OfSyscalls(spec.syscalls)},
                 {"capabilities", Json::Strings(spec.capabilities)},
                 {"monotonic_start_ns", spec.monotonic_start.count()},
                 {"boottime_start_ns", spec.boottime_start.count()}});
}

Json ToJson(const model::ExecSpec& spec) {
  return Object({{"argv", Json::Strings(spec.argv)},
                 {"env", Json::Strings(spec.env)},
                 {"cwd", spec.cwd.value()},
                 {"limits", ToJson(spec.limits)},
                 {"tty", spec.tty},
                 {"keep_background", spec.keep_background}});
}

Json ToJson(const model::RunRequest& request) {
  return Object({{"sandbox", ToJson(request.sandbox)}, {"exec", ToJson(request.exec)}});
}

Json ToJson(const model::Violation& violation) {
  return Object(
      {{"syscall", violation.syscall},
       {"call", violation.call},
       {"pid", violation.pid},
       {"guest_pid", violation.guest_pid},
       {"comm", violation.comm},
       {"killed", violation.killed},
       {"errno", violation.sys_errno == 0 ? Json() : Json(ErrnoName(violation.sys_errno))}});
}

Json ToJson(const model::EgressPolicy& policy) {
  Json hosts = Json::MakeArray();
  for (const model::HostRule& rule : policy.hosts) {
    hosts.Push(Object({{"host", model::ToString(rule)}, {"allow_private", rule.allow_private}}));
  }
  Json ports = Json::MakeArray();
  for (const model::PortRange& range : policy.ports) ports.Push(model::ToString(range));
  return Object({{"allowed_hosts", std::move(hosts)},
                 {"allowed_ports", std::move(ports)},
                 {"allow_all", policy.allow_all},
                 {"tls_sni", policy.tls_sni},
                 {"http_host", policy.http_host},
                 {"max_connections", policy.max_connections},
                 {"max_bytes", OfSize(policy.max_bytes)},
                 {"bytes_per_second", OfSize(policy.bytes_per_second)},
                 {"idle_timeout_ns", OfNanos(policy.idle_timeout)},
                 {"synthetic_v4", model::ToString(policy.synthetic_v4)},
                 {"synthetic_v6", model::ToString(policy.synthetic_v6)}});
}

Json ToJson(const model::NetworkUsage& usage) {
  Json denied = Json::MakeArray();
  Json failed = Json::MakeArray();
  for (const model::NetworkDenial& denial : usage.denied) {
    Json& list = model::IsFailure(denial.reason) ? failed : denied;
    list.Push(Object({{"name", denial.name},
                      {"port", denial.port != 0 ? Json(static_cast<int>(denial.port)) : Json()},
                      {"reason", model::ToString(denial.reason)},
                      {"count", denial.count}}));
  }
  return Object({{"connections", usage.connections},
                 {"sent_bytes", usage.sent.bytes()},
                 {"received_bytes", usage.received.bytes()},
                 {"denied", std::move(denied)},
                 {"failed", std::move(failed)},
                 {"dropped", usage.denied_dropped},
                 {"unavailable", usage.unavailable}});
}

Json ToJson(const model::Outcome& outcome) {
  const model::Usage& usage = outcome.usage;
  Json json = Object({{"outcome", model::ToString(outcome.fate)},
                      {"exit_code", outcome.exit_code >= 0 ? Json(outcome.exit_code) : Json()},
                      {"signal", outcome.signal != 0 ? Json(outcome.signal) : Json()}});
  json.SetIfAny("message", outcome.message);
  if (outcome.sys_errno != 0) json.Set("errno", ErrnoName(outcome.sys_errno));
  json.Set("times", Object({{"wall_ns", OfNanos(usage.wall_time)},
                            {"cpu_ns", OfNanos(usage.cpu_time)},
                            {"cpu_user_ns", OfNanos(usage.cpu_user)},
                            {"cpu_system_ns", OfNanos(usage.cpu_system)},
                            {"throttled_periods", OfOptional(usage.throttled_periods)}}));
  json.Set("peaks", Object({{"memory_bytes", OfSize(usage.memory_peak)},
                            {"pids", OfOptional(usage.pids_peak)}}));
  if (usage.io_read || usage.io_written) {
    json.Set("io", Object({{"read_bytes", OfSize(usage.io_read)},
                           {"written_bytes", OfSize(usage.io_written)}}));
  }
  json.Set("pids_limit_hit", outcome.pids_limit_hit);
  json.Set("violations", OfAll(outcome.violations));
  json.Set("violations_dropped", outcome.violations_dropped);
  if (outcome.network) json.Set("network", ToJson(*outcome.network));
  return json.Set("cleanup_succeeded", outcome.cleanup_succeeded);
}

Json ToJson(const model::SandboxInfo& info) {
  return Object({{"launch", model::ToString(info.launch)},
                 {"shared", Json::Strings(info.shared)},
                 {"degraded", Json::Strings(info.degraded)},
                 {"notices", Json::Strings(info.notices)},
                 {"seccomp", info.seccomp},
                 {"landlock_abi", info.landlock_abi},
                 {"workspace_limit", info.workspace_limit},
                 {"cgroup_mode", info.cgroup_mode},
                 {"identity", info.identity},
                 {"limits", ToJson(info.limits)},
                 {"init_pid", info.init_pid}});
}

Json ToJson(const Error& error) {
  Json json = Object({{"code", CodeName(error.code)}});
  json.SetIfAny("reason", error.reason).Set("message", error.message).SetIfAny("fix", error.fix);
  if (error.sys_errno != 0) json.Set("errno", ErrnoName(error.sys_errno));
  if (!error.context.empty()) json.Set("context", Json::Strings(error.context));
  return json;
}

Json ToJson(const RunReport& report) {
  Json json = ToJson(report.outcome);
  Merge(json, ToJson(report.info));
  // The command's own limits are the ones that matter to a reader; init's pid is gone by now.
  model::Limits limits = report.limits;
  limits.cpu_set = report.info.limits.cpu_set;
  limits.io_read_rate = report.info.limits.io_read_rate;
  limits.io_write_rate = report.info.limits.io_write_rate;
  json.Set("limits", ToJson(limits));
  std::erase_if(*json.Members(), [](const Json::Member& one) { return one.first == "init_pid"; });
  return json.Set("stdout", OfOutput(report.out)).Set("stderr", OfOutput(report.err));
}

std::string Indented(const Json& json) {
  std::string out;
  Write(json, 0, out);
  return out;
}

}  // namespace fabro::codec
