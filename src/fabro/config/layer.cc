#include "fabro/config/layer.h"

#include <array>
#include <utility>

#include "fabro/config/small_file.h"

namespace fabro::config {
namespace {

Entry FlagEntry(SettingValue value, std::string flag) {
  return {std::move(value), {LayerKind::kFlags, std::move(flag)}};
}

// "tokens=100000" is what "[run.budget] tokens = 100000" would be in a file.
Status AddBudget(const std::string& argument, Layer& layer) {
  const std::size_t equals = argument.find('=');
  const std::string key = argument.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
  const bool text = key == "wall" || key == "on_limit";
  const bool known = text || key == "tokens" || key == "cost_usd";
  const bool plain = !value.empty() && value.find_first_of("\"\\\n#") == std::string::npos;
  const std::string document =
      "[run.budget]\n" + key + " = " + (text ? "\"" + value + "\"" : value) + "\n";
  auto read = ReadLayer(LayerKind::kFlags, document, "--budget");
  const std::string path = "run.budget." + key;
  if (!known || !plain || !read || !read->entries.contains(path)) {
    return Failure(Code::kInvalidArgument, "'" + argument + "' is no budget", "bad_budget",
                   "write tokens=100000, cost_usd=2.5, wall=2h or on_limit=fail");
  }
  layer.entries[path] = FlagEntry(std::move(read->entries[path].value), "--budget");
  return {};
}

}  // namespace

Result<Layer> LoadLayer(LayerKind kind, const std::string& file) {
  Layer none;
  none.kind = kind;
  const std::optional<std::string> text = TRY(ReadSmallFile(file));
  if (!text) return none;
  auto layer = ReadLayer(kind, *text, file);
  if (layer) return *std::move(layer);
  std::string message;
  for (const Problem& problem : layer.error()) {
    if (!message.empty()) message += "\n";
    message += ToString(problem);
  }
  return Failure(Code::kInvalidArgument, std::move(message), "bad_settings");
}

Layer EnvironmentLayer(
    const std::function<std::optional<std::string>(const char* name)>& variable) {
  struct Variable {
    const char* name;
    const char* path;
  };
  constexpr std::array<Variable, 7> kVariables{{{"FABRO_ENVIRONMENT", "run.environment.id"},
                                                {"FABRO_GOAL", "run.goal"},
                                                {"FABRO_GOAL_FILE", "run.goal_file"},
                                                {"FABRO_WORKING_DIR", "run.working_dir"},
                                                {"FABRO_MODEL", "run.model.name"},
                                                {"FABRO_PROVIDER", "run.model.provider"},
                                                {"FABRO_PERMISSIONS", "run.agent.permissions"}}};
  Layer layer;
  layer.kind = LayerKind::kEnvironment;
  for (const Variable& known : kVariables) {
    auto text = variable(known.name);
    if (!text || text->empty()) continue;
    layer.entries[known.path] = {*std::move(text), {LayerKind::kEnvironment, known.name}};
  }
  return layer;
}

Result<Layer> FlagLayer(const Flags& flags) {
  Layer layer;
  layer.kind = LayerKind::kFlags;
  if (flags.goal && flags.goal_file) {
    return Failure(Code::kInvalidArgument, "--goal and --goal-file cannot both be given",
                   "flag_conflict");
  }
  if (flags.goal) layer.entries["run.goal"] = FlagEntry(*flags.goal, "--goal");
  if (flags.goal_file) layer.entries["run.goal_file"] = FlagEntry(*flags.goal_file, "--goal-file");
  if (flags.environment) {
    layer.entries["run.environment.id"] = FlagEntry(*flags.environment, "--environment");
  }
  if (flags.model) layer.entries["run.model.name"] = FlagEntry(*flags.model, "--model");
  if (flags.provider)
    layer.entries["run.model.provider"] = FlagEntry(*flags.provider, "--provider");
  if (flags.permissions) {
    layer.entries["run.agent.permissions"] = FlagEntry(*flags.permissions, "--permissions");
  }
  if (flags.auto_approve) {
    layer.entries["run.execution.approval"] = FlagEntry(std::string("auto"), "--auto-approve");
  }
  if (flags.dry_run) {
    layer.entries["run.execution.mode"] = FlagEntry(std::string("dry_run"), "--dry-run");
  }
  for (const std::string& argument : flags.budget) TRY(AddBudget(argument, layer));
  templates::Map inputs;
  for (const std::string& argument : flags.inputs) {
    auto input = TRY(ParseInput(argument));
    inputs.Set(std::move(input.first), std::move(input.second));
  }
  if (!inputs.members.empty()) layer.entries["run.inputs"] = FlagEntry(std::move(inputs), "-I");
  templates::Map labels;
  for (const std::string& argument : flags.labels) {
    const std::size_t equals = argument.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Failure(Code::kInvalidArgument, "'" + argument + "' is no label: it reads key=value",
                     "bad_label");
    }
    labels.Set(argument.substr(0, equals), argument.substr(equals + 1));
  }
  if (!labels.members.empty())
    layer.entries["run.labels"] = FlagEntry(std::move(labels), "--label");
  return layer;
}

}  // namespace fabro::config
