#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "apps/faber/commands/commands.h"
#include "apps/faber/programs.h"
#include "apps/faber/run_log.h"
#include "apps/faber/settings_request.h"
#include "fabro/base/duration.h"

namespace fabro::faber {
namespace {

constexpr unsigned kMostSlots = 256;
constexpr std::int64_t kMostIdleSeconds = 365LL * 24 * 3600;

Error Bad(std::string_view option, const std::string& value, std::string fix) {
  return Failure(Code::kInvalidArgument,
                 std::string(option) + ": '" + value + "' is out of range or no number",
                 "bad_option", std::move(fix));
}

// Where programs of this user look for it (isolation engine, 2.1).
Result<std::string> ListenDirectory() {
  if (::geteuid() == 0) return std::string("/run/faber");
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && runtime[0] == '/') return std::string(runtime) + "/faber";
  return Failure(Code::kFailedPrecondition, "XDG_RUNTIME_DIR is not set", "jailer_unreachable",
                 "log in through systemd, or set it to a directory of your own with mode 0700");
}

Result<std::vector<std::string>> Arguments(const Invocation& invocation) {
  const std::string directory = TRY(ListenDirectory());
  std::vector<std::string> argv = {JailerProgram(), "--listen", directory};
  if (const std::string* slots = invocation.Find("--slots")) {
    unsigned count = 0;
    const char* end = slots->data() + slots->size();
    const auto [stop, status] = std::from_chars(slots->data(), end, count);
    if (status != std::errc() || stop != end || count < 1 || count > kMostSlots) {
      return Bad("--slots", *slots, "give 1 to " + std::to_string(kMostSlots));
    }
    argv.insert(argv.end(), {"--slots", std::to_string(count)});
  }
  if (const std::string* idle = invocation.Find("--idle")) {
    const Nanos span = TRY_IN("--idle", ParseDuration(*idle));
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(span).count();
    if (seconds < 1 || seconds > kMostIdleSeconds) return Bad("--idle", *idle, "give 1s to 365d");
    argv.insert(argv.end(), {"--idle", std::to_string(seconds)});
  }
  // A jailer has one configuration of its own: where it logs to.
  const config::engine::Inputs inputs = TRY(ReadInputs(invocation, OwnEnvironment()));
  const config::engine::Loaded loaded = config::engine::Load(inputs);
  TRY(config::engine::Usable(loaded.findings));
  const LogSettings log = LogSettingsOf(loaded.settings);
  if (!log.file.empty()) {
    argv.insert(argv.end(),
                {"--log-file", std::filesystem::absolute(log.file).string(), "--log-format",
                 log.options.format == LogFormat::kText ? "text" : "json", "--log-level",
                 std::string(ToString(log.options.level))});
  }
  return argv;
}

}  // namespace

int JailerCommand(const Invocation& invocation) {
  auto arguments = Arguments(invocation);
  if (!arguments.ok()) return Fail(arguments.error(), kExitUsage);
  std::vector<char*> argv;
  for (std::string& argument : *arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  // It becomes the jailer, so that a service manager watches the one process that matters.
  ::execv(argv[0], argv.data());
  Error error = SysFailure("execv", arguments->front());
  error.fix = "install faber-jailer beside faber";
  return Fail(error, kExitGeneral);
}

}  // namespace fabro::faber
