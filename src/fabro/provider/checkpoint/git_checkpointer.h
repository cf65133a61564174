// Checkpoints of a workspace as commits of `fabro/run/<run id>`, by plumbing on an index of our
// own: HEAD, the user's index, stash, reflog and files stay byte for byte as they are
// (workflow, 15.2).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/git/repository.h"
#include "fabro/provider/checkpoint/git_runner.h"
#include "fabro/workflow/checkpoint/checkpointer.h"

namespace fabro::provider {

struct CheckpointConfig {
  std::string run_id;
  std::string author_name = "fabro";
  std::string author_email = "fabro@local";
  std::vector<std::string> exclude_globs;  // run.checkpoint.exclude_globs.
  std::vector<std::string> exclude_paths;  // Relative to the work tree: the run's own directories.
  std::string index_file;                  // Absolute; empty: `fabro/index` in the git directory.
  std::string seed_index;                  // Copied to begin with, instead of reading HEAD's tree.
  bool can_restore = false;                // The work tree is the run's own.
  bool branch_outlives = true;             // False: the repository goes with the sandbox.
};

// Takes the branch, now at `tip`, to where people look; known: what is there already ("": nothing).
using Taker = std::function<Status(const std::string& tip, const std::string& base,
                                   const std::string& known)>;

std::string RunRef(const std::string& run_id);  // "refs/heads/fabro/run/…".

std::unique_ptr<workflow::Checkpointer> MakeGitCheckpointer(std::unique_ptr<GitRunner> git,
                                                            CheckpointConfig config, Taker taker);

// For `local`: nullptr when `directory` is in no repository. `run_dir` holds the index; the storage
// directory is left out when it lies in the work tree.
Result<std::unique_ptr<workflow::Checkpointer>> MakeLocalCheckpointer(const std::string& directory,
                                                                      const std::string& storage,
                                                                      const std::string& run_dir,
                                                                      CheckpointConfig config);

// For workspaces of a sandbox: git runs inside, the branch comes out as a bundle of at most `limit`
// bytes and goes through quarantine in `run_dir` into `source`. Without `source` nothing is taken
// out, and Publish has no ref to give.
struct BundleTarget {
  std::optional<git::Repository> source;
  std::string run_dir;
  ByteSize limit = ByteSize(std::uint64_t{1} << 30);
};
std::unique_ptr<workflow::Checkpointer> MakeSandboxCheckpointer(Sandbox& sandbox,
                                                                BundleTarget target,
                                                                CheckpointConfig config);

}  // namespace fabro::provider
