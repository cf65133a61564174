#include "fabro/linux/log.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "fabro/linux/file.h"

namespace fabro {
namespace {

constexpr std::size_t kLongestValue = 256;

// RFC 3339 with nanoseconds.
std::string Stamp(std::chrono::system_clock::time_point time) {
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
  const std::time_t seconds = nanos.count() / 1'000'000'000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::string fraction = std::to_string(nanos.count() % 1'000'000'000);
  fraction.insert(0, 9 - fraction.size(), '0');
  return std::string(text.data(), size) + "." + fraction + "Z";
}

// The length of the UTF-8 sequence at `at`, 0 when there is none (RFC 3629, table 3-7 of Unicode).
std::size_t Utf8At(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(at);
  const auto follows = [&](std::size_t i) { return (byte(at + i) & 0xC0U) == 0x80U; };
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && byte(at + 1) < 0xA0;
    const bool surrogate = first == 0xED && byte(at + 1) > 0x9F;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(at + 1) < 0x90;
    const bool beyond = first == 0xF4 && byte(at + 1) > 0x8F;
    return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

void AppendEscape(std::string& out, unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u00";
  out += kHex[c >> 4U];
  out += kHex[c & 15U];
}

// The inside of a JSON string, which is also how text lines show values: no byte of it can end a
// line or move a terminal's cursor. Bytes that are no UTF-8 become U+FFFD.
std::string Escaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (at >= kLongestValue) return out + "…";
    const auto c = static_cast<unsigned char>(text[at]);
    const std::size_t length = Utf8At(text, at);
    // C1 controls (U+0080 to U+009F) move cursors too.
    const bool c1 = length == 2 && c == 0xC2 && static_cast<unsigned char>(text[at + 1]) < 0xA0;
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (c1) {
      AppendEscape(out, static_cast<unsigned char>(text[at + 1]));
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c < 0x20 || c == 0x7F) {
      AppendEscape(out, c);
    } else {
      out += text.substr(at, length);
    }
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

}  // namespace

std::string_view ToString(LogLevel level) {
  constexpr std::array<std::string_view, 4> kWords = {"debug", "info", "warn", "error"};
  return kWords.at(static_cast<std::size_t>(level));
}

std::string FormatLog(const LogRecord& record, LogFormat format,
                      std::chrono::system_clock::time_point time) {
  const std::string stamp = Stamp(time);
  if (format == LogFormat::kText) {
    std::string line = stamp + " " + std::string(ToString(record.level)) + " ";
    line += record.event;
    if (!record.message.empty()) line += " \"" + Escaped(record.message) + "\"";
    for (const LogField& field : record.fields) {
      line += " " + field.name + "=\"" + Escaped(field.value) + "\"";
    }
    return line;
  }
  std::string line = "{\"ts\":\"" + stamp + "\",\"level\":\"";
  line += ToString(record.level);
  line += "\",\"event\":\"" + Escaped(record.event) + "\"";
  if (!record.message.empty()) line += ",\"msg\":\"" + Escaped(record.message) + "\"";
  for (const LogField& field : record.fields) {
    line += ",\"" + Escaped(field.name) + "\":\"" + Escaped(field.value) + "\"";
  }
  return line + "}";
}

Logger::~Logger() {
  if (!on()) return;
  for (auto& [event, count] : counts_) Flush(event, count);
}

Result<Logger> Logger::Open(const std::string& path, Options options, Clock& clock) {
  const auto bad = [&](Error error) {
    error.message = "logging.file: " + error.message;
    error.reason = "log_unwritable";
    error.fix = "name a file that can be appended to";
    return error;
  };
  // Without O_NONBLOCK a FIFO would make us wait for a reader.
  auto file = fabro::Open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0600);
  if (!file.ok()) return bad(std::move(file).error());
  struct stat info{};
  if (::fstat(file->get(), &info) != 0) return bad(SysFailure("fstat", path));
  if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode) && !S_ISCHR(info.st_mode)) {
    return bad(Failure(Code::kInvalidArgument, path + " is no file to write to"));
  }
  return Logger(*std::move(file), options, clock);
}

void Logger::AddSecret(std::string_view secret) {
  constexpr std::size_t kShortest = 4;
  if (secret.size() >= kShortest) secrets_.emplace_back(secret);
}

std::string Logger::Masked(std::string text) const {
  for (const std::string& secret : secrets_) {
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += 3) {
      text.replace(at, secret.size(), "***");
    }
  }
  return text;
}

// A count that was held back is a record of its own, so that nothing is dropped in silence.
void Logger::Flush(const std::string& event, Count& count) {
  if (count.dropped == 0) return;
  WriteLine({.level = LogLevel::kWarn,
             .event = "log.dropped",
             .fields = {{"of", event}, {"count", std::to_string(count.dropped)}}});
  count.dropped = 0;
}

void Logger::WriteLine(const LogRecord& record) {
  LogRecord masked = record;
  masked.message = Masked(std::move(masked.message));
  for (LogField& field : masked.fields) field.value = Masked(std::move(field.value));
  (void)WriteFd(file_.get(), FormatLog(masked, options_.format, clock_->WallNow()) + "\n");
}

void Logger::Write(const LogRecord& record) {
  if (!on() || record.level < options_.level) return;
  const auto now = clock_->SteadyNow();
  auto found = counts_.find(record.event);
  if (found == counts_.end()) found = counts_.emplace(record.event, Count{.since = now}).first;
  Count& count = found->second;
  if (now - count.since >= kWindow) {
    Flush(found->first, count);
    count = Count{.since = now};
  }
  if (count.written == kBurst) {
    ++count.dropped;
    return;
  }
  ++count.written;
  WriteLine(record);
}

}  // namespace fabro
