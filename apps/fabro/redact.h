// What must not stand in an event, whatever a model or a command says: the values of keys and
// tokens that this program and its sandboxes were given.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "fabro/config/dotenv.h"
#include "fabro/model/json.h"

namespace fabro::cli {

// Takes each value out of a text and puts "***" there: variables of this process with the name of a
// secret, keys of models, and what `env` (a sandbox's own, filled in) has of such. Values under
// eight bytes stay: taking them out would say more than it hides.
std::function<std::string(std::string)> RedactorOf(const model::Json& settings,
                                                   const config::Credentials& credentials,
                                                   const std::map<std::string, std::string>& env);

}  // namespace fabro::cli
