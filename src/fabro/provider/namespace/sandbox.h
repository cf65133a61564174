// The class behind MakeNamespaceSandbox: sandbox.cc has its life, operations.cc what is done in it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fabro/jail/jail.h"
#include "fabro/provider/common/grep.h"
#include "fabro/provider/namespace/marker.h"
#include "fabro/provider/namespace/namespace.h"

namespace fabro::provider {

class NamespaceSandbox final : public Sandbox {
 public:
  explicit NamespaceSandbox(NamespaceConfig config)
      : config_(std::move(config)),
        directory_(SandboxDir(config_.context.storage, config_.context.run_id)) {}

  Status Initialize() override;
  Status Stop() override;
  Status Cleanup() override;
  Result<ExecResult> Exec(const ExecRequest& request) override;
  Result<std::string> ReadFile(std::string_view path) override;
  Status WriteFile(std::string_view path, std::string_view content) override;
  Status DeleteFile(std::string_view path) override;
  Result<bool> FileExists(std::string_view path) override;
  Result<std::vector<DirectoryEntry>> ListDirectory(std::string_view path,
                                                    std::uint32_t depth) override;
  Result<std::vector<std::string>> Grep(std::string_view pattern, std::string_view path,
                                        const GrepOptions& options) override;
  Result<std::vector<std::string>> Glob(std::string_view pattern, std::string_view path) override;
  Status Upload(const std::string& host_path, std::string_view path) override;
  Status Download(std::string_view path, const std::string& host_path) override;
  std::string WorkingDirectory() const override;
  std::string Platform() const override;
  SandboxInfo Info() const override;
  NetworkPolicy Network() const override;

 private:
  // True when a tree of this run is there to go on with.
  Result<bool> FindKeptTree();
  Status MakeDirectory();
  Result<model::SandboxSpec> SpecOf() const;
  Status OpenRoot();
  Status StartJail();
  Status Fill(bool kept);
  Status CheckHealth();
  Status MakeWorkingDirectory();
  Status BringUp(bool kept);
  Status Save(MarkerState state);
  std::string TreeOnHost() const;
  Result<std::string> PathOf(std::string_view path) const;
  Result<ExecResult> NotExecuted(const model::Outcome& outcome, const std::string& cwd);

  NamespaceConfig config_;
  std::string directory_;
  Marker marker_;
  model::RootSource root_;              // Of config_, an image as its tree.
  std::vector<std::string> image_env_;  // Below what is configured.
  bool initialized_ = false;
  std::optional<jail::Jail> jail_;
  WorkspaceMode filled_ = WorkspaceMode::kEmpty;
  std::vector<Notice> notices_;
  std::atomic<std::uint64_t> next_exec_{1};
  ExecGrep grep_;
};

}  // namespace fabro::provider
