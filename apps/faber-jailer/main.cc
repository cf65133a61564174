// faber-jailer: makes and supervises Jails for the user who started it, and for nobody else.
//
//   faber-jailer                                     serves the connection on descriptor 3
//   faber-jailer --listen DIR --slots N --idle SECS  serves callers of its own user in DIR
//     [--log-file FILE --log-format json|text --log-level LEVEL]
//
// Started by faber and fabro; no user needs to know it. Exit codes: 0 done, 1 trouble, 2 usage.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <climits>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "fabro/jail/supervise/jailer.h"

namespace {

using namespace fabro;

constexpr int kConnectionFd = 3;
constexpr int kUsage = 2;

// Of one build and one directory with us: the protocol between the two has one version.
std::string InitProgram() {
  std::string path(PATH_MAX, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  path.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  const std::size_t slash = path.rfind('/');
  return (slash == std::string::npos ? std::string(".") : path.substr(0, slash)) + "/faber-init";
}

std::optional<unsigned> ParseNumber(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

struct LogOptions {
  std::string file;
  Logger::Options options;
};

// Whether `name` is an option of the log.
bool ParseLogOption(std::string_view name, std::string_view value, LogOptions& log) {
  if (name == "--log-file") {
    log.file = value;
  } else if (name == "--log-format") {
    log.options.format = value == "text" ? LogFormat::kText : LogFormat::kJson;
  } else if (name == "--log-level") {
    for (const LogLevel level :
         {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
      if (value == ToString(level)) log.options.level = level;
    }
  } else {
    return false;
  }
  return true;
}

std::optional<jail::supervise::ListenOptions> ParseOptions(int argc, char** argv, LogOptions& log) {
  jail::supervise::ListenOptions options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--listen") {
      options.directory = argv[i + 1];
      continue;
    }
    if (ParseLogOption(name, argv[i + 1], log)) continue;
    const auto number = ParseNumber(argv[i + 1]);
    if (!number) return std::nullopt;
    if (name == "--slots") {
      options.slots = *number;
    } else if (name == "--idle") {
      options.idle = std::chrono::seconds(*number);
    } else {
      return std::nullopt;
    }
  }
  if (argc % 2 == 0 || options.directory.empty()) return std::nullopt;
  return std::make_optional(std::move(options));
}

int Report(const Status& status) {
  if (status) return 0;
  std::fprintf(stderr, "faber-jailer: %s\n", status.error().ToString().c_str());
  return 1;
}

int ServeChild() {
  if (::fcntl(kConnectionFd, F_SETFD, FD_CLOEXEC) != 0) {
    std::fprintf(stderr,
                 "faber-jailer: no connection on descriptor 3; started by hand? usage: "
                 "faber-jailer --listen DIR [--slots N] [--idle SECS]\n");
    return kUsage;
  }
  ::close_range(kConnectionFd + 1, ~0U, 0);
  // Before the path of this program is asked for: it must be found in our own mounts.
  const auto identity = jail::supervise::TakeOwnPlace();
  // Our memory holds what every guest is given: no debugger of the same user, no core file. Not
  // before: newuidmap(1) asks whose process it is.
  ::prctl(PR_SET_DUMPABLE, 0);
  return Report(jail::supervise::ServeConnection(UniqueFd(kConnectionFd), InitProgram(), identity));
}

}  // namespace

int main(int argc, char** argv) {
  ::clearenv();
  ::umask(077);
  if (::geteuid() == 0) ::prctl(PR_SET_DUMPABLE, 0);  // Of others: ServeChild().
  if (::chdir("/") != 0) return 1;
  if (argc == 1) return ServeChild();
  LogOptions log;
  auto options = ParseOptions(argc, argv, log);
  if (!options) {
    std::fprintf(stderr, "usage: faber-jailer --listen DIR [--slots N] [--idle SECS]\n");
    return kUsage;
  }
  options->init_program = InitProgram();
  if (!log.file.empty()) {
    auto opened = Logger::Open(log.file, log.options, RealClock());
    if (!opened.ok()) return Report(std::move(opened).error());
    options->log = *std::move(opened);
  }
  return Report(jail::supervise::Listen(*std::move(options)));
}
