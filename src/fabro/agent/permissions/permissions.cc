#include "fabro/agent/permissions/permissions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "fabro/agent/tools/guard.h"
#include "fabro/agent/tools/patch.h"

namespace fabro::agent {
namespace {

std::vector<std::string> PathsOf(const Tool& tool, const model::Json& arguments) {
  std::vector<std::string> paths;
  if (tool.name == "apply_patch") {
    const auto sections = ParsePatch(arguments.StringAt("patch"));
    if (!sections.ok()) return paths;  // It will not be applied either.
    for (const PatchSection& section : *sections) {
      paths.push_back(section.path);
      if (!section.move_to.empty()) paths.push_back(section.move_to);
    }
    return paths;
  }
  return {arguments.StringAt("file_path")};
}

bool IsBelow(std::string_view path, std::string_view directory) {
  return directory == "/" || (path.size() > directory.size() && path.starts_with(directory) &&
                              path[directory.size()] == '/');
}

bool StartsPrograms(const std::string& path, const std::string& directory) {
  if (path.find("/.git/") != std::string::npos || path.ends_with("/.git")) return true;
  return !IsBelow(path, directory) && !IsBelow(path, "/tmp");
}

}  // namespace

std::string_view ToString(Level level) {
  switch (level) {
    case Level::kReadOnly:
      return "read-only";
    case Level::kReadWrite:
      return "read-write";
    case Level::kFull:
      return "full";
  }
  return "full";
}

std::optional<Level> ParseLevel(std::string_view word) {
  for (const Level level : {Level::kReadOnly, Level::kReadWrite, Level::kFull}) {
    if (word == ToString(level)) return level;
  }
  return std::nullopt;
}

Level LevelFor(Category category) {
  if (category == Category::kWrite) return Level::kReadWrite;
  return category == Category::kShell ? Level::kFull : Level::kReadOnly;
}

bool Covers(Level level, Category category) { return level >= LevelFor(category); }

Permissions::Permissions(Level level, Approver approver)
    : level_(level), approver_(std::move(approver)) {}

std::shared_ptr<Permissions> Permissions::ForChild(std::shared_ptr<Permissions> parent) {
  auto child = std::make_shared<Permissions>(parent->level(), nullptr);
  child->parent_ = std::move(parent);
  return child;
}

Level Permissions::level() const {
  const Level above = parent_ ? parent_->level() : Level::kReadOnly;
  const std::lock_guard lock(mutex_);
  return std::max(level_, above);
}

void Permissions::Raise(Level level) {
  const std::lock_guard lock(mutex_);
  level_ = std::max(level_, level);
}

void Permissions::SetApprover(Approver approver) {
  const std::lock_guard lock(mutex_);
  approver_ = std::move(approver);
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as sub-agents nest.
Result<PermissionAnswer> Permissions::Ask(const PermissionQuestion& question) {
  if (parent_) return parent_->Ask(question);
  const std::lock_guard one(asking_);
  Approver approver;
  {
    const std::lock_guard lock(mutex_);
    approver = approver_;
  }
  if (!approver) {
    return Failure(Code::kPermissionDenied, "nobody can be asked", "nobody_to_ask");
  }
  return approver(question);
}

Result<PermissionVerdict> Permissions::Decide(const PermissionQuestion& question,
                                              const std::function<Status()>& announce) {
  PermissionVerdict verdict;
  verdict.allowed = Covers(level(), question.category);
  if (verdict.allowed) return verdict;
  const Permissions* root = this;
  while (root->parent_) root = root->parent_.get();
  bool reachable = false;
  {
    const std::lock_guard lock(root->mutex_);
    reachable = static_cast<bool>(root->approver_);
  }
  if (!reachable) {
    verdict.reason = "nobody can be asked for approval";
    return verdict;
  }
  TRY(announce());
  verdict.asked = true;
  auto answer = Ask(question);
  if (!answer.ok() && answer.error().code != Code::kPermissionDenied) return answer.error();
  if (!answer.ok()) {
    verdict.reason = answer.error().message;
    return verdict;
  }
  verdict.by = answer->by;
  verdict.allowed = answer->consent != Consent::kNo;
  if (!verdict.allowed) verdict.reason = "the user said no";
  if (answer->consent == Consent::kAlways) {
    verdict.raised = LevelFor(question.category);
    Raise(*verdict.raised);
  }
  return verdict;
}

Category CategoryOf(const Tool& tool, const model::Json& arguments, GuardedSandbox& place) {
  if (tool.category != Category::kWrite || place.Info().provider != "local") return tool.category;
  const std::string directory = place.RealPath(place.WorkingDirectory());
  for (const std::string& path : PathsOf(tool, arguments)) {
    // Where links lead counts, not what the path is called.
    if (StartsPrograms(place.RealPath(place.Normal(path)), directory)) return Category::kShell;
  }
  return Category::kWrite;
}

}  // namespace fabro::agent
