// The vault of one user: names and secrets in one file, 0600 in directories 0700, replaced whole so
// that a crash leaves the old file or the new one. Spec: run 2.6, 3.
//
// The file is not encrypted: who may read the user's files may read it, as with ~/.ssh. A file that
// others may read, or that is not ours, is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/secrets/secret.h"

namespace fabro::secrets {

struct SecretInfo {
  std::string name{};
  std::string type{};  // "token", "credential"; as the user said.
  std::string description{};
  std::string updated_at{};  // RFC 3339.
  friend bool operator==(const SecretInfo&, const SecretInfo&) = default;
};

class Vault {
 public:
  // `directory` is made with the first Set: <home>/.fabro/vaults/default.
  explicit Vault(std::string directory) : directory_(std::move(directory)) {}
  static Vault OfHome(const std::string& home) { return Vault(home + "/.fabro/vaults/default"); }

  // Reads the file anew each time. Reasons: vault_permissions, vault_invalid.
  Result<std::optional<Secret>> Get(std::string_view name) const;
  // Without values, by name.
  Result<std::vector<SecretInfo>> List() const;

  // Names are [A-Za-z_][A-Za-z0-9_]*, at most 128 ("secret_name_invalid"); values UTF-8 without
  // NUL, not empty, at most 64 KiB ("secret_value_invalid"). Two at once wait for each other.
  // `type` and `description` that are empty stay as they are.
  Status Set(const SecretInfo& info, const Secret& value);
  // False: there was none.
  Result<bool> Remove(std::string_view name);

  std::string path() const { return directory_ + "/secrets.json"; }

 private:
  std::string directory_;
};

}  // namespace fabro::secrets
