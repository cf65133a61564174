// Checkpoints of the run's own walk: the record, the commit, and the way back (workflow language,
// 15).
#include <utility>

#include "fabro/workflow/engine/engine.h"

namespace fabro::workflow {

using model::Json;

// Empty when there is no commit; why not is a notice.
std::string Engine::CommitWorkspace() {
  const Node* node = index_.Find(state_.node);
  if (deps_.checkpointer == nullptr || node == nullptr ||
      (node->kind == NodeKind::kStart || node->kind == NodeKind::kExit))
    return {};
  const CheckpointRequest request{.node_id = node->id,
                                  .status = std::string(ToString(state_.status)),
                                  .visit = state_.visit,
                                  .completed = state_.completed_nodes.size(),
                                  .late = late_};
  auto commit = deps_.checkpointer->Commit(request);
  if (commit.ok()) {
    for (const std::string& note : commit->notes) (void)log_.Notice("info", "checkpoint", note);
    if (late_) {
      (void)log_.Notice("info", "checkpoint_late",
                        "commit of " + node->id +
                            " was made by the resume: what changed in the "
                            "workspace since the stage ended is in it too");
    }
    return commit->sha;
  }
  Json properties;
  properties.Set("error", commit.error().ToString());
  // Best effort: a store that fails is met by the next event, which is not.
  (void)log_.Emit("checkpoint.failed", std::move(properties));
  (void)log_.Notice("warn", "checkpoint_failed", commit.error().ToString());
  return {};
}

Status Engine::WriteCheckpoint() {
  if (config_.before_checkpoint) TRY(config_.before_checkpoint());
  const std::string sha = CommitWorkspace();
  Json properties;
  properties.Set("status", ToString(state_.status)).SetIfAny("git_commit_sha", sha);
  Json checkpoint = ToCheckpoint(run_, Rfc3339(deps_.clock.WallNow()));
  if (!sha.empty()) checkpoint.Set("git_commit_sha", sha);
  properties.Set("checkpoint", std::move(checkpoint));
  model::Event event = log_.Make("checkpoint.completed", std::move(properties));
  event.node_id = state_.node;
  TRY(log_.Store(std::move(event)));
  late_ = false;
  return {};
}

// Discards the partial work of the interrupted stage where that is allowed and possible (15.3).
Result<Json> Engine::RestoreWorkspace() {
  Json properties;
  const std::string target = run_.last_was_start || state_.completed_nodes.empty()
                                 ? config_.base_sha
                                 : run_.checkpoint_sha;
  if (config_.workspace_is_users || deps_.checkpointer == nullptr ||
      !deps_.checkpointer->CanRestore() || target.empty()) {
    properties.Set("workspace", "kept");
    return properties;
  }
  const Status restored = deps_.checkpointer->Restore(target);
  if (!restored.ok()) {
    TRY(log_.Notice("warn", "restore_failed", restored.error().ToString()));
    properties.Set("workspace", "kept");
    return properties;
  }
  properties.Set("workspace", "restored").Set("restored_to", target);
  return properties;
}

}  // namespace fabro::workflow
