#include "fabro/jail/protocol/messages.h"

#include "fabro/base/bytes.h"
#include "fabro/egress/wire/control.h"

namespace fabro::jail::protocol {
namespace {

constexpr std::size_t kMaxText = 128 * 1024;
constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMaxWord = 256;
constexpr std::uint32_t kMaxWords = 4096;
constexpr std::uint32_t kMaxPaths = 64;
constexpr std::uint32_t kMaxViolations = 64;

Error Malformed(std::string_view what) {
  return Failure(Code::kInvalidArgument, "malformed message: " + std::string(what),
                 "protocol_error", "use faber and faber-jailer of one build");
}

template <typename T>
Result<T> Checked(const ByteReader& reader, T value, std::string_view what) {
  if (!reader.Complete()) return Malformed(what);
  return value;
}

template <typename T>
void WriteEnum(ByteWriter& out, T value) {
  out.U8(static_cast<std::uint8_t>(value));
}

void WriteTexts(ByteWriter& out, const std::vector<std::string>& texts) {
  out.List(texts, [&](const std::string& text) { out.Text(text); });
}

std::vector<std::string> ReadTexts(ByteReader& in, std::uint32_t most, std::size_t longest) {
  std::vector<std::string> texts;
  const std::uint32_t count = in.Count(most);
  for (std::uint32_t i = 0; i < count && !in.bad(); ++i) texts.push_back(in.Text(longest));
  return texts;
}

void WritePaths(ByteWriter& out, const std::vector<GuestPath>& paths) {
  out.List(paths, [&](const GuestPath& path) { out.Text(path.value()); });
}

std::vector<GuestPath> ReadPaths(ByteReader& in) {
  std::vector<GuestPath> paths;
  for (std::string& text : ReadTexts(in, kMaxPaths, kMaxPath)) {
    paths.emplace_back(std::move(text));
  }
  return paths;
}

void WriteLimits(ByteWriter& out, const model::Limits& limits) {
  out.Optional(limits.memory, [&](ByteSize v) { out.U64(v.bytes()); });
  out.Optional(limits.pids, [&](std::uint32_t v) { out.U32(v); });
  out.Optional(limits.cpu_millis, [&](std::uint32_t v) { out.U32(v); });
  out.Optional(limits.cpu_time, [&](Nanos v) { out.I64(v.count()); });
  out.Optional(limits.wall_time, [&](Nanos v) { out.I64(v.count()); });
  out.Optional(limits.open_files, [&](std::uint32_t v) { out.U32(v); });
  out.Optional(limits.output, [&](ByteSize v) { out.U64(v.bytes()); });
  out.Optional(limits.cpu_set, [&](const std::string& v) { out.Text(v); });
  out.Optional(limits.io_read_rate, [&](ByteSize v) { out.U64(v.bytes()); });
  out.Optional(limits.io_write_rate, [&](ByteSize v) { out.U64(v.bytes()); });
}

model::Limits ReadLimits(ByteReader& in) {
  model::Limits limits;
  if (in.Bool()) limits.memory = ByteSize(in.U64());
  if (in.Bool()) limits.pids = in.U32();
  if (in.Bool()) limits.cpu_millis = in.U32();
  if (in.Bool()) limits.cpu_time = Nanos(in.I64());
  if (in.Bool()) limits.wall_time = Nanos(in.I64());
  if (in.Bool()) limits.open_files = in.U32();
  if (in.Bool()) limits.output = ByteSize(in.U64());
  if (in.Bool()) limits.cpu_set = in.Text(kMaxWord);
  if (in.Bool()) limits.io_read_rate = ByteSize(in.U64());
  if (in.Bool()) limits.io_write_rate = ByteSize(in.U64());
  return limits;
}

void WriteUsage(ByteWriter& out, const model::Usage& usage) {
  out.I64(usage.wall_time.count());
  out.I64(usage.cpu_user.count());
  out.I64(usage.cpu_system.count());
  out.I64(usage.cpu_time.count());
  out.Optional(usage.memory_peak, [&](ByteSize v) { out.U64(v.bytes()); });
  out.Optional(usage.pids_peak, [&](std::uint32_t v) { out.U32(v); });
  out.Optional(usage.throttled_periods, [&](std::uint64_t v) { out.U64(v); });
  out.Optional(usage.io_read, [&](ByteSize v) { out.U64(v.bytes()); });
  out.Optional(usage.io_written, [&](ByteSize v) { out.U64(v.bytes()); });
}

model::Usage ReadUsage(ByteReader& in) {
  model::Usage usage;
  usage.wall_time = Nanos(in.I64());
  usage.cpu_user = Nanos(in.I64());
  usage.cpu_system = Nanos(in.I64());
  usage.cpu_time = Nanos(in.I64());
  if (in.Bool()) usage.memory_peak = ByteSize(in.U64());
  if (in.Bool()) usage.pids_peak = in.U32();
  if (in.Bool()) usage.throttled_periods = in.U64();
  if (in.Bool()) usage.io_read = ByteSize(in.U64());
  if (in.Bool()) usage.io_written = ByteSize(in.U64());
  return usage;
}

void WriteSyscalls(ByteWriter& out, const model::SyscallChanges& changes) {
  out.Bool(changes.allow_ptrace);
  out.Bool(changes.deny_file_locks);
  out.Bool(changes.deny_process_creation);
  out.Bool(changes.deny_jit);
  WriteTexts(out, changes.allow);
  WriteTexts(out, changes.deny);
  out.Optional(changes.learn, [&](model::Level v) { WriteEnum(out, v); });
}

model::SyscallChanges ReadSyscalls(ByteReader& in) {
  constexpr std::uint32_t kMost = 512;  // There are fewer calls.
  model::SyscallChanges changes;
  changes.allow_ptrace = in.Bool();
  changes.deny_file_locks = in.Bool();
  changes.deny_process_creation = in.Bool();
  changes.deny_jit = in.Bool();
  changes.allow = ReadTexts(in, kMost, kMaxWord);
  changes.deny = ReadTexts(in, kMost, kMaxWord);
  if (in.Bool()) changes.learn = in.Enum(model::Level::kHigh);
  return changes;
}

}  // namespace

std::string Encode(const model::SandboxSpec& spec) {
  ByteWriter out;
  WriteEnum(out, spec.level);
  out.Optional(spec.network, [&](model::NetworkMode v) { WriteEnum(out, v); });
  if (spec.network == model::NetworkMode::kEgress) egress::wire::Write(out, spec.egress);
  out.Optional(spec.launch, [&](model::Launch v) { WriteEnum(out, v); });
  out.Bool(spec.fresh);
  out.Bool(spec.tty);
  WriteEnum(out, spec.root.kind);
  out.List(spec.binds, [&](const model::Bind& bind) {
    out.Text(bind.target.value());
    out.Bool(bind.writable);
  });
  WriteEnum(out, spec.workspace.kind);
  out.Optional(spec.workspace.size, [&](ByteSize v) { out.U64(v.bytes()); });
  out.Optional(spec.workspace.inodes, [&](std::uint64_t v) { out.U64(v); });
  out.Text(spec.workspace.target.value());
  out.Optional(spec.allowed_paths, [&](const auto& paths) { WritePaths(out, paths); });
  WritePaths(out, spec.blocked_paths);
  WriteLimits(out, spec.limits);
  out.Text(spec.hostname);
  out.Text(spec.home.value());
  WriteTexts(out, spec.degrade);
  WriteSyscalls(out, spec.syscalls);
  WriteTexts(out, spec.capabilities);
  out.I64(spec.monotonic_start.count());
  out.I64(spec.boottime_start.count());
  return out.Take();
}

Result<model::SandboxSpec> DecodeSandboxSpec(std::string_view body) {
  ByteReader in(body);
  model::SandboxSpec spec;
  spec.level = in.Enum(model::Level::kHigh);
  if (in.Bool()) spec.network = in.Enum(model::NetworkMode::kEgress);
  if (spec.network == model::NetworkMode::kEgress) spec.egress = egress::wire::ReadPolicy(in);
  if (in.Bool()) spec.launch = in.Enum(model::Launch::kSealed);
  spec.fresh = in.Bool();
  spec.tty = in.Bool();
  spec.root.kind = in.Enum(model::RootSource::Kind::kDir);
  const std::uint32_t binds = in.Count(kMaxBinds);
  for (std::uint32_t i = 0; i < binds && !in.bad(); ++i) {
    model::Bind bind;
    bind.target = GuestPath(in.Text(kMaxPath));
    bind.writable = in.Bool();
    spec.binds.push_back(std::move(bind));
  }
  spec.workspace.kind = in.Enum(model::WorkspaceKind::kDisk);
  if (in.Bool()) spec.workspace.size = ByteSize(in.U64());
  if (in.Bool()) spec.workspace.inodes = in.U64();
  spec.workspace.target = GuestPath(in.Text(kMaxPath));
  if (in.Bool()) spec.allowed_paths = ReadPaths(in);
  spec.blocked_paths = ReadPaths(in);
  spec.limits = ReadLimits(in);
  spec.hostname = in.Text(kMaxWord);
  spec.home = GuestPath(in.Text(kMaxPath));
  spec.degrade = ReadTexts(in, 32, kMaxWord);
  spec.syscalls = ReadSyscalls(in);
  spec.capabilities = ReadTexts(in, kMaxPaths, kMaxWord);
  spec.monotonic_start = Nanos(in.I64());
  spec.boottime_start = Nanos(in.I64());
  return Checked(in, std::move(spec), "sandbox");
}

std::string Encode(const StartExec& start) {
  ByteWriter out;
  WriteTexts(out, start.spec.argv);
  WriteTexts(out, start.spec.env);
  out.Text(start.spec.cwd.value());
  WriteLimits(out, start.spec.limits);
  out.Bool(start.spec.tty);
  out.Bool(start.spec.keep_background);
  out.Bool(start.file_helper);
  out.Bool(start.then_stop);
  out.U16(start.rows);
  out.U16(start.columns);
  return out.Take();
}

Result<StartExec> DecodeStartExec(std::string_view body) {
  ByteReader in(body);
  StartExec start;
  start.spec.argv = ReadTexts(in, kMaxWords, kMaxText);
  start.spec.env = ReadTexts(in, kMaxWords, kMaxText);
  start.spec.cwd = GuestPath(in.Text(kMaxPath));
  start.spec.limits = ReadLimits(in);
  start.spec.tty = in.Bool();
  start.spec.keep_background = in.Bool();
  start.file_helper = in.Bool();
  start.then_stop = in.Bool();
  start.rows = in.U16();
  start.columns = in.U16();
  return Checked(in, std::move(start), "exec");
}

std::string Encode(const Signal& signal) {
  ByteWriter out;
  out.I32(signal.number);
  return out.Take();
}

Result<Signal> DecodeSignal(std::string_view body) {
  ByteReader in(body);
  const Signal signal{.number = in.I32()};
  return Checked(in, signal, "signal");
}

std::string Encode(const Terminate& terminate) {
  ByteWriter out;
  WriteEnum(out, terminate.fate);
  out.U32(static_cast<std::uint32_t>(terminate.grace.count()));
  return out.Take();
}

Result<Terminate> DecodeTerminate(std::string_view body) {
  ByteReader in(body);
  Terminate terminate;
  terminate.fate = in.Enum(model::Fate::kInfrastructureFailure);
  terminate.grace = std::chrono::milliseconds(in.U32());
  return Checked(in, terminate, "terminate");
}

std::string Encode(const model::SandboxInfo& info) {
  ByteWriter out;
  WriteEnum(out, info.launch);
  WriteTexts(out, info.shared);
  WriteTexts(out, info.degraded);
  WriteTexts(out, info.notices);
  out.Text(info.seccomp);
  out.I32(info.landlock_abi);
  out.Text(info.workspace_limit);
  out.Text(info.cgroup_mode);
  out.Text(info.identity);
  WriteLimits(out, info.limits);
  out.I32(info.init_pid);
  return out.Take();
}

Result<model::SandboxInfo> DecodeSandboxInfo(std::string_view body) {
  ByteReader in(body);
  model::SandboxInfo info;
  info.launch = in.Enum(model::Launch::kSealed);
  info.shared = ReadTexts(in, 32, kMaxWord);
  info.degraded = ReadTexts(in, 32, kMaxWord);
  info.notices = ReadTexts(in, 32, kMaxPath);
  info.seccomp = in.Text(kMaxWord);
  info.landlock_abi = in.I32();
  info.workspace_limit = in.Text(kMaxWord);
  info.cgroup_mode = in.Text(kMaxWord);
  info.identity = in.Text(kMaxWord);
  info.limits = ReadLimits(in);
  info.init_pid = in.I32();
  return Checked(in, std::move(info), "sandbox info");
}

std::string Encode(const model::Outcome& outcome) {
  ByteWriter out;
  WriteEnum(out, outcome.fate);
  out.I32(outcome.exit_code);
  out.I32(outcome.signal);
  out.Text(outcome.message);
  out.I32(outcome.sys_errno);
  out.Bool(outcome.no_work_dir);
  WriteUsage(out, outcome.usage);
  out.Bool(outcome.pids_limit_hit);
  out.List(outcome.violations, [&](const model::Violation& violation) {
    out.Text(violation.syscall);
    out.Text(violation.call);
    out.I32(violation.pid);
    out.Text(violation.comm);
    out.Bool(violation.killed);
    out.I32(violation.sys_errno);
    out.I32(violation.guest_pid);
  });
  out.U64(outcome.violations_dropped);
  out.Optional(outcome.network,
               [&](const model::NetworkUsage& usage) { egress::wire::Write(out, usage); });
  out.Bool(outcome.cleanup_succeeded);
  return out.Take();
}

Result<model::Outcome> DecodeOutcome(std::string_view body) {
  ByteReader in(body);
  model::Outcome outcome;
  outcome.fate = in.Enum(model::Fate::kInfrastructureFailure);
  outcome.exit_code = in.I32();
  outcome.signal = in.I32();
  outcome.message = in.Text(kMaxText);
  outcome.sys_errno = in.I32();
  outcome.no_work_dir = in.Bool();
  outcome.usage = ReadUsage(in);
  outcome.pids_limit_hit = in.Bool();
  const std::uint32_t violations = in.Count(kMaxViolations);
  for (std::uint32_t i = 0; i < violations && !in.bad(); ++i) {
    model::Violation violation;
    violation.syscall = in.Text(kMaxWord);
    violation.call = in.Text(kMaxPath);
    violation.pid = in.I32();
    violation.comm = in.Text(kMaxWord);
    violation.killed = in.Bool();
    violation.sys_errno = in.I32();
    violation.guest_pid = in.I32();
    outcome.violations.push_back(std::move(violation));
  }
  outcome.violations_dropped = in.U64();
  if (in.Bool()) outcome.network = egress::wire::ReadUsage(in);
  outcome.cleanup_succeeded = in.Bool();
  return Checked(in, std::move(outcome), "outcome");
}

std::string Encode(const Error& error) {
  ByteWriter out;
  WriteEnum(out, error.code);
  out.Text(error.message);
  out.Text(error.reason);
  out.Text(error.fix);
  out.I32(error.sys_errno);
  WriteTexts(out, error.context);
  return out.Take();
}

Error DecodeError(std::string_view body) {
  ByteReader in(body);
  Error error;
  error.code = in.Enum(Code::kUnauthenticated);
  error.message = in.Text(kMaxText);
  error.reason = in.Text(kMaxWord);
  error.fix = in.Text(kMaxPath);
  error.sys_errno = in.I32();
  error.context = ReadTexts(in, 32, kMaxPath);
  if (!in.Complete()) return Malformed("error");
  return error;
}

}  // namespace fabro::jail::protocol
