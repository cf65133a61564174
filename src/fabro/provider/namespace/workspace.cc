#include "fabro/provider/namespace/workspace.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "fabro/git/bundle.h"
#include "fabro/git/git.h"
#include "fabro/linux/file.h"
#include "fabro/provider/common/exec_buffered.h"

namespace fabro::provider {
namespace {

constexpr std::chrono::minutes kTimeout{10};
constexpr char kBundle[] = "/tmp/.fabro-clone.bundle";
constexpr char kShallow[] = "/tmp/.fabro-clone.shallow";

// Values come by environment, so that nothing is quoted. No template: it could hold hooks.
constexpr char kCloneScript[] = R"(set -e
git init -q --template= .
if [ -n "$FABRO_BRANCH" ]; then git symbolic-ref HEAD "refs/heads/$FABRO_BRANCH"; fi
if [ -e "$FABRO_SHALLOW" ]; then mv "$FABRO_SHALLOW" .git/shallow; fi
git bundle unbundle "$FABRO_BUNDLE" >/dev/null
if [ -z "$FABRO_BRANCH" ]; then git update-ref --no-deref HEAD "$FABRO_COMMIT"; fi
git reset -q --hard "$FABRO_COMMIT"
if [ -n "$FABRO_RUN_REF" ]; then git update-ref "$FABRO_RUN_REF" "$FABRO_COMMIT"; fi
if [ -n "$FABRO_ORIGIN" ]; then git remote add origin "$FABRO_ORIGIN"; fi
rm -f "$FABRO_BUNDLE"
)";
constexpr char kEmptyScript[] = R"(set -e
git init -q --template= -b main .
git -c user.name=fabro -c user.email=fabro@local commit -q --allow-empty -m "Empty workspace"
)";

Status RunScript(Sandbox& sandbox, const char* script, std::map<std::string, std::string> env,
                 const std::string& what) {
  ExecRequest request;
  request.command = script;
  request.cwd = kWorkspace;
  request.timeout = kTimeout;
  request.env = git::SafeVariables();
  request.env.merge(env);
  // The settings of our git, for each git of the script (git(1), GIT_CONFIG_COUNT).
  std::size_t count = 0;
  for (const std::string& setting : git::SafeSettings()) {
    const std::string number = std::to_string(count++);
    request.env["GIT_CONFIG_KEY_" + number] = setting.substr(0, setting.find('='));
    request.env["GIT_CONFIG_VALUE_" + number] = setting.substr(setting.find('=') + 1);
  }
  request.env["GIT_CONFIG_COUNT"] = std::to_string(count);
  const BufferedResult done = TRY(ExecBuffered(sandbox, request, std::size_t{1} << 20));
  if (done.result.exit_code == 0) return {};
  if (done.result.exit_code == 127) {
    return Failure(Code::kFailedPrecondition, "there is no git in the sandbox", "git_missing",
                   "install git on the host, or choose a root that has it");
  }
  return Failure(Code::kFailedPrecondition, what + ": " + done.err.substr(0, 2000),
                 "workspace_failed");
}

Status MakeEmpty(Sandbox& sandbox, std::vector<Notice>& notices) {
  const Status made = RunScript(sandbox, kEmptyScript, {}, "making an empty repository");
  if (made.ok() || made.error().reason != "git_missing") return made;
  notices.push_back({"git_missing", "no git in the sandbox: no checkpoints"});
  return {};
}

Status UploadParts(Sandbox& sandbox, const git::Repository& repository, const std::string& bundle) {
  TRY(sandbox.Upload(bundle, kBundle));
  // The history ends where the source's does; without this the objects would look incomplete.
  if (repository.shallow) TRY(sandbox.Upload(repository.common_dir + "/shallow", kShallow));
  return {};
}

Status Clone(Sandbox& sandbox, git::Repository repository, const NamespaceConfig& config,
             const std::string& bundle) {
  const std::string commit = config.commit.empty() ? repository.head : config.commit;
  TRY_IN("bundling the repository", git::BundleCommit(repository, commit, bundle));
  const Status uploaded = UploadParts(sandbox, repository, bundle);
  (void)RemoveTree(bundle);
  if (!uploaded.ok()) return uploaded.error();
  // A run that starts again from its own branch finds that branch inside.
  const std::string run_ref =
      config.commit.empty() ? "" : "refs/heads/fabro/run/" + config.context.run_id;
  return RunScript(sandbox, kCloneScript,
                   {{"FABRO_BUNDLE", kBundle},
                    {"FABRO_SHALLOW", kShallow},
                    {"FABRO_BRANCH", repository.branch},
                    {"FABRO_COMMIT", commit},
                    {"FABRO_RUN_REF", run_ref},
                    {"FABRO_ORIGIN", repository.origin}},
                   "checking out " + commit);
}

bool IsHome(const std::string& directory) {
  const char* home = std::getenv("HOME");
  if (home != nullptr && directory == home) return true;
  const passwd* user = ::getpwuid(::getuid());
  return directory == "/home" || (user != nullptr && directory == user->pw_dir);
}

Error BindRefused(const std::string& directory, const std::string& why) {
  return Failure(Code::kInvalidArgument, directory + " cannot be the workspace: " + why,
                 "bind_refused", "start the run in a project directory");
}

}  // namespace

Status CheckBindSource(const std::string& directory, const std::string& storage) {
  struct stat info{};
  if (::lstat(directory.c_str(), &info) != 0) return SysFailure("stat", directory);
  if (!S_ISDIR(info.st_mode)) return BindRefused(directory, "it is no directory");
  if (directory == "/" || IsHome(directory)) {
    return BindRefused(directory, "it is the root or a home directory");
  }
  if ((storage + "/").starts_with(directory + "/")) {
    return BindRefused(directory, "it holds the storage directory");
  }
  if (::getuid() != 0 && info.st_uid != ::getuid()) {
    return BindRefused(directory, "it belongs to another user");
  }
  return {};
}

Result<WorkspaceMode> FillWorkspace(Sandbox& sandbox, const NamespaceConfig& config,
                                    const std::string& bundle, std::vector<Notice>& notices) {
  if (config.workspace == WorkspaceMode::kBind) return WorkspaceMode::kBind;
  std::optional<git::Repository> repository;
  if (config.workspace == WorkspaceMode::kClone) {
    repository = TRY(git::Discover(config.context.host_directory));
  }
  if (!repository || repository->head.empty()) {
    if (config.workspace == WorkspaceMode::kClone) {
      notices.push_back({"workspace_empty", config.context.host_directory +
                                                " is in no repository with a commit: the workspace "
                                                "is empty"});
    }
    TRY(MakeEmpty(sandbox, notices));
    return WorkspaceMode::kEmpty;
  }
  const bool dirty = TRY(git::IsDirty(*repository));
  if (dirty) {
    notices.push_back({"dirty_not_included",
                       "uncommitted changes of " + repository->top + " are not in the sandbox"});
  }
  TRY(Clone(sandbox, *std::move(repository), config, bundle));
  return WorkspaceMode::kClone;
}

}  // namespace fabro::provider
