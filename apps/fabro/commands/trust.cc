// `fabro trust [DIR] [--list] [--remove]`.
#include <filesystem>

#include "../trust_question.h"
#include "../workflow_source.h"
#include "commands.h"
#include "fabro/config/resolve.h"

namespace fabro::cli {
namespace {

namespace fs = std::filesystem;

// The settings of a directory with one of its workflows, or without any.
Status AddEffects(const config::Surroundings& around, std::optional<std::string_view> workflow,
                  std::vector<config::HostEffect>& effects) {
  config::LoadedLayers loaded = TRY(config::LoadLayers(workflow, {}, around));
  const config::Settings settings = TRY(config::Resolve(std::move(loaded.layers)));
  const bool local = settings.environment == "local";
  for (config::HostEffect& effect : config::HostEffects(settings, local, around.home)) {
    effects.push_back(std::move(effect));
  }
  return {};
}

// Of project.toml, and of each run.toml or workflow.toml that a user would name from there.
fabro::Result<std::vector<config::HostEffect>> EffectsOf(const std::string& directory) {
  config::Surroundings around = Here();
  around.cwd = directory;
  std::vector<config::HostEffect> effects;
  TRY(AddEffects(around, std::nullopt, effects));
  std::vector<fs::path> files;
  std::error_code failed;
  for (const fs::path& folder : {fs::path(directory), fs::path(directory) / ".fabro/workflows"}) {
    for (fs::directory_iterator at(folder, failed), end; !failed && at != end;
         at.increment(failed)) {
      const fs::path path = at->path();
      if (path.extension() == ".toml" && path.filename() != "fabro.toml") files.push_back(path);
      if (fs::exists(path / "workflow.toml", failed)) files.push_back(path / "workflow.toml");
    }
  }
  for (const fs::path& file : files) {
    // Other programs' TOML lies in the same folders.
    if (!config::LoadLayer(config::LayerKind::kWorkflow, file.string()).ok()) continue;
    TRY(AddEffects(around, fs::absolute(file).string(), effects));
  }
  return effects;
}

int List(const config::TrustStore& store, Console& console) {
  for (const auto& [root, entries] : store.roots()) {
    if (console.json()) {
      model::Json one = model::Json::MakeObject();
      console.Result(one.Set("path", root).Set("entries", model::Json::Strings(entries)).Dump());
      continue;
    }
    console.Result(Inert(root));
    for (const std::string& entry : entries) console.Result("  " + Inert(entry));
  }
  if (store.roots().empty()) console.Say("nothing was agreed to");
  return kOk;
}

fabro::Result<std::vector<config::HostEffect>> Agree(const std::string& directory,
                                                     config::TrustStore& store) {
  auto effects = TRY(EffectsOf(directory));
  store.Agree(effects);
  TRY(SaveTrust(store));
  return effects;
}

}  // namespace

int Run(const TrustOptions& options, const GlobalOptions& /*global*/, Console& console) {
  fabro::Result<config::TrustStore> store = LoadTrust();
  if (!store.ok()) return console.Fail(store.error());
  if (options.list) return List(*store, console);
  std::error_code failed;
  const std::string directory = fs::canonical(options.directory, failed).string();
  if (failed) {
    return console.Fail(SysFailureOf(failed.value(), "open", options.directory));
  }
  if (options.remove) {
    const bool known = store->Remove(directory) || store->Remove(config::ProjectRoot(directory));
    const Status saved = SaveTrust(*store);
    if (!saved.ok()) return console.Fail(saved.error());
    console.Say(known ? "no longer trusted: " + directory : directory + " was not trusted");
    return kOk;
  }
  const auto effects = Agree(directory, *store);
  if (!effects.ok()) return console.Fail(effects.error());
  for (const config::HostEffect& effect : *effects) {
    console.Result(Inert(effect.what) + "  (" + Inert(effect.place) + ")");
  }
  console.Say(effects->empty() ? "the settings of " + directory + " do nothing on this machine"
                               : "trusted; no longer: fabro trust --remove " + directory);
  return kOk;
}

}  // namespace fabro::cli
