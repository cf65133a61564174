#include "fabro/agent/tools/toolbox.h"

#include <algorithm>
#include <string>
#include <utility>

namespace fabro::agent {

std::string_view ToString(Category category) {
  switch (category) {
    case Category::kRead:
      return "read";
    case Category::kWrite:
      return "write";
    case Category::kShell:
      return "shell";
    case Category::kSubagent:
      return "subagent";
  }
  return "shell";
}

ToolResult ToolResult::Of(const Error& error) {
  std::string text = error.message;
  if (!error.fix.empty()) text += "; " + error.fix;
  return Fail(std::move(text), error.reason);
}

bool IsToolName(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (name.empty() || name.size() > 64 || !letter(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

Status Toolbox::Add(Tool tool) {
  if (!IsToolName(tool.name)) {
    return Failure(Code::kInvalidArgument, "\"" + tool.name + "\" is no name for a tool",
                   "tool_name_invalid");
  }
  for (Tool& known : tools_) {
    if (known.name != tool.name) continue;
    known = std::move(tool);
    return {};
  }
  tools_.push_back(std::move(tool));
  return {};
}

void Toolbox::Remove(std::string_view name) {
  std::erase_if(tools_, [&](const Tool& tool) { return tool.name == name; });
}

const Tool* Toolbox::Find(std::string_view name) const {
  const auto found = std::find_if(tools_.begin(), tools_.end(),
                                  [&](const Tool& tool) { return tool.name == name; });
  return found == tools_.end() ? nullptr : &*found;
}

Toolbox SandboxTools(Profile profile) {
  Toolbox box;
  const auto add = [&](Tool tool) { (void)box.Add(std::move(tool)); };  // The names are ours.
  add(ReadFileTool());
  if (profile == Profile::kGemini) add(ReadManyFilesTool());
  add(WriteFileTool());
  add(profile == Profile::kOpenAi ? ApplyPatchTool() : EditFileTool());
  add(DeleteFileTool());
  add(ShellTool());
  add(GrepTool());
  add(GlobTool());
  if (profile == Profile::kGemini) add(ListDirTool());
  return box;
}

}  // namespace fabro::agent
