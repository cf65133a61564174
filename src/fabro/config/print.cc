#include "fabro/config/settings.h"

namespace fabro::config {
namespace {

std::string Quoted(std::string_view text) { return templates::JsonOf(templates::Value(text)); }

std::string Shown(const std::vector<std::string>& texts) {
  templates::List list;
  for (const std::string& text : texts) list.emplace_back(text);
  return templates::JsonOf(templates::Value(std::move(list)));
}

class Printer {
 public:
  explicit Printer(const Settings& settings) : settings_(settings) {}
  std::string Run();

 private:
  // `path` is shown; the origin is that of `owner`, a path or the table that it lies in.
  void Line(std::string_view path, const std::string& value, std::string_view owner = {}) {
    text_ += std::string(path) + " = " + value + "  # " +
             settings_.OriginOf(owner.empty() ? path : owner).place + "\n";
  }
  void Show(std::string_view path, const std::string& text) { Line(path, Quoted(text)); }
  void Show(std::string_view path, bool flag) { Line(path, flag ? "true" : "false"); }
  void Show(std::string_view path, std::int64_t number) { Line(path, std::to_string(number)); }
  void Show(std::string_view path, ByteSize size) { Line(path, Quoted(ToString(size))); }
  void Show(std::string_view path, const std::vector<std::string>& texts) {
    Line(path, Shown(texts));
  }
  // Unset ones are left out.
  template <typename T>
  void Show(std::string_view path, const std::optional<T>& value) {
    if (value) Show(path, *value);
  }
  void Overrides(const EnvironmentOverrides& over);

  const Settings& settings_;
  std::string text_;
};

void Printer::Overrides(const EnvironmentOverrides& over) {
  Show("run.environment.resources.cpu", over.cpu);
  Show("run.environment.resources.memory", over.memory);
  Show("run.environment.resources.disk", over.disk);
  Show("run.environment.network.mode", over.network_mode);
  Show("run.environment.network.allow", over.network_allow);
  Show("run.environment.network.allow_hosts", over.network_allow_hosts);
  Show("run.environment.network.allow_ports", over.network_allow_ports);
  for (const auto& [name, value] : over.env) {
    // A value may be a secret; its name suffices here.
    Line("run.environment.env." + name, "\"***\"", "run.environment.env");
  }
  Show("run.environment.namespace.level", over.namespace_level);
  Show("run.environment.namespace.workspace", over.namespace_workspace);
  Show("run.environment.namespace.rootfs", over.namespace_rootfs);
  Show("run.environment.image.docker", over.image_docker);
  Show("run.environment.namespace.store", over.namespace_store);
  Show("run.environment.namespace.degrade", over.namespace_degrade);
  Show("run.environment.namespace.egress_ports", over.namespace_egress_ports);
  Show("run.environment.namespace.max_processes", over.namespace_max_processes);
  Show("run.environment.namespace.max_file_descriptors", over.namespace_max_file_descriptors);
  Show("run.environment.local.strict_env", over.local_strict_env);
  Show("run.environment.local.filter_explicit_env", over.local_filter_explicit_env);
}

std::string Printer::Run() {
  Show("workflow.graph", settings_.graph);
  Show("run.goal", settings_.goal);
  Show("run.goal_file", settings_.goal_file);
  Show("run.working_dir", settings_.working_dir);
  for (const templates::Member& input : settings_.inputs.members) {
    Line("run.inputs." + input.name, templates::JsonOf(input.value), "run.inputs");
  }
  for (const auto& [key, value] : settings_.labels) {
    Line("run.labels." + key, Quoted(value), "run.labels");
  }
  Show("run.environment.id", settings_.environment);
  Overrides(settings_.overrides);
  for (const PrepareStep& step : settings_.prepare_steps) {
    Line("run.prepare.steps", step.script.empty() ? Shown(step.command) : Quoted(step.script));
  }
  Show("run.checkpoint.exclude_globs", settings_.checkpoint_exclude_globs);
  Show("run.artifacts.include", settings_.artifact_include);
  Show("run.artifacts.result_limit", settings_.artifact_result_limit);
  Show("run.git.author.name", settings_.git_author_name);
  Show("run.git.author.email", settings_.git_author_email);
  Show("run.clone.enabled", settings_.clone_enabled);
  Show("run.auto_resume", settings_.auto_resume);
  Show("run.trust_local", settings_.trust_local);
  return std::move(text_);
}

}  // namespace

std::string Print(const Settings& settings) { return Printer(settings).Run(); }

}  // namespace fabro::config
