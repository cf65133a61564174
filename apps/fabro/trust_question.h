// What a repository's settings would do on this machine: shown, asked once, remembered.
#pragma once

#include <string>
#include <vector>

#include "console.h"
#include "fabro/base/result.h"
#include "fabro/config/trust.h"

namespace fabro::cli {

// ~/.fabro/trusted.toml. Save makes it 0600, by rename.
fabro::Result<config::TrustStore> LoadTrust();
Status SaveTrust(const config::TrustStore& store);

// On a terminal the user is asked, and a yes is remembered. Else kFailedPrecondition
// "untrusted_project", which lists what would happen.
Status RequireTrust(const std::vector<config::HostEffect>& effects, Console& console);

}  // namespace fabro::cli
