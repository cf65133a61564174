#include "console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace fabro::cli {
namespace {

bool Set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool Dumb() {
  const char* term = std::getenv("TERM");
  return term == nullptr || std::strcmp(term, "dumb") == 0;
}

// Writes a line; on a broken pipe the reader has what it wanted.
void Print(std::FILE* file, std::string_view line) {
  const bool written = std::fwrite(line.data(), 1, line.size(), file) == line.size() &&
                       std::fputc('\n', file) != EOF && std::fflush(file) == 0;
  if (!written && errno == EPIPE && file == stdout) std::_Exit(kOk);
}

// Length of the UTF-8 sequence that starts at `at`, or 0 when there is none (RFC 3629).
std::size_t Utf8Length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0 && tail(1)) return 2;
  if (first >= 0xE0 && first < 0xF0 && tail(1) && tail(2)) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) >= 0xA0;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xF0 && first < 0xF5 && tail(1) && tail(2) && tail(3)) {
    const bool outside = (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) >= 0x90);
    return outside ? 0 : 4;
  }
  return 0;
}

}  // namespace

Console::Console(const GlobalOptions& options)
    : json_(options.json),
      quiet_(options.quiet),
      verbose_(options.verbose || options.debug),
      debug_(options.debug),
      live_(!options.json && !options.quiet && ::isatty(STDERR_FILENO) == 1 && !Dumb()),
      colour_(live_ && !Set("NO_COLOR")) {}

unsigned Console::columns() const {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  constexpr unsigned kUnknown = 80;
  return known ? size.ws_col : kUnknown;
}

void Console::Result(std::string_view line) { Print(stdout, line); }

void Console::Say(std::string_view line) {
  if (!quiet_) Print(stderr, line);
}

void Console::Warn(std::string_view line) {
  Print(stderr, Paint("33", "warning: ") + std::string(line));
}

int Console::Fail(const Error& error) {
  if (json_) {
    std::string causes;
    for (const std::string& cause : error.context) {
      causes += (causes.empty() ? "" : ",") + JsonString(cause);
    }
    std::string line = R"({"error":{"message":)" + JsonString(error.message) + R"(,"causes":[)" +
                       causes + R"(],"code":)" + JsonString(CodeName(error.code));
    if (!error.reason.empty()) line += R"(,"reason":)" + JsonString(error.reason);
    if (!error.fix.empty()) line += R"(,"fix":)" + JsonString(error.fix);
    Print(stdout, line + "}}");
    return ExitCodeOf(error);
  }
  // The outermost context is what the user asked for; the message is why it did not happen.
  std::string headline = error.context.empty() ? error.message : error.context.back();
  Print(stderr, Paint("31", "error: ") + headline);
  for (std::size_t i = error.context.size(); i > 1; --i) Print(stderr, "  " + error.context[i - 2]);
  if (!error.context.empty()) Print(stderr, "  " + error.message);
  if (!error.fix.empty()) Print(stderr, "  fix: " + error.fix);
  if (debug_) {
    Print(stderr, "  at " + std::string(error.where.file_name()) + ":" +
                      std::to_string(error.where.line()) + " (" + error.reason + ")");
  }
  return ExitCodeOf(error);
}

std::string Console::Paint(std::string_view sgr, std::string_view text) const {
  if (!colour_) return std::string(text);
  return "\x1b[" + std::string(sgr) + "m" + std::string(text) + "\x1b[0m";
}

int ExitCodeOf(const Error& error) {
  if (error.reason == "run_not_found" || error.reason == "run_ambiguous") return kNotFound;
  if (error.code == Code::kCancelled) return kCancelled;
  if (error.code == Code::kInvalidArgument || error.code == Code::kNotFound ||
      error.code == Code::kUnimplemented) {
    return kUsage;
  }
  return kFailed;
}

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = Utf8Length(text, i);
    const auto c = static_cast<unsigned char>(text[i]);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (length > 1) {
      out += text.substr(i, length);
    } else if (c == '"' || c == '\\') {
      out += {'\\', static_cast<char>(c)};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c < 0x20 || c == 0x7F) {
      constexpr std::string_view kHex = "0123456789abcdef";
      out += {'\\', 'u', '0', '0', kHex[c >> 4U], kHex[c & 15U]};
    } else {
      out += static_cast<char>(c);
    }
    i += length == 0 ? 1 : length;
  }
  return out + "\"";
}

}  // namespace fabro::cli
