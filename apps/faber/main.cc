// faber: runs untrusted commands in sandboxes of this machine. Wiring only: the tables are in
// options.h, one file a command in commands/, the engine in src/fabro/jail.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "apps/faber/cli.h"
#include "apps/faber/commands/commands.h"

namespace fabro::faber {
namespace {

// A program started with a standard descriptor closed would have its own files take the number.
bool OpenStandardDescriptors() {
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // NOLINTNEXTLINE(android-cloexec-open): it is a standard descriptor.
    if (::open("/dev/null", O_RDWR) != fd) return false;
  }
  return true;
}

int Dispatch(const CommandInfo& command, const std::vector<std::string>& args) {
  const bool run = command.name == "run";
  auto invocation = ParseInvocation(command, args);
  if (!invocation.ok()) return Fail(invocation.error(), run ? kExitRefused : kExitUsage);
  if (invocation->Has("--help")) return Print(Manual(command, StyleOfStdout()));
  if (command.name == "run") return RunCommand(*invocation);
  if (command.name == "check") return CheckCommand(*invocation);
  if (command.name == "policy show") return PolicyShowCommand(*invocation);
  if (command.name == "policy learn") return PolicyLearnCommand(*invocation);
  if (command.name == "config") return ConfigCommand(*invocation);
  if (command.name == "validate") return ValidateCommand(*invocation);
  if (command.name == "policy test") return PolicyTestCommand(*invocation);
  if (command.name == "selftest") return SelftestCommand(*invocation);
  if (command.name == "jailer") return JailerCommand(*invocation);
  if (command.name == "completion") return CompletionCommand(*invocation);
  return VersionCommand(*invocation);
}

int Main(std::vector<std::string> args) {
  if (!OpenStandardDescriptors()) return kExitRefused;
  if (args.empty()) {
    const std::string text = Overview(Style::kPlain);
    std::fwrite(text.data(), 1, text.size(), stderr);
    return kExitUsage;
  }
  const std::string word = args.front();
  if (word == "--version") return VersionCommand({});
  if (word == "--help" || word == "-h" || word == "help") return Print(Overview(StyleOfStdout()));
  args.erase(args.begin());
  if (const CommandInfo* command = FindCommand(word)) return Dispatch(*command, args);
  if (!args.empty()) {
    if (const CommandInfo* command = FindCommand(word + " " + args.front())) {
      args.erase(args.begin());
      return Dispatch(*command, args);
    }
  }
  return Fail(Failure(Code::kInvalidArgument, "there is no command '" + word + "'", "usage",
                      "see faber --help"),
              kExitUsage);
}

}  // namespace

Style StyleOfStdout() {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return Style::kPlain;
  return ::isatty(STDOUT_FILENO) == 1 ? Style::kBold : Style::kPlain;
}

int Fail(const Error& error, int status) {
  const std::string text = "faber: " + error.ToString() + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
  return status;
}

int Print(const std::string& text, int status) {
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, left.data(), left.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      if (errno == EPIPE) return status;
      return Fail(SysFailure("write", "standard output"), kExitGeneral);
    }
    left.remove_prefix(static_cast<std::size_t>(count));
  }
  return status;
}

}  // namespace fabro::faber

int main(int argc, char** argv) {
  // A closed pipe is EPIPE where we write, not the end of a program that has a sandbox to take
  // down.
  std::signal(SIGPIPE, SIG_IGN);
  return fabro::faber::Main(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
