#include "fabro/provider/checkpoint/git_runner.h"

#include "fabro/linux/file.h"
#include "fabro/provider/common/exec_buffered.h"

namespace fabro::provider {
namespace {

constexpr std::size_t kMaxOutput = std::size_t{64} << 20;
constexpr std::chrono::minutes kTimeout{10};

class HostRunner final : public GitRunner {
 public:
  explicit HostRunner(std::string directory) : directory_(std::move(directory)) {}

  Result<git::Output> Run(const std::vector<std::string>& args,
                          const std::map<std::string, std::string>& env) override {
    git::Options options;
    options.env = env;
    options.timeout = kTimeout;
    return git::Run(directory_, args, options);
  }
  Status MakeDirectory(const std::string& path) override { return MakeDirs(path, 0700); }

 private:
  std::string directory_;
};

class SandboxRunner final : public GitRunner {
 public:
  explicit SandboxRunner(Sandbox& sandbox) : sandbox_(sandbox) {}

  Result<git::Output> Run(const std::vector<std::string>& args,
                          const std::map<std::string, std::string>& env) override {
    ExecRequest request;
    request.argv = {"git"};
    for (const std::string& setting : git::SafeSettings()) {
      request.argv.insert(request.argv.end(), {"-c", setting});
    }
    request.argv.insert(request.argv.end(), args.begin(), args.end());
    request.env = git::SafeVariables();
    for (const auto& [name, value] : env) request.env[name] = value;
    request.timeout = kTimeout;
    BufferedResult done = TRY(ExecBuffered(sandbox_, request, kMaxOutput));
    if (!done.result.exit_code) {
      return Failure(Code::kDeadlineExceeded, "git " + args.front() + " ran too long",
                     "git_timeout");
    }
    if (*done.result.exit_code == 127) {
      return Failure(Code::kFailedPrecondition, "no git in the sandbox", "git_missing");
    }
    return git::Output{*done.result.exit_code, std::move(done.out), std::move(done.err)};
  }

  // There is no other way through the interface: a file needs its parents.
  Status MakeDirectory(const std::string& path) override {
    return sandbox_.WriteFile(path + "/README", "Index of the run's checkpoints.\n");
  }

 private:
  Sandbox& sandbox_;
};

}  // namespace

std::unique_ptr<GitRunner> GitOnHost(std::string directory) {
  return std::make_unique<HostRunner>(std::move(directory));
}

std::unique_ptr<GitRunner> GitInSandbox(Sandbox& sandbox) {
  return std::make_unique<SandboxRunner>(sandbox);
}

}  // namespace fabro::provider
