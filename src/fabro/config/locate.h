// Which files a run is made of: the WORKFLOW argument, the project, the machine's settings.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/config/layer.h"
#include "fabro/config/settings.h"

namespace fabro::config {

// Where one stands.
struct Surroundings {
  std::string cwd = ".";
  std::string home;  // Empty: no machine layer, no workflows of one's own.
  std::function<std::optional<std::string>(const char* name)> variable;  // getenv, or of a test.
};

struct WorkflowFiles {
  std::string toml;   // The workflow layer, or empty.
  std::string graph;  // As the argument names it, or the default; [workflow] graph wins over it.
};

// A path that ends in .fabro, .dot or .toml, or the name of a workflow in .fabro/workflows of this
// directory or one above, or in ~/.fabro/workflows. Error: workflow_missing, with names that are
// close.
Result<WorkflowFiles> FindWorkflow(std::string_view argument, const Surroundings& around);

// .fabro/project.toml of `cwd` or the nearest directory above, else fabro.toml, or empty.
std::string FindProjectFile(const std::string& cwd);

// Everything at once: find the files and read the layers. Without `workflow` there is no workflow
// layer. Old files (cli.toml, server.toml, fabro.toml) are read where the new one is missing, with
// a note.
struct LoadedLayers {
  WorkflowFiles files;
  std::vector<Layer> layers;
};
Result<LoadedLayers> LoadLayers(std::optional<std::string_view> workflow, const Flags& flags,
                                const Surroundings& around);

struct LoadedSettings {
  Settings settings;               // With `graph` set.
  std::string workflow_directory;  // Where "@path" of the graph starts.
};

// LoadLayers, and lays them over one another.
Result<LoadedSettings> Load(std::string_view workflow, const Flags& flags,
                            const Surroundings& around);

}  // namespace fabro::config
