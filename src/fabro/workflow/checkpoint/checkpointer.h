// Where the workspace of a run is recorded after each stage, and put back on a resume. The engine
// knows this interface; over git it is made beside the providers, because the workspace is the
// guest's and its git runs where the guest runs (workflow language 15.2).
//
// Blocking; called from the engine's thread alone. A failure of Commit never fails the run: it
// becomes a `run.notice`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fabro/base/id.h"
#include "fabro/base/result.h"

namespace fabro::workflow {

struct CheckpointBase {
  std::string branch{};              // "fabro/run/<run id>".
  std::string base_sha{};            // HEAD at the start of the run; empty: unborn.
  std::string source_branch{};       // Branch that HEAD stood on; empty: detached.
  std::vector<std::string> notes{};  // One line each, for a `run.notice`.
};

struct CheckpointRequest {
  std::string node_id{};
  std::string status{};  // "succeeded", …
  std::uint64_t visit = 1;
  std::uint64_t completed = 0;  // Completed stages so far, start included: `Fabro-Completed`.
  bool late = false;            // Made by a resume for a stage that ended before the crash.
};

struct CheckpointCommit {
  std::string sha{};
  std::vector<std::string> notes{};
};

class Checkpointer {
 public:
  virtual ~Checkpointer() = default;

  // Once per run, after the sandbox is ready and before the first stage.
  virtual Result<CheckpointBase> Begin() = 0;
  // On a resume instead of Begin: finds the branch again. `last_sha`: of the newest checkpoint that
  // the run recorded; the branch may be one commit ahead of it (a crash between commit and record)
  // and is then taken back to it. Empty: no commit was recorded yet.
  virtual Result<CheckpointBase> Continue(const std::string& last_sha) = 0;

  virtual Result<CheckpointCommit> Commit(const CheckpointRequest& request) = 0;

  // True when the workspace belongs to the run, so that Restore may discard what is in it.
  virtual bool CanRestore() const = 0;
  // Makes the work tree that of `sha`: read-tree --reset -u and removal of untracked files.
  virtual Status Restore(const std::string& sha) = 0;

  // After the last stage: takes the branch to where people look (a checked bundle into the source
  // repository). Gives the verified ref that holds the result, or empty when there is none, and
  // then the workspace itself must be saved.
  virtual Result<std::string> Publish() = 0;
};

}  // namespace fabro::workflow
