// fabro: runs workflow graphs whose stages run in sandboxes. Parses, dispatches, and nothing else.
#include <csignal>

#include "commands/commands.h"
#include "console.h"
#include "fabro/config/layer.h"
#include "fabro/config/resolve.h"
#include "options.h"
#include "workflow_source.h"

namespace fabro::cli {
namespace {

// [cli.output] of the user's own file; what the command line says wins. A file that cannot be read
// is for the commands that use settings to complain about.
void TakeOutputSettings(GlobalOptions& global) {
  const std::string home = Here().home;
  if (home.empty()) return;
  auto layer = config::LoadLayer(config::LayerKind::kMachine, home + "/.fabro/settings.toml");
  if (!layer.ok()) return;
  const auto settings = config::Resolve({*std::move(layer)});
  if (!settings.ok()) return;
  global.json = global.json || settings->cli.output_format == "json";
  if (global.quiet || global.verbose) return;
  global.quiet = settings->cli.verbosity == "quiet";
  global.verbose = settings->cli.verbosity == "verbose";
}

}  // namespace

int Main(int argc, char** argv) {
  // A reader that goes away is an EPIPE of the write, not the end of the program.
  (void)std::signal(SIGPIPE, SIG_IGN);
  std::variant<CommandLine, int> parsed = ParseCommandLine(argc, argv);
  if (const int* done = std::get_if<int>(&parsed)) return *done;
  CommandLine& line = std::get<CommandLine>(parsed);
  TakeOutputSettings(line.global);
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

}  // namespace fabro::cli
