// The way of a guest's branch to the user's repository.
#include <fcntl.h>

#include <optional>

#include "fabro/git/bundle.h"
#include "fabro/linux/file.h"
#include "fabro/provider/checkpoint/git_checkpointer.h"
#include "fabro/provider/common/exec_buffered.h"

namespace fabro::provider {
namespace {

constexpr std::chrono::minutes kBundleTimeout{10};

// git in the guest writes the bundle to its stdout, and we into a file, up to the limit.
Status Receive(Sandbox& sandbox, const std::vector<std::string>& argv, const std::string& file,
               ByteSize limit) {
  const UniqueFd target = TRY(Open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  std::uint64_t received = 0;
  std::string said;
  ExecRequest request;
  request.argv = argv;
  request.env = git::SafeVariables();
  request.timeout = kBundleTimeout;
  request.on_output = [&](Stream stream, std::string_view bytes) -> Status {
    if (stream == Stream::kStderr) {
      said.append(bytes.substr(0, 2000 - std::min<std::size_t>(said.size(), 2000)));
      return {};
    }
    received += bytes.size();
    if (received > limit.bytes()) {
      return Failure(Code::kResourceExhausted, "the bundle is larger than " + ToString(limit),
                     "bundle_refused");
    }
    return WriteFd(target.get(), bytes);
  };
  const ExecResult done = TRY(sandbox.Exec(request));
  if (done.exit_code == 0) return {};
  return Failure(Code::kFailedPrecondition, "git bundle in the sandbox: " + said, "bundle_refused");
}

class BundleTaker {
 public:
  BundleTaker(Sandbox& sandbox, BundleTarget target, const std::string& run_id)
      : sandbox_(sandbox), target_(std::move(target)), ref_(RunRef(run_id)) {}

  Status operator()(const std::string& tip, const std::string& base, const std::string& known) {
    if (!git::IsObjectId(tip)) {
      return Failure(Code::kFailedPrecondition, "the guest's git gave no commit", "bundle_refused");
    }
    const std::string here = TRY(git::ReadRef(target_.source->top, ref_));
    if (here != known && here != "" && here != tip) TRY(CheckOurs(here));
    if (here == tip) return {};
    const std::string file = target_.run_dir + "/git/in.bundle";
    const std::string quarantine = target_.run_dir + "/git/quarantine";
    TRY(MakeDirs(target_.run_dir + "/git", 0700));
    TRY(RemoveTree(quarantine));
    const Status imported = Import(tip, base, here, file, quarantine);
    (void)RemoveTree(quarantine);
    (void)RemoveTree(file);
    return imported;
  }

 private:
  // After a crash the branch here may be one checkpoint further than the run remembers.
  Status CheckOurs(const std::string& here) {
    const std::string subject =
        TRY(git::Git(target_.source->top, {"log", "-1", "--format=%s", here}));
    const std::string id = ref_.substr(ref_.rfind('/') + 1);
    if (subject.starts_with("fabro(" + id + "):")) return {};
    return Failure(Code::kFailedPrecondition, ref_ + " was changed by somebody else", "ref_moved");
  }

  Status Import(const std::string& tip, const std::string& base, const std::string& here,
                const std::string& file, const std::string& quarantine) {
    std::vector<std::string> argv = {"git"};
    for (const std::string& setting : git::SafeSettings()) {
      argv.insert(argv.end(), {"-c", setting});
    }
    argv.insert(argv.end(), {"bundle", "create", "-q", "-", ref_});
    if (!base.empty()) argv.push_back("^" + base);
    TRY(Receive(sandbox_, argv, file, target_.limit));
    git::Import import;
    import.bundle = file;
    import.quarantine = quarantine;
    import.ref = ref_;
    import.expected = tip;
    import.old_value = here;
    return git::ImportBundle(*target_.source, import);
  }

  Sandbox& sandbox_;
  BundleTarget target_;
  std::string ref_;
};

}  // namespace

std::unique_ptr<workflow::Checkpointer> MakeSandboxCheckpointer(Sandbox& sandbox,
                                                                BundleTarget target,
                                                                CheckpointConfig config) {
  config.can_restore = true;
  config.branch_outlives = target.source.has_value();
  Taker taker;
  if (target.source) taker = BundleTaker(sandbox, std::move(target), config.run_id);
  return MakeGitCheckpointer(GitInSandbox(sandbox), std::move(config), std::move(taker));
}

}  // namespace fabro::provider
