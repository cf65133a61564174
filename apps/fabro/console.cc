#include "console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "fabro/model/json.h"

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

void Console::Ask(std::string_view prompt) {
  (void)std::fwrite(prompt.data(), 1, prompt.size(), stderr);
  (void)std::fflush(stderr);
}

int Console::Fail(const Error& error) {
  if (json_) {
    model::Json body = model::Json::MakeObject();
    body.Set("message", error.message).Set("causes", model::Json::Strings(error.context));
    body.Set("code", CodeName(error.code)).SetIfAny("reason", error.reason);
    body.SetIfAny("fix", error.fix);
    Print(stdout, model::Json::MakeObject().Set("error", std::move(body)).Dump());
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

namespace {

// The bytes of the UTF-8 sequence that begins at `text[0]`, and its code point; 1 and -1 for what
// is none.
std::pair<std::size_t, std::int32_t> Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {1, first};
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return {1, -1};
  std::int32_t code = first & (0x7F >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {1, -1};
    code = (code << 6) | (byte(i) & 0x3F);
  }
  constexpr std::array<std::int32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kLeast[size] || code > 0x10FFFF || surrogate) return {1, -1};
  return {size, code};
}

// C1 controls, and what turns the direction of text around (CVE-2021-42574).
bool IsTricky(std::int32_t code) {
  return (code >= 0x80 && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x200E || code == 0x200F || code == 0x061C;
}

}  // namespace

std::string Inert(std::string_view text, bool lines) {
  std::string out;
  while (!text.empty()) {
    const auto [size, code] = Decode(text);
    if (code < 0 || IsTricky(code)) {
      out += "\uFFFD";
    } else if (lines && (code == '\n' || code == '\t')) {
      out += static_cast<char>(code);
    } else if (code == '\n' || code == '\t' || code == '\r') {
      out += ' ';
    } else if (code < 0x20) {  // The pictures of controls, U+2400 and on.
      out += "\xE2\x90";
      out += static_cast<char>(0x80 + code);
    } else if (code == 0x7F) {
      out += "\u2421";
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

int ExitCodeOf(const Error& error) {
  if (error.reason == "run_not_found" || error.reason == "run_ambiguous") return kNotFound;
  if (error.code == Code::kCancelled) return kCancelled;
  // What the configuration lacks, though it is well written.
  if (error.reason == "untrusted_project" || error.reason == "reference_missing") return kUsage;
  if (error.code == Code::kInvalidArgument || error.code == Code::kNotFound ||
      error.code == Code::kUnimplemented) {
    return kUsage;
  }
  return kFailed;
}

}  // namespace fabro::cli
