// `<storage>/sandboxes/<id>/sandbox.json`: that a directory is ours, whose it is, and which process
// was its init. Written before anything else is made and removed after everything else, so that
// what a crash leaves is always found and never taken for something else (sandboxes, 8.4 and 8.5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/linux/proc_info.h"

namespace fabro::provider {

enum class MarkerState { kCreating, kReady, kStopped };

struct Marker {
  std::string run_id;
  std::string sandbox_id;
  std::string boot_id;   // Of the kernel that `init` lived in.
  ProcessIdentity init;  // pid 0: none yet.
  std::string level;
  std::string rootfs;         // As it was asked for.
  std::string rootfs_digest;  // Of an image: what a later Jail of this sandbox uses, too.
  std::string workspace_limit;
  std::string workspace;   // "clone", "bind", "empty".
  std::string created_at;  // RFC 3339.
  MarkerState state = MarkerState::kCreating;
};

// "ns-" and the run id in lower case.
std::string SandboxIdOf(const std::string& run_id);
// `<storage>/sandboxes/<id>`.
std::string SandboxDir(const std::string& storage, const std::string& run_id);

std::string EncodeMarker(const Marker& marker);
// kInvalidArgument, marker_invalid: not ours, or not whole.
Result<Marker> DecodeMarker(std::string_view text);

// Atomically, 0600; the directory exists.
Status SaveMarker(const std::string& directory, const Marker& marker);
// kNotFound when there is none.
Result<Marker> LoadMarker(const std::string& directory);

// The init of the marker is still the process that it was.
Result<bool> InitIsAlive(const Marker& marker);

}  // namespace fabro::provider
