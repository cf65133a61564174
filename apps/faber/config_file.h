// A configuration file of faber (isolation engine, section 1.1), as far as `faber run` has a flag
// for the key. Every other key is refused by name: a setting that would be ignored is a hole.
#pragma once

#include <string>
#include <string_view>

#include "apps/faber/run_request.h"
#include "fabro/base/result.h"

namespace fabro::faber {

// Lays the file's values over `base`. `name` begins each error, with line and column from 1:
// "faber.yaml:3:5: …"; reason "config_invalid" or "config_key_unknown". Relative paths in the file
// start at caller.cwd, which the caller sets to the file's directory.
Result<model::RunRequest> ReadConfig(std::string_view name, std::string_view text,
                                     model::RunRequest base, const Caller& caller);

}  // namespace fabro::faber
