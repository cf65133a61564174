// fabro: runs workflow graphs whose stages run in sandboxes. Parses, dispatches, and nothing else.
#include <csignal>

#include "commands/commands.h"
#include "console.h"
#include "options.h"

namespace fabro::cli {
namespace {

int Main(int argc, char** argv) {
  // A reader that goes away is an EPIPE of the write, not the end of the program.
  (void)std::signal(SIGPIPE, SIG_IGN);
  std::variant<CommandLine, int> parsed = ParseCommandLine(argc, argv);
  if (const int* done = std::get_if<int>(&parsed)) return *done;
  const CommandLine& line = std::get<CommandLine>(parsed);
  Console console(line.global);
  return std::visit(
      [&](const auto& options) -> int {
        if constexpr (std::is_same_v<std::decay_t<decltype(options)>, std::monostate>) {
          return kUsage;
        } else {
          return Run(options, line.global, console);
        }
      },
      line.command);
}

}  // namespace
}  // namespace fabro::cli

int main(int argc, char** argv) { return fabro::cli::Main(argc, argv); }
