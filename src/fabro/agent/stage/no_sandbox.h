// Where there is no sandbox: dry runs. Everything is refused.
#pragma once

#include <string>
#include <vector>

#include "fabro/provider/provider.h"

namespace fabro::agent {

class NoSandbox final : public provider::Sandbox {
 public:
  Status Initialize() override { return {}; }
  Status Stop() override { return {}; }
  Status Cleanup() override { return {}; }
  Result<provider::ExecResult> Exec(const provider::ExecRequest&) override { return None(); }
  Result<std::string> ReadFile(std::string_view) override { return None(); }
  Status WriteFile(std::string_view, std::string_view) override { return None(); }
  Status DeleteFile(std::string_view) override { return None(); }
  Result<bool> FileExists(std::string_view) override { return None(); }
  Result<std::vector<provider::DirectoryEntry>> ListDirectory(std::string_view,
                                                              std::uint32_t) override {
    return None();
  }
  Result<std::vector<std::string>> Grep(std::string_view, std::string_view,
                                        const provider::GrepOptions&) override {
    return None();
  }
  Result<std::vector<std::string>> Glob(std::string_view, std::string_view) override {
    return None();
  }
  Status Upload(const std::string&, std::string_view) override { return None(); }
  Status Download(std::string_view, const std::string&) override { return None(); }
  std::string WorkingDirectory() const override { return "/"; }
  std::string Platform() const override { return "none"; }
  provider::SandboxInfo Info() const override { return {}; }
  provider::NetworkPolicy Network() const override { return {"block", "nothing runs"}; }

 private:
  static Error None() {
    return Failure(Code::kFailedPrecondition, "a dry run has no sandbox", "dry_run");
  }
};

}  // namespace fabro::agent
