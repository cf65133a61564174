// The caller's side of a disk workspace with a byte limit: which mechanism it gets, and the image
// file that a loop device needs. The jailer mounts and limits; it makes no files.
#pragma once

#include "fabro/base/result.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail {

// Where workspace.dir names a directory, workspace.size is set and the directory's file system has
// no active project quota: points workspace.dir at `<dir>/workspace.ext4`, made sparse and
// formatted (mkfs.ext4) when it is not there yet. Its bytes are the limit, less what ext4 needs
// itself. An image of another size is refused: its limit would be another. Does nothing otherwise.
// Errors: disk_unenforceable, workspace_refused, no_space.
Status PrepareDiskLimit(model::SandboxSpec& spec);

}  // namespace fabro::jail
