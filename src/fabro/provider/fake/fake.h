// The provider `fake`: files in memory, commands by script. For tests of what stands on a Sandbox;
// it passes the conformance table like the others.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "fabro/provider/provider.h"

namespace fabro::provider {

// What a scripted command does. Its time is not real time: one that takes longer than its timeout
// times out at once, and the result's duration says what would have been.
struct FakeExec {
  std::vector<std::pair<Stream, std::string>> output;
  int exit_code = 0;
  Nanos takes{};
  bool endless = false;  // Until its timeout, or for real until cancelled.
};

class FakeSandbox final : public Sandbox {
 public:
  using Handler = std::function<Result<FakeExec>(const ExecRequest&)>;

  // Answers the command of exactly this text (argv: joined by spaces). Said several times: one
  // after the other, the last one again and again.
  void Script(const std::string& command, FakeExec exec);
  // Answers all others; without it they end with 127, as in a shell that finds nothing.
  void OnOther(Handler handler);
  // Every request so far, in order; callbacks and descriptors left out.
  std::vector<ExecRequest> Calls() const;

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
  std::string WorkingDirectory() const override { return "/workspace"; }
  std::string Platform() const override { return "linux fake"; }
  SandboxInfo Info() const override;
  NetworkPolicy Network() const override { return {"block", "fake"}; }

 private:
  // Absolute without dots; also checks that Initialize was called.
  Result<std::string> PathOf(std::string_view path) const;
  bool IsDirectoryLocked(const std::string& path) const;
  Result<FakeExec> Answer(const ExecRequest& request);

  mutable std::mutex mutex_;
  bool initialized_ = false;
  std::map<std::string, std::string> files_;  // By normalized absolute path.
  std::map<std::string, std::vector<FakeExec>> scripts_;
  Handler other_;
  std::vector<ExecRequest> calls_;
};

}  // namespace fabro::provider
