// `fabro doctor`: is this machine ready, and if not, what to do.
#include <sys/stat.h>

#include <array>

#include "../checks.h"
#include "../following.h"
#include "../trust_question.h"
#include "../workflow_source.h"
#include "commands.h"
#include "fabro/config/resolve.h"
#include "fabro/jail/host/host_probe.h"
#include "fabro/runs/runs.h"

namespace fabro::cli {
namespace {

constexpr std::array<const char*, 8> kModelKeys = {
    "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY",  "GOOGLE_API_KEY",
    "KIMI_API_KEY",      "ZAI_API_KEY",    "MINIMAX_API_KEY", "INCEPTION_API_KEY"};

void CheckSettings(std::vector<Check>& checks) {
  auto layers = config::LoadLayers(std::nullopt, {}, Here());
  if (!layers.ok()) {
    checks.push_back(Failed("required", "settings", layers.error()));
    return;
  }
  const auto settings = config::Resolve(std::move(layers->layers));
  if (!settings.ok()) {
    checks.push_back(Failed("required", "settings", settings.error()));
    return;
  }
  checks.push_back(Pass("required", "settings", "fabro settings prints what holds"));
  for (const std::string& note : settings->notes) {
    checks.push_back(Warned("required", "settings", note, "write what the note says"));
  }
}

void CheckTrustFile(std::vector<Check>& checks) {
  const auto store = LoadTrust();
  if (!store.ok()) {
    checks.push_back(Failed("required", "trust", store.error()));
    return;
  }
  struct stat info{};
  const std::string file = Here().home + "/.fabro/trusted.toml";
  if (::stat(file.c_str(), &info) == 0 && (info.st_mode & 022U) != 0) {
    checks.push_back(
        Failed("required", "trust", file + " can be written by others", "chmod 600 " + file));
  } else if (!store->roots().empty()) {
    checks.push_back(
        Pass("required", "trust",
             std::to_string(store->roots().size()) + " directories: fabro trust --list"));
  }
}

void CheckRuns(const std::string& storage, std::vector<Check>& checks) {
  const auto runs = runs::List(storage);
  if (!runs.ok()) {
    checks.push_back(Failed("required", "runs", runs.error()));
    return;
  }
  std::size_t broken = 0;
  for (const runs::RunSummary& run : *runs) {
    if (run.broken) ++broken;
    const bool lost =
        !run.broken && !run.live &&
        (run.status == runs::RunStatus::kRunning || run.status == runs::RunStatus::kStarting);
    if (lost) {
      checks.push_back(Warned("required", "run " + run.ref.id.value(), "has lost its worker",
                              "fabro resume " + run.ref.id.value()));
    }
  }
  if (broken > 0) {
    checks.push_back(Warned("required", "runs", std::to_string(broken) + " cannot be read",
                            "fabro ps -a names them; fabro rm removes them"));
  } else {
    checks.push_back(Pass("required", "runs", std::to_string(runs->size()) + " in the store"));
  }
}

void CheckKeys(std::vector<Check>& checks) {
  const config::Credentials credentials = CredentialsOf(".");
  bool any = false;
  for (const char* name : kModelKeys) {
    const std::string source = credentials.SourceOf(name);
    if (source.empty()) continue;
    any = true;
    checks.push_back(Pass("credentials", name, "from " + source));
  }
  if (!any) {
    checks.push_back(Warned("credentials", "models", "there is no key of a model provider",
                            "set ANTHROPIC_API_KEY or another one, or put it into ~/.fabro/.env; "
                            "workflows of commands need none"));
  }
}

}  // namespace

int Run(const DoctorOptions& options, const GlobalOptions& global, Console& console) {
  std::vector<Check> checks;
  CheckSettings(checks);
  const fabro::Result<std::string> storage = StorageDir(global);
  if (storage.ok()) {
    CheckStorage(*storage, checks);
    CheckRuns(*storage, checks);
  } else {
    checks.push_back(Failed("required", "storage", storage.error()));
  }
  CheckTrustFile(checks);
  CheckGit(checks);
  if (!options.dry_run) {
    CheckNamespace(jail::ProbeHost(), model::Level::kMedium, /*required=*/false, checks);
  }
  CheckDotenv(".", checks);
  CheckKeys(checks);
  const bool ok = Report(checks, model::Json::MakeObject(), console);
  return ok ? kOk : kFailed;
}

}  // namespace fabro::cli
