#include "fabro/jail/open_sources.h"

#include <fcntl.h>

#include <string_view>
#include <utility>

#include "fabro/linux/file.h"

namespace fabro::jail {
namespace {

// The descriptor of a host path. A symlink as last component is refused, not followed.
Result<UniqueFd> OpenSource(const HostPath& path, const char* reason, std::string_view what) {
  Result<UniqueFd> source = Open(path.value(), O_PATH | O_NOFOLLOW);
  if (!source) {
    Error error = std::move(source).error();
    error.message = std::string(what) + ": " + error.message;
    error.reason = reason;
    error.fix = "name a path that exists";
    return error;
  }
  return source;
}

}  // namespace

Result<std::vector<UniqueFd>> OpenSources(const model::SandboxSpec& spec) {
  std::vector<UniqueFd> fds;
  if (spec.root.kind == model::RootSource::Kind::kDir) {
    UniqueFd dir = TRY(OpenSource(spec.root.dir, "rootfs_refused", "rootfs (--rootfs)"));
    fds.push_back(std::move(dir));
  }
  if (spec.workspace.kind == model::WorkspaceKind::kDisk) {
    UniqueFd dir =
        TRY(OpenSource(spec.workspace.dir, "workspace_refused", "workspace (--workspace)"));
    fds.push_back(std::move(dir));
  }
  for (const model::Bind& bind : spec.binds) {
    UniqueFd source = TRY(OpenSource(bind.source, "bind_refused", "bind (--bind)"));
    fds.push_back(std::move(source));
  }
  return fds;
}

}  // namespace fabro::jail
