// docs/user/faber.md, from the tables that the program itself uses. A test holds the page to it.
#pragma once

#include <string>

namespace fabro::faber {

std::string ReferencePage();

}  // namespace fabro::faber
