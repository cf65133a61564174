// What `faber check` prints about a HostReport. Pure.
#pragma once

#include <string>

#include "apps/faber/help.h"
#include "fabro/jail/host/host_report.h"
#include "fabro/model/json.h"

namespace fabro::faber {

std::string CheckText(const jail::HostReport& report, model::Level level, Style style);

// {kernel, identity, level, available, obstacles, layers: [{layer, state, needed_by, detail, errno,
// fix}]}
model::Json CheckJson(const jail::HostReport& report, model::Level level);

}  // namespace fabro::faber
