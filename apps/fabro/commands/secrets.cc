// `fabro secret list|set|rm` and `fabro provider login`: what the vault holds.
#include "../model_providers.h"
#include "../secret_input.h"
#include "../workflow_source.h"
#include "commands.h"
#include "fabro/agent/llm/providers.h"
#include "fabro/config/resolve.h"
#include "fabro/model/json.h"
#include "fabro/secrets/vault.h"

namespace fabro::cli {
namespace {

using model::Json;

fabro::Result<secrets::Vault> OpenVault() {
  if (HomeDir().empty()) {
    return Failure(Code::kFailedPrecondition, "HOME is not set, so there is no vault",
                   "home_missing");
  }
  return secrets::Vault::OfHome(HomeDir());
}

Status Set(const SecretSetOptions& options, Console& console) {
  secrets::Vault vault = TRY(OpenVault());
  secrets::Secret value(options.value);
  if (options.value.empty()) {
    value = TRY(ReadSecret(options.from_stdin, "value of " + options.name + ": ", "--value-stdin",
                           console));
  } else {
    console.Warn(
        "a value on the command line is seen by other processes and kept in the shell's "
        "history; use --value-stdin");
  }
  TRY(vault.Set({.name = options.name, .type = options.type, .description = options.description},
                value));
  console.Say("kept " + options.name + " in " + vault.path());
  return {};
}

Status List(Console& console) {
  const secrets::Vault vault = TRY(OpenVault());
  const std::vector<secrets::SecretInfo> list = TRY(vault.List());
  Json json = Json::MakeArray();
  for (const secrets::SecretInfo& info : list) {
    if (console.json()) {
      json.Push(Json::MakeObject()
                    .Set("name", info.name)
                    .Set("type", info.type)
                    .Set("description", info.description)
                    .Set("updated_at", info.updated_at));
    } else {
      console.Result(info.name + "  " + info.updated_at +
                     (info.type.empty() ? "" : "  " + Inert(info.type)) +
                     (info.description.empty() ? "" : "  " + Inert(info.description)));
    }
  }
  if (console.json()) console.Result(json.Dump());
  return {};
}

Status Remove(const SecretRmOptions& options, Console& console) {
  secrets::Vault vault = TRY(OpenVault());
  const bool was_there = TRY(vault.Remove(options.name));
  if (!was_there) {
    return Failure(Code::kNotFound, "no secret " + options.name, "secret_not_found",
                   "fabro secret list");
  }
  console.Say("removed " + options.name);
  return {};
}

Status Login(const ProviderLoginOptions& options, Console& console) {
  const config::LoadedLayers loaded =
      TRY(config::LoadLayers(std::nullopt, config::Flags(), Here()));
  const config::Settings settings = TRY(config::Resolve(loaded.layers));
  const llm::ProviderSetup setup = TRY(ProvidersOf(settings.llm_providers, CredentialsOf(".")));
  const std::vector<llm::ProviderInfo> providers = TRY(llm::ProvidersOf(setup));
  std::string names;
  for (const llm::ProviderInfo& provider : providers) {
    names += (names.empty() ? "" : ", ") + provider.id;
    if (provider.id != options.provider) continue;
    if (provider.key_names.empty()) {
      console.Say("provider " + provider.id + " needs no key");
      return {};
    }
    secrets::Vault vault = TRY(OpenVault());
    const secrets::Secret key = TRY(
        ReadSecret(options.from_stdin, "key of " + provider.id + ": ", "--api-key-stdin", console));
    TRY(vault.Set({.name = provider.key_names.front(),
                   .type = "credential",
                   .description = "key of " + provider.id},
                  key));
    console.Say("kept " + provider.key_names.front() + " in " + vault.path() +
                "; try it: fabro model test -p " + provider.id);
    return {};
  }
  return Failure(Code::kInvalidArgument, "unknown provider " + options.provider,
                 "llm_configuration", "one of " + names);
}

int Done(const Status& status, Console& console) {
  return status.ok() ? kOk : console.Fail(status.error());
}

}  // namespace

int Run(const SecretListOptions&, const GlobalOptions&, Console& console) {
  return Done(List(console), console);
}
int Run(const SecretSetOptions& options, const GlobalOptions&, Console& console) {
  return Done(Set(options, console), console);
}
int Run(const SecretRmOptions& options, const GlobalOptions&, Console& console) {
  return Done(Remove(options, console), console);
}
int Run(const ProviderLoginOptions& options, const GlobalOptions&, Console& console) {
  return Done(Login(options, console), console);
}

}  // namespace fabro::cli
