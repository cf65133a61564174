// apply_patch: all sections are computed before the first file changes.
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "fabro/agent/tools/guard.h"
#include "fabro/agent/tools/patch.h"
#include "fabro/agent/tools/schema.h"
#include "fabro/agent/tools/toolbox.h"

namespace fabro::agent {
namespace {

using model::Json;

constexpr std::size_t kShownFile = 6'000;  // Characters of a file in the message of a mismatch.

// What the patch makes of the files, without touching one.
class Plan {
 public:
  explicit Plan(GuardedSandbox& place) : place_(place) {}

  Status Add(const PatchSection& section) {
    switch (section.kind) {
      case PatchSection::Kind::kAdd:
        return AddFile(section);
      case PatchSection::Kind::kDelete:
        return DeleteFile(section);
      case PatchSection::Kind::kUpdate:
        return UpdateFile(section);
    }
    return {};
  }

  // The files in the order of their paths; what was done so far is in `done` on an error.
  Status Write(std::vector<std::string>& done) {
    for (const auto& [path, content] : files_) {
      const bool there = TRY(place_.FileExists(path));
      if (!content && !there) continue;  // Added and deleted by the same patch.
      TRY(content ? place_.WriteFile(path, *content) : place_.DeleteFile(path));
      done.push_back(path);
    }
    return {};
  }

  const std::string& report() const { return report_; }

 private:
  Result<bool> Exists(const std::string& path) {
    const auto planned = files_.find(path);
    if (planned != files_.end()) return planned->second.has_value();
    return place_.FileExists(path);
  }

  Status MustNotExist(const std::string& path) {
    const bool exists = TRY(Exists(path));
    if (!exists) return {};
    return Failure(Code::kAlreadyExists, path + " exists; update it instead", "file_exists");
  }

  Status AddFile(const PatchSection& section) {
    const std::string path = place_.Normal(section.path);
    TRY(MustNotExist(path));
    files_[path] = section.content;
    report_ += "A " + section.path + "\n";
    return {};
  }

  Status DeleteFile(const PatchSection& section) {
    const std::string path = place_.Normal(section.path);
    const bool exists = TRY(Exists(path));
    if (!exists) {
      return Failure(Code::kNotFound, section.path + " does not exist", "file_not_found");
    }
    TRY(place_.MayReplace(path));
    files_[path] = std::nullopt;
    report_ += "D " + section.path + "\n";
    return {};
  }

  Result<std::string> Content(const std::string& path) {
    const auto planned = files_.find(path);
    if (planned == files_.end()) return place_.ReadFile(path);
    if (planned->second) return *planned->second;
    return Failure(Code::kNotFound, path + " is deleted by this patch", "file_not_found");
  }

  Status UpdateFile(const PatchSection& section) {
    const std::string path = place_.Normal(section.path);
    const std::string content = TRY(Content(path));
    auto changed = ApplyHunks(content, section.hunks);
    if (!changed.ok()) {
      Error error = std::move(changed).error();
      error.message = section.path + ": " + error.message + "\nThe file reads:\n" +
                      ToUtf8(FirstCharacters(content, kShownFile));
      return error;
    }
    if (section.move_to.empty()) {
      files_[path] = *std::move(changed);
      report_ += "M " + section.path + "\n";
      return {};
    }
    const std::string target = place_.Normal(section.move_to);
    if (target != path) TRY(MustNotExist(target));
    files_[path] = std::nullopt;
    files_[target] = *std::move(changed);
    report_ += "M " + section.path + " -> " + section.move_to + "\n";
    return {};
  }

  GuardedSandbox& place_;
  std::map<std::string, std::optional<std::string>> files_;  // None: deleted.
  std::string report_;
};

ToolResult ApplyPatch(const Json& arguments, ToolContext& context) {
  const auto sections = ParsePatch(arguments.StringAt("patch"));
  if (!sections.ok()) return ToolResult::Of(sections.error());
  const auto lock = context.place.LockWrites();
  Plan plan(context.place);
  for (const PatchSection& section : *sections) {
    const Status planned = plan.Add(section);
    if (!planned.ok()) {
      ToolResult result = ToolResult::Of(planned.error());
      result.output += "\nNo file was changed.";
      return result;
    }
  }
  std::vector<std::string> done;
  const Status written = plan.Write(done);
  if (written.ok()) {
    ToolResult result = ToolResult::Text(plan.report());
    result.touched = std::move(done);
    return result;
  }
  ToolResult result = ToolResult::Of(written.error());
  result.output += done.empty() ? "\nNo file was changed." : "\nChanged before that:";
  for (const std::string& path : done) result.output += "\n" + path;
  result.touched = std::move(done);
  return result;
}

}  // namespace

Tool ApplyPatchTool() {
  ObjectSchema schema;
  schema.Required(
      "patch", "string",
      "From \"*** Begin Patch\" to \"*** End Patch\", with sections \"*** Add File: p\" "
      "(lines begin with +), \"*** Delete File: p\", \"*** Update File: p\" (optionally "
      "\"*** Move to: q\"; hunks begin with @@ and an optional line to look for, their "
      "lines with a blank, - or +).");
  return {.name = "apply_patch",
          .description =
              "Adds, updates, moves and deletes files by a patch. Either all of it "
              "applies or no file changes.",
          .category = Category::kWrite,
          .parameters = schema.Build(),
          .limit = {.characters = 10'000, .mode = OutputLimit::Mode::kTail},
          .run = ApplyPatch};
}

}  // namespace fabro::agent
