// History that crosses a border as one file. Outwards: a bundle of HEAD made without running
// anything of the repository. Inwards: a bundle that a guest made is unpacked into a quarantine of
// ours, every object checked, and only what its one branch reaches goes on into the repository.
#pragma once

#include <string>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/git/repository.h"

namespace fabro::git {

// A commit and its history as the bundle `file`. A bundle holds refs, not commits: a temporary one,
// `refs/fabro/bundle/…`, stands in the repository meanwhile, unless the commit is HEAD.
Status BundleCommit(const Repository& repository, const std::string& commit,
                    const std::string& file);

struct Import {
  std::string bundle;      // File of this machine.
  std::string quarantine;  // A directory to make; the caller removes it.
  std::string ref;         // "refs/heads/fabro/run/…", the same name on both sides.
  std::string expected;    // The object that the branch must point at.
  std::string old_value;   // What the repository's ref must be now; empty: not there.
};

// bundle_refused: not a bundle, not this branch, bad objects, missing history. ref_moved: somebody
// else changed the ref.
Status ImportBundle(const Repository& repository, const Import& import);

// The object a ref points at; empty: no such ref.
Result<std::string> ReadRef(const std::string& directory, const std::string& ref);

}  // namespace fabro::git
