// Lists of tables: [[run.prepare.steps]], [[run.hooks]], and the models to fall back to.
#include <array>
#include <utility>

#include "fabro/base/nearest.h"
#include "fabro/config/read_layer.h"

namespace fabro::config {
namespace {

using Kind = TomlValue::Kind;

constexpr auto kHookEvents = std::to_array<std::string_view>(
    {"run_start", "run_complete", "run_failed", "stage_start", "stage_complete", "stage_failed",
     "stage_retrying", "edge_selected", "parallel_start", "parallel_complete", "sandbox_ready",
     "sandbox_cleanup", "checkpoint_saved", "pre_tool_use", "post_tool_use",
     "post_tool_use_failure"});
constexpr auto kHookKeys = std::to_array<std::string_view>(
    {"id", "name", "event", "events", "type", "script", "command", "url", "headers",
     "allowed_env_vars", "tls", "prompt", "model", "max_tool_rounds", "matcher", "blocking",
     "timeout", "timeout_ms", "sandbox"});

template <std::size_t N>
bool IsOneOf(std::string_view word, const std::array<std::string_view, N>& words) {
  for (const std::string_view known : words) {
    if (word == known) return true;
  }
  return false;
}

std::optional<Nanos> SpanOf(const TomlValue& value) {
  if (value.kind != Kind::kString) return std::nullopt;
  const auto span = ParseDuration(TextOf(value));
  return span.ok() ? std::optional<Nanos>(*span) : std::nullopt;
}

std::optional<Nanos> MillisecondsOf(const TomlValue& value) {
  constexpr std::int64_t kDay = 86'400'000;
  if (value.kind != Kind::kInteger) return std::nullopt;
  const std::int64_t count = std::get<std::int64_t>(value.scalar.data);
  if (count < 1 || count > kDay) return std::nullopt;
  return std::chrono::milliseconds(count);
}

// Takes the value when it has the type of `into`.
bool Take(const TomlValue& value, std::string& into) {
  if (value.kind != Kind::kString) return false;
  into = TextOf(value);
  return true;
}
bool Take(const TomlValue& value, std::vector<std::string>& into) {
  auto texts = TextsOf(value);
  if (!texts) return false;
  into = *std::move(texts);
  return true;
}
bool Take(const TomlValue& value, std::map<std::string, std::string>& into) {
  auto texts = TextMapOf(value);
  if (!texts) return false;
  into = *std::move(texts);
  return true;
}
bool Take(const TomlValue& value, bool& into) {
  if (value.kind != Kind::kBoolean) return false;
  into = std::get<bool>(value.scalar.data);
  return true;
}
bool Take(const TomlValue& value, std::optional<Nanos> span, Nanos& into) {
  (void)value;
  if (span) into = *span;
  return span.has_value();
}

// A string or a list of strings.
bool TakeEvents(const TomlValue& value, std::vector<std::string>& into) {
  std::string one;
  if (!Take(value, one)) return Take(value, into);
  into = {std::move(one)};
  return true;
}

bool TakeHookKey(const std::string& key, const TomlValue& value, Hook& hook) {
  if (key == "id") return Take(value, hook.id) && !hook.id.empty();
  if (key == "name") return Take(value, hook.name);
  if (key == "event" || key == "events") return TakeEvents(value, hook.events);
  if (key == "type") return Take(value, hook.type);
  if (key == "script") return Take(value, hook.script);
  if (key == "command") return Take(value, hook.command);
  if (key == "url") return Take(value, hook.url);
  if (key == "headers") return Take(value, hook.headers);
  if (key == "allowed_env_vars") return Take(value, hook.allowed_env_vars);
  if (key == "tls") return Take(value, hook.tls);
  if (key == "prompt") return Take(value, hook.prompt);
  if (key == "model") return Take(value, hook.model);
  if (key == "matcher") return Take(value, hook.matcher);
  if (key == "sandbox") return Take(value, hook.sandbox);
  if (key == "timeout") return Take(value, SpanOf(value), hook.timeout);
  if (key == "timeout_ms") return Take(value, MillisecondsOf(value), hook.timeout);
  if (key == "blocking") {
    bool blocking = false;
    if (!Take(value, blocking)) return false;
    hook.blocking = blocking;
    return true;
  }
  if (value.kind != Kind::kInteger) return false;  // max_tool_rounds
  hook.max_tool_rounds = std::get<std::int64_t>(value.scalar.data);
  return hook.max_tool_rounds > 0;
}

// What is wrong with a hook whose keys are well typed, or empty.
std::string FaultOf(const Hook& hook) {
  if (hook.events.empty()) return "'event' says when the hook runs";
  for (const std::string& event : hook.events) {
    if (!IsOneOf(event, kHookEvents)) return "there is no event '" + event + "'";
  }
  if (hook.tls != "verify" && hook.tls != "no_verify" && hook.tls != "off") {
    return "'tls' is verify, no_verify or off";
  }
  if (hook.type == "command") {
    return hook.script.empty() == hook.command.empty() ? "a hook has either 'script' or 'command'"
                                                       : "";
  }
  if (hook.type == "http") {
    if (hook.url.empty()) return "a hook of type http has a 'url'";
    const bool plain = hook.url.starts_with("http://");
    if (plain && hook.tls != "off") return "the url is https, or 'tls' is \"off\"";
    return plain || hook.url.starts_with("https://") ? "" : "the url begins with https://";
  }
  if (hook.type == "prompt" || hook.type == "agent") {
    return hook.prompt.empty() ? "a hook of type " + hook.type + " has a 'prompt'" : "";
  }
  return "'type' is command, http, prompt or agent";
}

}  // namespace

bool LayerReader::Step(const TomlValue& value, const std::string& path, PrepareStep& step) {
  for (const auto& [key, member] : value.members) {
    bool good = false;
    if (key == "script") {
      good = Take(member, step.script);
    } else if (key == "timeout") {
      good = Take(member, SpanOf(member), step.timeout);
    } else if (key == "command") {
      good = Take(member, step.command);
    } else if (key == "env") {
      good = Take(member, step.env);
    }
    if (good) continue;
    Report(member, path + "." + key, "this key or its type is unknown",
           "a step has script or command, and env and timeout");
    return false;
  }
  return true;
}

void LayerReader::Steps(const TomlValue& value, const std::string& path) {
  if (value.kind != Kind::kList) {
    return Report(value, path, "a list of tables is expected", "write [[run.prepare.steps]]");
  }
  std::vector<PrepareStep> steps;
  for (const TomlValue& item : value.items) {
    PrepareStep step;
    if (item.kind != Kind::kTable) return Report(item, path, "a table is expected");
    if (!Step(item, path, step)) return;
    if (step.script.empty() == step.command.empty()) {
      return Report(item, path, "a step has either 'script' or 'command'");
    }
    steps.push_back(std::move(step));
  }
  Set(value, path, std::move(steps));
}

// V1's [setup]: commands of the shell, and one limit for each of them.
void LayerReader::OldSetup(const TomlValue& value, const std::string& path) {
  if (path == "setup.timeout_ms") {
    old_setup_timeout_ = MillisecondsOf(value);
    if (!old_setup_timeout_) Report(value, path, "milliseconds, 1 to 86400000, are expected");
    return;
  }
  const auto scripts = TextsOf(value);
  if (!scripts) return Report(value, path, "a list of strings is expected");
  std::vector<PrepareStep> steps;
  for (const std::string& script : *scripts) {
    steps.emplace_back().script = script;
  }
  Set(value, "run.prepare.steps", std::move(steps));
}

void LayerReader::FallbackModels(const TomlValue& value, const std::string& path) {
  Fallbacks fallbacks;
  if (value.kind == Kind::kList) {
    auto all = TextsOf(value);
    if (!all) return Report(value, path, "a list of strings is expected");
    fallbacks.all = *std::move(all);
    return Set(value, path, std::move(fallbacks));
  }
  if (value.kind != Kind::kTable) {
    return Report(value, path, "a list of models, or a table of such lists, is expected");
  }
  for (const auto& [model, list] : value.members) {
    auto models = TextsOf(list);
    if (!models) return Report(list, path + "." + model, "a list of strings is expected");
    fallbacks.of_model[model] = *std::move(models);
  }
  Set(value, path, std::move(fallbacks));
}

bool LayerReader::HookOf(const TomlValue& value, const std::string& path, Hook& hook) {
  for (const auto& [key, member] : value.members) {
    if (!IsOneOf(key, kHookKeys)) {
      const std::string_view nearest = NearestWord(key, kHookKeys);
      Report(member, path + "." + key, "unknown key",
             nearest.empty() ? "" : "did you mean '" + std::string(nearest) + "'?");
      return false;
    }
    if (TakeHookKey(key, member, hook)) continue;
    Report(member, path + "." + key, "has another type, or is out of range");
    return false;
  }
  return true;
}

void LayerReader::Hooks(const TomlValue& value, const std::string& path) {
  if (value.kind != Kind::kList) {
    return Report(value, path, "a list of tables is expected", "write [[run.hooks]]");
  }
  std::vector<Hook> hooks;
  for (const TomlValue& item : value.items) {
    Hook hook;
    if (item.kind != Kind::kTable) return Report(item, path, "a table is expected");
    if (!HookOf(item, path, hook)) return;
    std::string fault = FaultOf(hook);
    if (!fault.empty()) return Report(item, path, std::move(fault));
    if (hook.id.empty()) hook.id = hook.name;  // V1 knew them by name.
    hook.origin = OriginOf(item);
    hooks.push_back(std::move(hook));
  }
  Set(value, path, std::move(hooks));
}

}  // namespace fabro::config
