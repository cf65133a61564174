// What stands in /workspace when a run begins. The host makes a bundle of the repository's HEAD
// without running anything of it; the checkout happens inside, by the guest's git.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/git/repository.h"
#include "fabro/provider/namespace/namespace.h"
#include "fabro/provider/provider.h"

namespace fabro::provider {

inline constexpr char kWorkspace[] = "/workspace";
inline constexpr char kHome[] = "/home/agent";

// What is in the way of binding a host directory, or nothing: "/", a home directory, one that holds
// the storage directory, one that belongs to somebody else.
Status CheckBindSource(const std::string& directory, const std::string& storage);

// Fills the workspace of a sandbox that runs commands already. `bundle` is a file to make and
// remove. Clone without a repository, or without a commit, becomes empty; what was done is the
// value.
Result<WorkspaceMode> FillWorkspace(Sandbox& sandbox, const NamespaceConfig& config,
                                    const std::string& bundle, std::vector<Notice>& notices);

}  // namespace fabro::provider
