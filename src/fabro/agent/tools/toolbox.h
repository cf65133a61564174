// The tools of a session, by name. Which there are follows the profile (agent, sections 4.2, 12).
#pragma once

#include <string_view>
#include <vector>

#include "fabro/agent/tools/tool.h"

namespace fabro::agent {

class Toolbox {
 public:
  // A later tool of the same name replaces the earlier. kInvalidArgument, "tool_name_invalid".
  Status Add(Tool tool);
  void Remove(std::string_view name);
  const Tool* Find(std::string_view name) const;
  const std::vector<Tool>& tools() const { return tools_; }

 private:
  std::vector<Tool> tools_;  // In the order in which a model is told of them.
};

// Those that act inside the sandbox.
Toolbox SandboxTools(Profile profile);

// One a function, so that each stands in the file of its kind.
Tool ReadFileTool();
Tool ReadManyFilesTool();
Tool WriteFileTool();
Tool EditFileTool();
Tool DeleteFileTool();
Tool ListDirTool();
Tool ApplyPatchTool();
Tool GrepTool();
Tool GlobTool();
Tool ShellTool();

}  // namespace fabro::agent
