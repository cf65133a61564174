#include "apps/faber/run_log.h"

#include <algorithm>
#include <array>

#include "fabro/config/engine/read_value.h"

namespace fabro::faber {
namespace {

using model::Fate;

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool NamesASecret(std::string name) {
  constexpr std::array<std::string_view, 7> kMarks = {"TOKEN",  "SECRET",     "PASSWORD", "PASSWD",
                                                      "APIKEY", "CREDENTIAL", "_KEY"};
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return std::ranges::any_of(kMarks,
                             [&](auto mark) { return name.find(mark) != std::string::npos; });
}

std::vector<LogField> CommandFields(const model::RunRequest& request) {
  return {{"cmd", BaseName(request.exec.argv.front())},
          {"argc", std::to_string(request.exec.argv.size())},
          {"security_level", std::string(model::ToString(request.sandbox.level))}};
}

// The limit that an outcome is about, with what was set and seen; empty: none.
std::vector<LogField> LimitFields(const model::RunRequest& request, const model::Outcome& outcome) {
  const model::Limits& limits = request.exec.limits;
  const model::Usage& usage = outcome.usage;
  const auto fields = [](std::string limit, std::string value, std::string observed) {
    return std::vector<LogField>{{"limit", std::move(limit)},
                                 {"value", std::move(value)},
                                 {"observed", std::move(observed)}};
  };
  const auto bytes = [](const std::optional<ByteSize>& size) {
    return size ? std::to_string(size->bytes()) : std::string("none");
  };
  const auto nanos = [](const std::optional<Nanos>& span) {
    return span ? std::to_string(span->count()) : std::string("none");
  };
  switch (outcome.fate) {
    case Fate::kOutOfMemory:
    case Fate::kAncestorOutOfMemory:
      return fields("memory_limit", bytes(limits.memory), bytes(usage.memory_peak));
    case Fate::kCpuTimeLimit:
      return fields("cpu_time_limit", nanos(limits.cpu_time), nanos(usage.cpu_time));
    case Fate::kTimedOut:
      return fields("wall_time_limit", nanos(limits.wall_time), nanos(usage.wall_time));
    case Fate::kOutputLimit:
      return fields("max_output_size", bytes(limits.output), "more");
    default:
      break;
  }
  if (!outcome.pids_limit_hit && outcome.fate != Fate::kPidsLimit) return {};
  return fields("max_processes", limits.pids ? std::to_string(*limits.pids) : "none",
                usage.pids_peak ? std::to_string(*usage.pids_peak) : "more");
}

}  // namespace

LogSettings LogSettingsOf(const config::engine::Settings& settings) {
  LogSettings log;
  log.file = settings.Text("logging.file").value_or("");
  const std::string level = settings.Text("logging.level").value_or("info");
  for (const LogLevel one :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    if (level == ToString(one)) log.options.level = one;
  }
  if (settings.Flag("logging.debug")) log.options.level = LogLevel::kDebug;
  log.options.format =
      settings.Text("logging.format") == "text" ? LogFormat::kText : LogFormat::kJson;
  return log;
}

void HideSecrets(Logger& log, const std::vector<std::string>& environment) {
  for (const std::string& variable : environment) {
    const std::size_t equals = variable.find('=');
    if (equals == std::string::npos || !NamesASecret(variable.substr(0, equals))) continue;
    log.AddSecret(std::string_view(variable).substr(equals + 1));
  }
}

Result<Logger> OpenLog(const LogSettings& settings, const std::vector<std::string>& environment) {
  if (settings.file.empty()) return Logger();
  Logger log = TRY(Logger::Open(settings.file, settings.options, RealClock()));
  HideSecrets(log, environment);
  return log;
}

void LogConfig(Logger& log, const config::engine::Settings& settings) {
  LogRecord record{.event = kConfigChange, .message = "configuration in force"};
  for (const auto& [name, setting] : settings.all()) {
    const config::engine::KeyInfo* key = config::engine::FindKey(name);
    if (key == nullptr || setting.source.layer == config::engine::Layer::kBuiltIn) continue;
    record.fields.push_back({name, config::engine::WriteValue(*key, setting.value)});
  }
  if (!record.fields.empty()) log.Write(record);
}

void LogAttempt(Logger& log, const model::RunRequest& request,
                const model::PolicyDecision& decision) {
  LogRecord record{.event = kTaskAttempt, .fields = CommandFields(request)};
  record.fields.push_back({"decision", decision.refused ? "refused" : "accepted"});
  log.Write(record);
  if (!decision.audit) return;
  const bool matched = decision.verdict == model::PolicyVerdict::kBlock;
  log.Write({.level = matched ? LogLevel::kWarn : LogLevel::kInfo,
             .event = kSecurityViolation,
             .fields = {{"kind", "command"},
                        {"guardrail", "true"},
                        {"verdict", std::string(model::ToString(decision.verdict))},
                        {"rule", decision.rule},
                        {"action", decision.refused ? "refused" : "audited"},
                        {"cmd", BaseName(request.exec.argv.front())}}});
}

void LogOutcome(Logger& log, const model::RunRequest& request, const model::Outcome& outcome) {
  for (const model::Violation& violation : outcome.violations) {
    log.Write({.level = LogLevel::kWarn,
               .event = kSecurityViolation,
               .fields = {{"kind", "seccomp"},
                          {"syscall", violation.syscall},
                          {"pid", std::to_string(violation.pid)},
                          {"comm", violation.comm},
                          {"action", violation.killed ? "killed" : "refused"}}});
  }
  if (std::vector<LogField> limit = LimitFields(request, outcome); !limit.empty()) {
    log.Write({.level = LogLevel::kWarn, .event = kLimitViolation, .fields = std::move(limit)});
  }
  LogRecord record{.event = "task.finished", .fields = CommandFields(request)};
  record.fields.push_back({"outcome", std::string(model::ToString(outcome.fate))});
  record.fields.push_back({"exit_code", std::to_string(model::ExitCodeOf(outcome))});
  record.fields.push_back({"wall_time_ns", std::to_string(outcome.usage.wall_time.count())});
  record.fields.push_back({"cpu_time_ns", std::to_string(outcome.usage.cpu_time.count())});
  log.Write(record);
  if (outcome.cleanup_succeeded) return;
  log.Write({.level = LogLevel::kError, .event = "sandbox.cleanup_failed"});
}

void LogFailure(Logger& log, const model::RunRequest& request, const Error& error) {
  LogRecord record{.level = LogLevel::kError, .event = "task.finished"};
  record.fields = CommandFields(request);
  record.fields.push_back({"outcome", "not_started"});
  record.fields.push_back({"reason", error.reason});
  log.Write(record);
}

}  // namespace fabro::faber
