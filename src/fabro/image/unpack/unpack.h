// From an archive or an OCI layout to a tree in the image cache:
//
//   sha256/<digest>/root/       the tree; never written again
//   sha256/<digest>/env         the image's environment, NAME=value lines
//   new/<random>/               one that is being made; its maker holds a flock(2) on it
//
// An image appears under its digest whole and synced, or not at all. What a dead maker left in new/
// is removed by the next one.
#pragma once

#include <string>

#include "fabro/base/result.h"
#include "fabro/image/unpack/tree.h"

namespace fabro::image {

enum class SourceKind { kTar, kOci };

// `cache`: descriptor of the cache's directory. `source`: of the archive, at its start, or of the
// layout's directory. The digest: of the archive file (tar), of the manifest (oci). Errors:
// rootfs_refused, rootfs_too_large, no_space.
Result<std::string> Unpack(int cache, int source, SourceKind kind, const std::string& tag,
                           const TreeLimits& limits);

}  // namespace fabro::image
