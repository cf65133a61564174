// `faber config`: what is in force, and who said it. `faber validate FILE`: whether a file may be
// used.
#include <algorithm>

#include "apps/faber/commands/commands.h"
#include "apps/faber/config_print.h"
#include "apps/faber/settings_request.h"
#include "fabro/jail/command_policy/policy.h"

namespace fabro::faber {
namespace {

using config::engine::Finding;
using config::engine::Loaded;
using config::engine::Severity;

// What only the engine can say of values: the rules of the command policy.
void CheckRules(Loaded& loaded) {
  const Status rules = jail::command_policy::CheckPolicy(PolicyOf(loaded.settings));
  if (rules.ok()) return;
  loaded.findings.push_back({Severity::kError, rules.error().reason,
                             loaded.settings.Where("validation.blocked"), "", rules.error().message,
                             rules.error().fix});
}

bool Refused(const std::vector<Finding>& findings) {
  return std::ranges::any_of(findings,
                             [](const Finding& one) { return one.severity != Severity::kWarning; });
}

// YAML that cannot be read is another matter than a wrong value.
int StatusOf(const std::vector<Finding>& findings) {
  const bool syntax =
      std::ranges::any_of(findings, [](const Finding& one) { return one.code == "config_syntax"; });
  return syntax ? kExitUsage : kExitInvalid;
}

int Complain(const std::vector<Finding>& findings, int status) {
  const std::string text = FindingsText(findings);
  std::fwrite(text.data(), 1, text.size(), stderr);
  return status;
}

}  // namespace

int ConfigCommand(const Invocation& invocation) {
  const bool defaults = invocation.Has("--default");
  Loaded loaded;
  if (defaults) {
    loaded.settings = config::engine::Settings::Defaults();
  } else {
    const auto inputs = ReadInputs(invocation, OwnEnvironment());
    if (!inputs.ok()) return Fail(inputs.error(), kExitUsage);
    loaded = config::engine::Load(*inputs);
    CheckRules(loaded);
  }
  const bool wrong = std::ranges::any_of(
      loaded.findings, [](const Finding& one) { return one.severity == Severity::kError; });
  if (wrong) return Complain(loaded.findings, StatusOf(loaded.findings));
  (void)Complain(loaded.findings, kExitOk);
  if (invocation.Has("--json")) return Print(SettingsJson(loaded.settings).Dump() + "\n");
  return Print(SettingsYaml(loaded.settings));
}

int ValidateCommand(const Invocation& invocation) {
  if (invocation.positionals.size() != 1) {
    return Fail(Failure(Code::kInvalidArgument, "one file is expected", "usage",
                        "write faber validate FILE"),
                kExitUsage);
  }
  const std::string& file = invocation.positionals.front();
  auto text = ReadConfigFile(file);
  if (!text.ok()) return Fail(text.error(), kExitUsage);
  config::engine::Inputs inputs;
  inputs.file_name = file;
  inputs.file_text = *std::move(text);
  Loaded loaded = config::engine::Load(inputs);
  CheckRules(loaded);
  const bool refused = Refused(loaded.findings);
  const int status = refused ? StatusOf(loaded.findings) : kExitOk;
  if (invocation.Has("--json")) {
    const model::Json json = model::Json::MakeObject()
                                 .Set("file", file)
                                 .Set("valid", !refused)
                                 .Set("findings", FindingsJson(loaded.findings));
    return Print(json.Dump() + "\n", status);
  }
  (void)Complain(loaded.findings, status);
  if (refused) return status;
  return Print(file + ": valid\n");
}

}  // namespace fabro::faber
