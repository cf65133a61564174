// Read before write (agent, section 4.6): a decorator of the sandbox that lets a session replace or
// delete only such existing files as the session has read. It stands below the tools, so that no
// tool can forget it, and it is no permission: a model that knows a file may do with it what its
// permissions allow. `Exec` is not covered.
//
// Paths are compared normalized: relative to the working directory, `.` and `..` folded, links
// resolved when the plain comparison does not find the path. Every call may be made from several
// threads.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/provider/provider.h"

namespace fabro::agent {

// "/w/a/../b" for "a/../b" becomes "/w/b". Never above "/".
std::string NormalPath(std::string_view working_directory, std::string_view path);

// What a session has read. Children start with a copy.
class ReadSet {
 public:
  void Add(const std::string& path);
  void Remove(const std::string& path);
  bool Contains(const std::string& path) const;
  std::vector<std::string> Paths() const;
  ReadSet() = default;
  ReadSet(const ReadSet& other);
  ReadSet& operator=(const ReadSet&) = delete;

 private:
  mutable std::mutex mutex_;
  std::set<std::string> paths_;
};

// Borrows the sandbox and the set.
class GuardedSandbox final : public provider::Sandbox {
 public:
  GuardedSandbox(provider::Sandbox& inner, ReadSet& read);

  std::string Normal(std::string_view path) const;
  // Whether the path may be written or deleted now: kFailedPrecondition, "not_read".
  Status MayReplace(std::string_view path);
  // Where a path leads when links are followed, as far as it exists; itself when that fails.
  std::string RealPath(const std::string& path);
  // Held over a read-modify-write. One for all paths: writes of a session are short.
  std::unique_lock<std::mutex> LockWrites() { return std::unique_lock(writes_); }

  Status Initialize() override { return inner_.Initialize(); }
  Status Stop() override { return inner_.Stop(); }
  Status Cleanup() override { return inner_.Cleanup(); }
  Result<provider::ExecResult> Exec(const provider::ExecRequest& request) override {
    return inner_.Exec(request);
  }
  // Marks as read.
  Result<std::string> ReadFile(std::string_view path) override;
  // Checked; a success marks as read.
  Status WriteFile(std::string_view path, std::string_view content) override;
  // Checked; a success takes the path out of the set.
  Status DeleteFile(std::string_view path) override;
  Result<bool> FileExists(std::string_view path) override;
  Result<std::vector<provider::DirectoryEntry>> ListDirectory(std::string_view path,
                                                              std::uint32_t depth) override;
  // Marks every file with a match as read.
  Result<std::vector<std::string>> Grep(std::string_view pattern, std::string_view path,
                                        const provider::GrepOptions& options) override;
  Result<std::vector<std::string>> Glob(std::string_view pattern, std::string_view path) override;
  Status Upload(const std::string& host_path, std::string_view path) override;
  Status Download(std::string_view path, const std::string& host_path) override;
  std::string WorkingDirectory() const override { return directory_; }
  std::string Platform() const override { return inner_.Platform(); }
  provider::SandboxInfo Info() const override { return inner_.Info(); }
  provider::NetworkPolicy Network() const override { return inner_.Network(); }

 private:
  Result<std::string> Resolve(const std::string& path);

  provider::Sandbox& inner_;
  ReadSet& read_;
  std::string directory_;
  std::mutex writes_;
  std::mutex links_mutex_;
  std::map<std::string, std::string> links_;  // Of paths that were read: where they lead.
};

}  // namespace fabro::agent
