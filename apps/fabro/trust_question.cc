#include "trust_question.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "fabro/linux/file.h"
#include "workflow_source.h"

namespace fabro::cli {
namespace {

fabro::Result<std::string> TrustFile() {
  const std::string home = Here().home;
  if (home.empty()) {
    return Failure(Code::kFailedPrecondition, "there is no home directory to remember trust in",
                   "no_home", "set HOME, or give --trust for one run");
  }
  return home + "/.fabro/trusted.toml";
}

std::string Listed(const std::vector<config::HostEffect>& effects) {
  std::string text;
  for (const config::HostEffect& effect : effects) {
    text += "\n  " + Inert(effect.what) + "  (" + Inert(effect.place) + ")";
  }
  return text;
}

// One line of the terminal; only "y" and "yes" agree.
bool Agrees() {
  std::string line;
  char c = 0;
  while (::read(STDIN_FILENO, &c, 1) == 1 && c != '\n') line += c;
  return line == "y" || line == "Y" || line == "yes";
}

}  // namespace

fabro::Result<config::TrustStore> LoadTrust() {
  const std::string file = TRY(TrustFile());
  const auto text = ReadFile(file, 1_MiB);
  if (!text.ok() && text.error().sys_errno == ENOENT) return config::TrustStore();
  if (!text.ok()) return text.error();
  return config::TrustStore::Parse(*text, file);
}

Status SaveTrust(const config::TrustStore& store) {
  const std::string file = TRY(TrustFile());
  TRY(MakeDirs(file.substr(0, file.rfind('/')), 0700));
  return ReplaceFile(file, store.Encode(), 0600);
}

Status RequireTrust(const std::vector<config::HostEffect>& effects, Console& console) {
  if (effects.empty()) return {};
  config::TrustStore store = TRY(LoadTrust());
  const std::vector<config::HostEffect> missing = store.Missing(effects);
  if (missing.empty()) return {};
  const std::string& root = missing.front().root;
  if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1 && !console.json()) {
    console.Say("The settings of " + Inert(root) +
                " would do this on your machine:" + Listed(missing));
    console.Ask("Agree, now and in later runs? [y/N] ");
    if (Agrees()) {
      store.Agree(missing);
      return SaveTrust(store);
    }
  }
  return Failure(
      Code::kFailedPrecondition,
      "the settings of " + Inert(root) +
          " would do this on your machine, and nobody has agreed to it:" + Listed(missing),
      "untrusted_project",
      "read it, then: fabro trust " + root + ", or give --trust for this run alone");
}

}  // namespace fabro::cli
