#include "apps/faber/run_request.h"

#include <algorithm>
#include <charconv>

#include "apps/faber/network_options.h"
#include "apps/faber/syscall_options.h"
#include "fabro/model/capability.h"
#include "fabro/model/layers.h"

namespace fabro::faber {
namespace {

constexpr std::string_view kGuestPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

Error Bad(const OptionUse& use, std::string_view why, std::string fix) {
  return Failure(Code::kInvalidArgument,
                 std::string(use.name) + " '" + use.value + "': " + std::string(why), "bad_option",
                 std::move(fix));
}

// "'abc' is not a size: …" becomes "--memory: 'abc' is not a size: …".
Error Named(Error error, const OptionUse& use) {
  error.message = std::string(use.name) + ": " + error.message;
  error.reason = "bad_option";
  return error;
}

Result<ByteSize> SizeOf(const OptionUse& use) {
  auto size = ParseByteSize(use.value);
  if (!size.ok()) return Named(std::move(size).error(), use);
  return *size;
}

Result<Nanos> SpanOf(const OptionUse& use) {
  auto span = ParseDuration(use.value);
  if (!span.ok()) return Named(std::move(span).error(), use);
  return *span;
}

Result<std::uint64_t> CountOf(const OptionUse& use) {
  std::uint64_t count = 0;
  const char* end = use.value.data() + use.value.size();
  const auto [stop, status] = std::from_chars(use.value.data(), end, count);
  if (status == std::errc() && stop == end) return count;
  const bool negative = !use.value.empty() && use.value.front() == '-';
  return Bad(use, negative ? "it is negative" : "it is not a whole number",
             "give a whole number, for example 64");
}

// "2" and "0.5": cores, exact to a thousandth.
Result<std::uint64_t> MillisOf(const OptionUse& use) {
  const auto bad = [&](std::string_view why) {
    return Bad(use, why, "give a number of cores, for example 2 or 0.5");
  };
  if (use.value.starts_with('-')) return bad("it is negative");
  const std::string_view text = use.value;
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  std::string part(dot == std::string_view::npos ? "" : text.substr(dot + 1));
  const auto digits = [](std::string_view s) {
    return !s.empty() && std::ranges::all_of(s, [](char c) { return c >= '0' && c <= '9'; });
  };
  if (!digits(whole) || (dot != std::string_view::npos && !digits(part))) {
    return bad("it is not a number");
  }
  if (whole.size() > 6 || part.size() > 3) return bad("it is out of range");
  part.resize(3, '0');
  std::uint64_t cores = 0;
  std::uint64_t millis = 0;
  std::from_chars(whole.data(), whole.data() + whole.size(), cores);
  std::from_chars(part.data(), part.data() + part.size(), millis);
  return cores * 1000 + millis;
}

Status SetBind(model::RunRequest& request, const OptionUse& use, const Caller& caller) {
  std::string_view text = use.value;
  bool writable = false;
  if (text.ends_with(":rw") || text.ends_with(":ro")) {
    writable = text.ends_with(":rw");
    text.remove_suffix(3);
  }
  // The target is absolute, so a colon in the source is no problem.
  const std::size_t split = text.rfind(":/");
  if (split == std::string_view::npos || split == 0) {
    return Bad(use, "it is not SRC:DST with an absolute DST",
               "write for example --bind $PWD:/src or --bind $PWD:/src:rw");
  }
  return AddBind(request, std::string(use.name) + " '" + use.value + "'", text.substr(0, split),
                 text.substr(split + 1), writable, caller);
}

Status SetVariable(model::RunRequest& request, const OptionUse& use) {
  const std::size_t equals = use.value.find('=');
  if (equals == std::string::npos || equals == 0) {
    return Bad(use, "it is not NAME=VALUE",
               "write --env NAME=VALUE; to pass your own variable on, --env NAME=\"$NAME\"");
  }
  const std::string_view name(use.value.data(), equals + 1);
  std::erase_if(request.exec.env,
                [&](const std::string& entry) { return entry.starts_with(name); });
  request.exec.env.push_back(use.value);
  return {};
}

Status SetCwd(model::RunRequest& request, const OptionUse& use) {
  if (!use.value.starts_with('/')) {
    return Bad(use, "it is not an absolute path inside the sandbox", "begin it with /");
  }
  request.exec.cwd = GuestPath(use.value);
  return {};
}

Result<PrintStep> PrintStepOf(const OptionUse& use) {
  if (use.value == "request") return PrintStep::kRequest;
  if (use.value == "plan") return PrintStep::kPlan;
  if (use.value == "jail") return PrintStep::kJail;
  return Bad(use, "there is no such step", "give request, plan or jail");
}

// The options that are one number or span.
Result<bool> ApplyLimit(model::RunRequest& request, const OptionUse& use) {
  const auto done = [](const Status& status) -> Result<bool> {
    if (!status.ok()) return status.error();
    return true;
  };
  if (use.name == "--memory" || use.name == "--tmpfs" || use.name == "--output") {
    const ByteSize size = TRY(SizeOf(use));
    if (use.name == "--memory") return done(SetMemory(request, use.name, size));
    if (use.name == "--tmpfs") return done(SetTmpfs(request, use.name, size));
    return done(SetOutput(request, use.name, size));
  }
  if (use.name == "--cpu-time" || use.name == "--wall-time") {
    const Nanos span = TRY(SpanOf(use));
    return done(use.name == "--cpu-time" ? SetCpuTime(request, use.name, span)
                                         : SetWallTime(request, use.name, span));
  }
  if (use.name == "--io-read" || use.name == "--io-write") {
    model::Limits& limits = request.sandbox.limits;
    const ByteSize rate = TRY(SizeOf(use));
    (use.name == "--io-read" ? limits.io_read_rate : limits.io_write_rate) = rate;
    return true;
  }
  if (use.name == "--cpu-set") {
    request.sandbox.limits.cpu_set = use.value;
    return true;
  }
  if (use.name == "--inodes") {
    const std::uint64_t count = TRY(CountOf(use));
    request.sandbox.workspace.inodes = count;
    return true;
  }
  if (use.name == "--pids" || use.name == "--fds") {
    const std::uint64_t count = TRY(CountOf(use));
    return done(use.name == "--pids" ? SetPids(request, use.name, count)
                                     : SetOpenFiles(request, use.name, count));
  }
  if (use.name == "--cpus") {
    const std::uint64_t millis = TRY(MillisOf(use));
    return done(SetCpuMillis(request, "--cpus, in thousandths of a core", millis));
  }
  return false;
}

// A list with commas, or the option more than once.
Status AddRequired(std::vector<std::string>& list, const OptionUse& use) {
  for (std::size_t begin = 0; begin <= use.value.size();) {
    const std::size_t end = std::min(use.value.find(',', begin), use.value.size());
    const std::string word = use.value.substr(begin, end - begin);
    TRY(model::CheckLayerWord(use.name, word, false));
    if (std::ranges::find(list, word) == list.end()) list.push_back(word);
    begin = end + 1;
  }
  return {};
}

Status Apply(RunArguments& arguments, const OptionUse& use, const Caller& caller) {
  model::RunRequest& request = arguments.request;
  const bool was_limit = TRY(ApplyLimit(request, use));
  if (was_limit || ApplySyscallOption(request.sandbox.syscalls, use)) return {};
  if (use.name == "--explain") arguments.explain = true;
  if (use.name == "--level") return SetLevel(request, use.name, use.value);
  if (use.name == "--network") return SetNetwork(request, use.name, use.value);
  if (use.name == "--rootfs") return SetRootfs(request, use.name, use.value, caller);
  if (use.name == "--workspace") return SetWorkspace(request, use.name, use.value, caller);
  if (use.name == "--require") return AddRequired(arguments.require, use);
  if (use.name == "--degrade") return AddDegrade(request, use.name, use.value);
  if (use.name == "--bind") return SetBind(request, use, caller);
  if (use.name == "--allow-path") return AddAllowedPath(request, use.name, use.value);
  if (use.name == "--block-path") return AddBlockedPath(request, use.name, use.value);
  if (use.name == "--env") return SetVariable(request, use);
  if (use.name == "--cwd") return SetCwd(request, use);
  if (use.name == "--fresh") request.sandbox.fresh = true;
  if (use.name == "--cap-add") request.sandbox.capabilities.push_back(use.value);
  if (use.name == "--monotonic-offset") request.sandbox.monotonic_start = TRY(SpanOf(use));
  if (use.name == "--boottime-offset") request.sandbox.boottime_start = TRY(SpanOf(use));
  if (use.name == "--json") arguments.json = true;
  if (use.name == "--print") arguments.print = TRY(PrintStepOf(use));
  return {};  // --config was read before, --help is not ours.
}

// What only shows when all is said. The sandbox itself gets no limits: it has this one command,
// whose group carries them, so that what the sandbox's own processes use is never the command's
// fault.
Status CompleteWorkspace(model::RunRequest& request) {
  constexpr ByteSize kDefaultSize = 100_MiB;  // The files count to the memory limit: half at most.
  model::Workspace& workspace = request.sandbox.workspace;
  if (!workspace.size) {
    if (workspace.kind == model::WorkspaceKind::kMemory) {
      const ByteSize half(request.exec.limits.memory.value_or(1_GiB).bytes() / 2);
      workspace.size = std::min(kDefaultSize, half);
    }
    return {};
  }
  if (workspace.kind == model::WorkspaceKind::kDisk) return {};  // Not charged to the memory.
  if (request.exec.limits.memory && *workspace.size > *request.exec.limits.memory) {
    return Failure(Code::kInvalidArgument,
                   "--tmpfs: " + ToString(*workspace.size) + " is more than the memory limit of " +
                       ToString(*request.exec.limits.memory) + ", to which its files count",
                   "bad_option", "raise --memory or lower --tmpfs");
  }
  return {};
}

}  // namespace

model::RunRequest DefaultRequest() {
  model::RunRequest request;
  request.exec.limits = model::DefaultLimits();
  request.exec.env = {"PATH=" + std::string(kGuestPath), "HOME=" + request.sandbox.home.value(),
                      "LANG=C.UTF-8"};
  return request;
}

Result<RunArguments> ReadRunArguments(const Invocation& invocation, model::RunRequest base,
                                      const Caller& caller) {
  RunArguments arguments;
  arguments.request = std::move(base);
  arguments.json = invocation.Has("--json");
  const bool tty = caller.tty && !arguments.json;
  arguments.request.sandbox.tty = tty;
  arguments.request.exec.tty = tty;
  if (tty) {
    arguments.request.exec.env.push_back("TERM=" + (caller.term.empty() ? "xterm" : caller.term));
  }
  for (const OptionUse& use : invocation.options) TRY(Apply(arguments, use, caller));
  TRY(ReadNetworkOptions(arguments.request, invocation.options));
  TRY(CompleteWorkspace(arguments.request));
  TRY(model::CapabilityMask("--cap-add", arguments.request.sandbox.capabilities,
                            arguments.request.sandbox.level));
  TRY(model::CheckContract("--require", arguments.require, arguments.request.sandbox.degrade,
                           arguments.request.sandbox.level));
  if (!invocation.positionals.empty()) {
    return Failure(
        Code::kInvalidArgument,
        "'" + invocation.positionals.front() + "' is no option of faber run", "usage",
        "write the command behind --, for example: faber run -- " + invocation.positionals.front());
  }
  if (invocation.rest.empty() || invocation.rest.front().empty()) {
    return Failure(Code::kInvalidArgument, "no command is given", "usage",
                   "write it behind --, for example: faber run -- /bin/echo hello");
  }
  arguments.request.exec.argv = invocation.rest;
  return arguments;
}

}  // namespace fabro::faber
