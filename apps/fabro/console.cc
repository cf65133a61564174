#include "console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

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

int ExitCodeOf(const Error& error) {
  if (error.reason == "run_not_found" || error.reason == "run_ambiguous") return kNotFound;
  if (error.code == Code::kCancelled) return kCancelled;
  if (error.code == Code::kInvalidArgument || error.code == Code::kNotFound ||
      error.code == Code::kUnimplemented) {
    return kUsage;
  }
  return kFailed;
}

}  // namespace fabro::cli
