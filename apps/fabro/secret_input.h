// Secrets as a person or a pipe gives them: never an argument, never echoed.
#pragma once

#include <string>
#include <string_view>

#include "console.h"
#include "fabro/base/result.h"
#include "fabro/secrets/secret.h"

namespace fabro::cli {

// From standard input up to its end (`from_stdin`; one line end at its end is dropped), or from the
// terminal without echo after `prompt`. kInvalidArgument "secret_missing": neither, naming `flag`.
Result<secrets::Secret> ReadSecret(bool from_stdin, std::string_view prompt, std::string_view flag,
                                   Console& console);

}  // namespace fabro::cli
