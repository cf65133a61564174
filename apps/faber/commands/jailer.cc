#include <unistd.h>

#include <charconv>
#include <vector>

#include "apps/faber/commands/commands.h"
#include "apps/faber/programs.h"
#include "fabro/base/duration.h"

namespace fabro::faber {
namespace {

constexpr unsigned kMostSlots = 256;

Error Bad(std::string_view option, const std::string& value, std::string fix) {
  return Failure(Code::kInvalidArgument,
                 std::string(option) + ": '" + value + "' is out of range or no number",
                 "bad_option", std::move(fix));
}

Result<std::vector<std::string>> Arguments(const Invocation& invocation) {
  std::vector<std::string> argv = {JailerProgram(), "--listen"};
  if (const std::string* slots = invocation.Find("--slots")) {
    unsigned count = 0;
    const char* end = slots->data() + slots->size();
    const auto [stop, status] = std::from_chars(slots->data(), end, count);
    if (status != std::errc() || stop != end || count < 1 || count > kMostSlots) {
      return Bad("--slots", *slots, "give 1 to " + std::to_string(kMostSlots));
    }
    argv.push_back("--slots=" + std::to_string(count));
  }
  if (const std::string* idle = invocation.Find("--idle")) {
    const Nanos span = TRY_IN("--idle", ParseDuration(*idle));
    const auto seconds = std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
    if (seconds < 1) return Bad("--idle", *idle, "give 1ms or more");
    argv.push_back("--idle-ms=" + std::to_string(seconds));
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
