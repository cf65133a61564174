// A directory of our own in the temporary folder, removed with all that is in it when its owner
// goes.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>

#include "fabro/base/result.h"
#include "fabro/linux/file.h"

namespace fabro {

class TempDir {
 public:
  // Mode 0700, in $TMPDIR or else /tmp; `prefix` begins its name.
  static Result<TempDir> Make(const std::string& prefix) {
    const char* base = std::getenv("TMPDIR");
    std::string path = std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/" + prefix;
    path += ".XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return SysFailure("mkdtemp", path);
    return TempDir(std::move(path));
  }

  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempDir& operator=(TempDir&&) = delete;
  ~TempDir() {
    // Nobody is left to tell; what cannot be removed (a mount in it) stays for the operator.
    if (!path_.empty()) (void)RemoveTree(path_);
  }

  const std::string& path() const { return path_; }

 private:
  explicit TempDir(std::string path) : path_(std::move(path)) {}
  std::string path_;  // Empty: moved from.
};

}  // namespace fabro
