// What a repository's own layers would start or read on this machine, and whether its user has
// agreed to that. A cloned repository's text may not choose such things by itself.
// Spec: run, section 2.2, "Trust".
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/config/settings.h"

namespace fabro::config {

struct HostEffect {
  std::string root;   // Real path of the repository, or of the directory of the file.
  std::string what;   // "MCP server db starts: [\"npx\", \"db\"]"; the same text: the same effect.
  std::string place;  // ".fabro/project.toml:3:1"; may move without a new question.

  friend bool operator==(const HostEffect&, const HostEffect&) = default;
};

// Hooks on the host, stdio MCP servers, an environment without isolation (`local_environment`: the
// one that the settings select is such), other addresses and keys for models, files outside of the
// repository, and variables and secrets of this machine. Files below `home`/.fabro are the user's
// own text and not a repository's.
std::vector<HostEffect> HostEffects(const Settings& settings, bool local_environment,
                                    const std::string& home);

// ~/.fabro/trusted.toml: the effects that were agreed to, by repository. The texts themselves are
// kept: one can read what one has agreed to, and anything new is asked for again.
class TrustStore {
 public:
  // kInvalidArgument "bad_trust_file".
  static Result<TrustStore> Parse(std::string_view text, const std::string& file);
  std::string Encode() const;

  // Those of `effects` that nobody has agreed to.
  std::vector<HostEffect> Missing(const std::vector<HostEffect>& effects) const;
  // Adds to what is agreed to for each root of `effects`.
  void Agree(const std::vector<HostEffect>& effects);
  bool Remove(const std::string& root);
  const std::map<std::string, std::vector<std::string>>& roots() const { return roots_; }

 private:
  std::map<std::string, std::vector<std::string>> roots_;
};

}  // namespace fabro::config
