// The git command as a library: each call is one git process with an environment of ours, without
// hooks, prompts, signing, housekeeping or network, so that a repository's configuration starts
// nothing here. What still could, the content filters of .gitattributes, is switched off by
// `without_filters` wherever the repository is not the user's own to run.
//
// Errors: git_missing (no git on this machine), git_failed (message: what git said), git_timeout,
// git_ownership (the repository belongs to another user).
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"

namespace fabro::git {

// "-c" settings of every git process of ours, on this machine and in sandboxes (workflow, 15.2).
std::vector<std::string> SafeSettings();

// Variables that go with them.
std::map<std::string, std::string> SafeVariables();

struct Output {
  int exit_code = 0;
  std::string out;
  std::string err;
};

struct Options {
  std::map<std::string, std::string> env;  // On top of our own: GIT_INDEX_FILE, author, …
  std::string_view input;
  ByteSize limit = 64_MiB;  // Of each stream.
  std::chrono::seconds timeout{300};
  bool without_filters = false;
};

// Runs git in `directory` and gives what it did; a non-zero exit is no Error.
Result<Output> Run(const std::string& directory, const std::vector<std::string>& args,
                   const Options& options = {});

// The same for commands that must succeed; stdout without its last newline.
Result<std::string> Git(const std::string& directory, const std::vector<std::string>& args,
                        const Options& options = {});

// The Error for a git that ended with a non-zero code.
Error GitFailure(const std::vector<std::string>& args, const Output& output);

}  // namespace fabro::git
