// Programs of a sandbox that is not there yet: looked up in what its root will be made of.
//
// Links are followed as they would be inside (openat2, RESOLVE_IN_ROOT), except those that lead
// from one mount into another, which are not found. What changes between this look and the start is
// not seen: it is a guardrail.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/jail/command_policy/policy.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail::command_policy {

class RootResolver final : public ProgramResolver {
 public:
  // A root or bind that cannot be opened is left out; making the sandbox will say so.
  explicit RootResolver(const model::SandboxSpec& spec);

  std::optional<Program> Find(std::string_view name, std::string_view search_path,
                              std::string_view cwd) const override;
  bool Writable(std::string_view path) const override;

 private:
  struct Mount {
    std::string target;  // "/" or an absolute path without a slash at its end.
    UniqueFd source;
  };
  std::optional<Program> Look(const std::string& path) const;
  UniqueFd OpenInside(const std::string& path, bool follow) const;
  void AddLinks(Program& program, const UniqueFd& file) const;

  std::vector<Mount> mounts_;  // The root first.
  std::vector<std::string> writable_;
};

}  // namespace fabro::jail::command_policy
