#include "fabro/config/locate.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "fabro/base/nearest.h"
#include "fabro/config/resolve.h"
#include "fabro/config/schema.h"

namespace fabro::config {
namespace {

namespace fs = std::filesystem;

bool Exists(const fs::path& path) {
  std::error_code failed;
  return fs::exists(path, failed);
}

// A name is one component of a path; "..", "a/b" and the empty text are none.
bool IsName(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.find('/') == std::string_view::npos;
}

// The nearest directory at or above `cwd` that holds `below`, or empty.
fs::path FindUpwards(const std::string& cwd, const fs::path& below) {
  std::error_code failed;
  fs::path at = fs::absolute(cwd, failed).lexically_normal();
  if (failed) return {};
  for (;; at = at.parent_path()) {
    if (Exists(at / below)) return at;
    if (at == at.parent_path()) return {};
  }
}

std::vector<fs::path> WorkflowFolders(const Surroundings& around) {
  std::vector<fs::path> folders;
  const fs::path project = FindUpwards(around.cwd, ".fabro/workflows");
  if (!project.empty()) folders.push_back(project / ".fabro/workflows");
  if (!around.home.empty()) folders.push_back(fs::path(around.home) / ".fabro/workflows");
  return folders;
}

std::string CloseNames(std::string_view name, const std::vector<fs::path>& folders) {
  constexpr std::size_t kShown = 8;
  std::set<std::pair<std::size_t, std::string>> known;  // By distance.
  for (const fs::path& folder : folders) {
    std::error_code failed;
    for (fs::directory_iterator at(folder, failed), end; !failed && at != end;
         at.increment(failed)) {
      const std::string found = at->path().filename().string();
      if (IsName(found)) known.emplace(EditDistance(name, found, 64), found);
    }
  }
  std::string names;
  for (const auto& [distance, found] : known) {
    if (std::count(names.begin(), names.end(), ',') + 1 >= static_cast<std::ptrdiff_t>(kShown)) {
      break;
    }
    names += (names.empty() ? "" : ", ") + found;
  }
  return names;
}

// The graph that stands beside a workflow.toml which names none.
std::string DefaultGraph(const fs::path& folder) {
  const fs::path graph = folder / "workflow.fabro";
  const fs::path older = folder / "workflow.dot";
  return (!Exists(graph) && Exists(older) ? older : graph).string();
}

// ~/.fabro/settings.toml, or what it was called before.
Status AddMachine(const fs::path& folder, std::vector<Layer>& layers) {
  const std::string file = (folder / "settings.toml").string();
  if (Exists(file)) {
    auto machine = TRY(LoadLayer(LayerKind::kMachine, file));
    layers.push_back(std::move(machine));
    return {};
  }
  for (const char* older : {"server.toml", "cli.toml"}) {
    const std::string old_file = (folder / older).string();
    if (!Exists(old_file)) continue;
    auto machine = TRY(LoadLayer(LayerKind::kMachine, old_file));
    machine.notes.push_back(old_file + ": old name, its keys belong into " + file);
    layers.push_back(std::move(machine));
  }
  return {};
}

}  // namespace

std::string FindProjectFile(const std::string& cwd) {
  const fs::path project = FindUpwards(cwd, ".fabro/project.toml");
  if (!project.empty()) return (project / ".fabro/project.toml").string();
  const fs::path older = FindUpwards(cwd, "fabro.toml");
  return older.empty() ? std::string() : (older / "fabro.toml").string();
}

Result<WorkflowFiles> FindWorkflow(std::string_view argument, const Surroundings& around) {
  const fs::path path = fs::path(around.cwd) / argument;
  const std::string suffix = path.extension().string();
  if (suffix == ".fabro" || suffix == ".dot" || suffix == ".toml") {
    const std::string shown = path.lexically_normal().string();
    if (!Exists(path)) {
      return Failure(Code::kNotFound, "the workflow '" + shown + "' does not exist",
                     "workflow_missing");
    }
    if (suffix != ".toml") return WorkflowFiles{{}, shown};
    return WorkflowFiles{shown, DefaultGraph(path.parent_path().lexically_normal())};
  }
  const auto folders = WorkflowFolders(around);
  if (IsName(argument)) {
    for (const fs::path& folder : folders) {
      const fs::path own = folder / argument;
      if (Exists(own / "workflow.toml")) {
        return WorkflowFiles{(own / "workflow.toml").string(), DefaultGraph(own)};
      }
      if (Exists(own / "workflow.fabro")) {
        return WorkflowFiles{{}, (own / "workflow.fabro").string()};
      }
    }
  }
  const std::string names = CloseNames(argument, folders);
  return Failure(Code::kNotFound, "there is no workflow '" + std::string(argument) + "'",
                 "workflow_missing",
                 names.empty() ? "give the path of a .fabro file"
                               : "workflows here are " + names + "; or give the path of a file");
}

Result<LoadedLayers> LoadLayers(std::optional<std::string_view> workflow, const Flags& flags,
                                const Surroundings& around) {
  LoadedLayers loaded;
  if (workflow) loaded.files = TRY(FindWorkflow(*workflow, around));
  if (!around.home.empty()) TRY(AddMachine(around.home + "/.fabro", loaded.layers));
  const std::string project_file = FindProjectFile(around.cwd);
  if (!project_file.empty()) {
    auto project = TRY(LoadLayer(LayerKind::kProject, project_file));
    if (project_file.ends_with("/fabro.toml")) {
      project.notes.push_back(project_file + ": old place, move it to .fabro/project.toml");
    }
    loaded.layers.push_back(std::move(project));
  }
  if (!loaded.files.toml.empty()) {
    auto own = TRY(LoadLayer(LayerKind::kWorkflow, loaded.files.toml));
    loaded.layers.push_back(std::move(own));
  }
  if (around.variable) loaded.layers.push_back(EnvironmentLayer(around.variable));
  auto given = TRY(FlagLayer(flags));
  loaded.layers.push_back(std::move(given));
  return loaded;
}

Result<LoadedSettings> Load(std::string_view workflow, const Flags& flags,
                            const Surroundings& around) {
  auto found = TRY(LoadLayers(workflow, flags, around));
  const WorkflowFiles& files = found.files;
  LoadedSettings loaded;
  auto settings = TRY(Resolve(std::move(found.layers)));
  loaded.settings = std::move(settings);
  std::optional<std::string>& graph = loaded.settings.graph;
  // [workflow] means the file that names it: it is no default for other workflows.
  if (files.toml.empty() ||
      loaded.settings.OriginOf("workflow.graph").layer != LayerKind::kWorkflow) {
    graph = files.graph;
    loaded.settings.origins.erase("workflow.graph");
  } else if (!Exists(*graph)) {
    const fs::path older = fs::path(*graph).replace_extension(".dot");
    if (Exists(older)) graph = older.string();
  }
  loaded.workflow_directory = fs::path(*graph).parent_path().string();
  if (loaded.workflow_directory.empty()) loaded.workflow_directory = ".";
  return loaded;
}

}  // namespace fabro::config
