#include "fabro/git/git.h"

#include <cstdlib>

#include "fabro/linux/spawn.h"

namespace fabro::git {
namespace {

constexpr char kDefaultPath[] = "/usr/local/bin:/usr/bin:/bin";

// Our own environment less everything that steers git: GIT_DIR of a hook that started us, say.
std::vector<std::string> Environment(const Options& options) {
  std::map<std::string, std::string> env = SafeVariables();
  env["PATH"] = kDefaultPath;
  // HOME for the user's excludes and safe.directory; SUDO_UID so that sudo owns what its user does.
  for (const char* name : {"PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "SUDO_UID"}) {
    if (const char* value = std::getenv(name); value != nullptr) env[name] = value;
  }
  for (const auto& [name, value] : options.env) env[name] = value;
  std::vector<std::string> entries;
  entries.reserve(env.size());
  for (const auto& [name, value] : env) entries.push_back(name + "=" + value);
  return entries;
}

Result<Output> RunWith(const std::string& directory, const std::vector<std::string>& settings,
                       const std::vector<std::string>& args, const Options& options) {
  SpawnRequest request;
  request.argv = {"git", "-C", directory};
  for (const std::string& setting : settings) {
    request.argv.insert(request.argv.end(), {"-c", setting});
  }
  request.argv.insert(request.argv.end(), args.begin(), args.end());
  request.env = Environment(options);
  const auto deadline = std::chrono::steady_clock::now() + options.timeout;
  auto done = RunCommand(std::move(request), options.input, options.limit, deadline);
  if (!done.ok() && done.error().code == Code::kNotFound) {
    return Failure(Code::kFailedPrecondition, "git is not installed", "git_missing",
                   "install it: apt-get install git");
  }
  if (!done.ok() && done.error().reason == "command_timeout") {
    return Failure(Code::kDeadlineExceeded, "git " + args.front() + " ran too long", "git_timeout");
  }
  if (!done.ok()) return done.error();
  Output output;
  output.exit_code = done->status.kind == ExitStatus::Kind::kExited ? done->status.value
                                                                    : 128 + done->status.value;
  output.out = std::move(done->out);
  output.err = std::move(done->err);
  return output;
}

// Every content filter that the configuration names, made empty. Reading configuration runs
// nothing.
Result<std::vector<std::string>> FiltersOff(const std::string& directory, const Options& options) {
  Options quiet;
  quiet.env = options.env;
  const Output listed = TRY(
      RunWith(directory, {}, {"config", "--name-only", "-z", "--get-regexp", "^filter\\."}, quiet));
  std::vector<std::string> settings;
  std::string_view names = listed.out;
  while (!names.empty()) {
    const std::size_t nul = names.find('\0');
    const std::string_view name = names.substr(0, nul);
    const bool required = name.ends_with(".required");
    settings.push_back(std::string(name) + (required ? "=false" : "="));
    names.remove_prefix(nul == std::string_view::npos ? names.size() : nul + 1);
  }
  return settings;
}

}  // namespace

std::vector<std::string> SafeSettings() {
  return {"core.hooksPath=/dev/null",
          "core.fsmonitor=false",
          "core.splitIndex=false",
          "core.untrackedCache=false",
          "gc.auto=0",
          "maintenance.auto=false",
          "commit.gpgSign=false",
          "tag.gpgSign=false",
          "core.alternateRefsCommand=true",
          "core.sshCommand=false",
          "credential.helper=",
          "advice.addEmbeddedRepo=false",
          "core.quotePath=false",
          "protocol.version=2",
          "submodule.recurse=false",
          "fetch.recurseSubmodules=no",
          "core.pager=cat",
          "init.defaultBranch=main"};
}

std::map<std::string, std::string> SafeVariables() {
  return {{"GIT_TERMINAL_PROMPT", "0"},   {"GIT_ASKPASS", "/bin/false"},
          {"GIT_EDITOR", "/bin/false"},   {"GIT_OPTIONAL_LOCKS", "0"},
          {"GIT_ALLOW_PROTOCOL", "file"}, {"LC_ALL", "C"}};
}

Error GitFailure(const std::vector<std::string>& args, const Output& output) {
  std::string said = output.err.substr(0, 2000);
  while (!said.empty() && said.back() == '\n') said.pop_back();
  if (said.find("dubious ownership") != std::string::npos) {
    return Failure(Code::kPermissionDenied, "the repository belongs to another user",
                   "git_ownership", "git config --global --add safe.directory <directory>");
  }
  if (said.empty()) said = "exit code " + std::to_string(output.exit_code);
  return Failure(Code::kInternal, "git " + args.front() + ": " + said, "git_failed");
}

Result<Output> Run(const std::string& directory, const std::vector<std::string>& args,
                   const Options& options) {
  std::vector<std::string> settings = SafeSettings();
  if (options.without_filters) {
    const std::vector<std::string> off = TRY(FiltersOff(directory, options));
    settings.insert(settings.end(), off.begin(), off.end());
  }
  return RunWith(directory, settings, args, options);
}

Result<std::string> Git(const std::string& directory, const std::vector<std::string>& args,
                        const Options& options) {
  Output output = TRY(Run(directory, args, options));
  if (output.exit_code != 0) return GitFailure(args, output);
  if (!output.out.empty() && output.out.back() == '\n') output.out.pop_back();
  return std::move(output.out);
}

}  // namespace fabro::git
