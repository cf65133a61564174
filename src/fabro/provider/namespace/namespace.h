// The provider `namespace`: every command in one Jail of our own engine on this machine, over a
// writable tree on disk that outlives it. Needs no daemon, no image and no network.
// Spec: sandboxes, sections 8.4 and 8.5.
//
//   Initialize   marker, tree, Jail, workspace (clone, empty or bind), health check. Over a kept
//   tree
//                (Stop, or a crash) it starts a new Jail and leaves the workspace as it is.
//   Stop         ends every process; marker and tree stay
//   Cleanup      ends every process and removes tree and marker
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/model/sandbox.h"
#include "fabro/provider/provider.h"

namespace fabro::provider {

enum class WorkspaceMode { kClone, kEmpty, kBind };
std::string_view ToString(WorkspaceMode mode);

struct NamespaceConfig {
  SandboxContext context;
  model::Level level = model::Level::kMedium;
  // At a level above medium `loopback` does not exist: unset means what the level allows.
  std::optional<model::NetworkMode> network;
  model::EgressPolicy egress;  // Of mode kEgress.
  model::RootSource root;
  std::vector<model::Bind> binds;
  model::Limits limits;                    // Of the whole sandbox; unset: none.
  std::map<std::string, std::string> env;  // Of the environment, for every command.
  std::optional<ByteSize> disk;            // Total of the writable tree; unset: none.
  // The tree is a tmpfs and ends with its processes; without `disk` it is half of the memory.
  bool in_memory = false;
  std::vector<std::string> degrade;
  // Clone falls to empty where there is no repository.
  WorkspaceMode workspace = WorkspaceMode::kClone;
  // What is checked out; empty: HEAD. A run whose sandbox is gone starts from its own branch.
  std::string commit;
};

std::unique_ptr<Sandbox> MakeNamespaceSandbox(NamespaceConfig config);

// Kills what a dead worker left of a run's sandbox and keeps the tree. True when something lived.
Result<bool> KillNamespaceLeftovers(const std::string& storage, const std::string& run_id);

// Kills and removes all of it; nothing there is success. A directory without our marker, or with
// another run's, is refused (sandbox_not_ours).
Status DestroyNamespaceSandbox(const std::string& storage, const std::string& run_id);

// The janitor of sandboxes 8.5 over every marker in the storage directory.
enum class SandboxFate { kLeave, kKill, kRemove, kUnknownRun };
struct SweepReport {
  std::string sandbox_id;
  std::string run_id;
  std::string action;  // "left", "killed", "removed", "kept: younger than 10 minutes", or an error.
};
// `decide`: what the store says of a run. Unknown ones are killed, and removed when older than ten
// minutes. What carries no marker of ours is not touched and not reported.
Result<std::vector<SweepReport>> SweepNamespaceSandboxes(
    const std::string& storage,
    const std::function<SandboxFate(const std::string& run_id)>& decide);

}  // namespace fabro::provider
