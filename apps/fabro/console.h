// What commands say: results on stdout, everything else on stderr; colours only on a terminal
// without NO_COLOR; errors as one headline, then the causes, or as JSON.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "fabro/base/result.h"
#include "options.h"

namespace fabro::cli {

// Exit codes of every command (docs/user/fabro.md lists them).
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,     // The run failed, or the operation did.
  kUsage = 2,      // Usage, validation or configuration.
  kCancelled = 3,  // The run was cancelled.
  kNotFound = 5,   // No such run, or several.
  kTimeout = 124,  // `wait --timeout`.
  kInterrupted = 130,
};

class Console {
 public:
  explicit Console(const GlobalOptions& options);

  bool json() const { return json_; }
  bool quiet() const { return quiet_; }
  bool verbose() const { return verbose_; }
  // stderr is a terminal that may be drawn on (not --json, not TERM=dumb).
  bool live() const { return live_; }
  // Columns of that terminal; 80 when unknown.
  unsigned columns() const;

  // A result line on stdout. A reader that went away (`| head -1`) ends the program quietly.
  void Result(std::string_view line);
  // Progress, on stderr; nothing with --quiet.
  void Say(std::string_view line);
  void Warn(std::string_view line);
  // A prompt without a line end, on stderr, also with --quiet.
  void Ask(std::string_view prompt);
  // Prints an Error and gives the exit code that goes with it.
  int Fail(const Error& error);

  // Wraps text in an SGR sequence when colours are on: Paint("32", "ok").
  std::string Paint(std::string_view sgr, std::string_view text) const;

 private:
  bool json_;
  bool quiet_;
  bool verbose_;
  bool debug_;
  bool live_;
  bool colour_;
};

// Text that a guest, a model or a repository wrote, safe to show on a terminal: control characters,
// escape sequences and direction marks become visible or vanish, "\x1b[31m" as "␛[31m". `lines`:
// line ends and tabs stay.
std::string Inert(std::string_view text, bool lines = false);

// The exit code that goes with an Error: 5 for a run that was not found, 2 for what the user wrote,
// else 1.
int ExitCodeOf(const Error& error);

}  // namespace fabro::cli
