// What is known of a repository of this machine, without changing anything in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fabro/base/result.h"

namespace fabro::git {

struct Repository {
  std::string top;         // The work tree, absolute.
  std::string git_dir;     // Absolute; of a linked worktree its own.
  std::string common_dir;  // Absolute; where refs and objects are.
  std::string head;        // The commit of HEAD; empty: none yet.
  std::string branch;      // Short name; empty: detached.
  std::string origin;      // Normalized, without credentials; empty: none.
  bool shallow = false;
};

// Upwards from `directory`; nullopt: no work tree there (a bare repository is none), or no git.
Result<std::optional<Repository>> Discover(const std::string& directory);

// Untracked files count, ignored ones do not. Runs no filter.
Result<bool> IsDirty(const Repository& repository);

bool IsObjectId(std::string_view text);  // 40 or 64 lower-case hex digits.

// The forms of one host's URL brought to one, without user, password, trailing slash and ".git"
// (sandboxes, section 9). What is no URL of a known form comes back trimmed.
std::string NormalizeUrl(std::string_view url);

}  // namespace fabro::git
