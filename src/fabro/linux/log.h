// Log lines for operators and auditors: one JSON object or one line of text each, written with one
// write(2), appended.
//
// Text of a guest or caller can never forge a line: control characters are escaped and each value
// is cut at 256 bytes. Values that were named as secrets are replaced wherever they stand. A loop
// of one event cannot fill the disk: of each event the first 20 in a minute are written, the others
// are counted and the count follows. Spec: execution API, section 7.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/clock.h"
#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kJson, kText };

std::string_view ToString(LogLevel level);

// The five kinds of security events; other events are ordinary ones.
inline constexpr std::string_view kTaskAttempt = "task.attempt";        // Accepted or refused.
inline constexpr std::string_view kLimitViolation = "limit.violation";  // memory, cpu, wall…
inline constexpr std::string_view kSecurityViolation = "security.violation";  // A call, a command.
inline constexpr std::string_view kAuthFailure = "auth.failure";  // A caller that may not call.
inline constexpr std::string_view kConfigChange = "config.change";

struct LogField {
  std::string name;   // Ours, not a guest's.
  std::string value;  // Anybody's.
};

struct LogRecord {
  LogLevel level = LogLevel::kInfo;
  std::string_view event;  // "task.attempt".
  std::string message = {};
  std::vector<LogField> fields = {};
};

// A record as its line, without newline and with nothing replaced. Time is UTC.
std::string FormatLog(const LogRecord& record, LogFormat format,
                      std::chrono::system_clock::time_point time);

class Logger {
 public:
  struct Options {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kJson;
  };
  static constexpr std::uint32_t kBurst = 20;
  static constexpr std::chrono::seconds kWindow{60};

  Logger() = default;  // Writes nothing.
  Logger(UniqueFd file, Options options, Clock& clock)
      : file_(std::move(file)), options_(options), clock_(&clock) {}
  Logger(Logger&&) noexcept = default;
  Logger& operator=(Logger&&) noexcept = default;
  ~Logger();  // Writes the counts that are left.

  // Opens `path` for appending, 0600 when it is made; refuses what is no regular file, FIFO or
  // device of a terminal. Reason "log_unwritable".
  static Result<Logger> Open(const std::string& path, Options options, Clock& clock);

  bool on() const { return static_cast<bool>(file_); }

  // From here on `secret` shows as ***, in every field. Shorter than 4 bytes it is not looked for:
  // it would be found everywhere.
  void AddSecret(std::string_view secret);

  // A line that cannot be written is lost: logging never stops the work.
  void Write(const LogRecord& record);

 private:
  struct Count {
    std::chrono::steady_clock::time_point since;
    std::uint32_t written = 0;
    std::uint64_t dropped = 0;
  };
  void WriteLine(const LogRecord& record);
  void Flush(const std::string& event, Count& count);
  std::string Masked(std::string text) const;

  UniqueFd file_;
  Options options_;
  Clock* clock_ = nullptr;  // Not owned.
  std::vector<std::string> secrets_;
  std::map<std::string, Count, std::less<>> counts_;  // By event: a fixed few.
};

}  // namespace fabro
