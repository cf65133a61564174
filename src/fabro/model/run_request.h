// One command in a sandbox made for it: what `faber run` asks for, before anything is resolved.
#pragma once

#include "fabro/model/sandbox.h"

namespace fabro::model {

struct RunRequest {
  SandboxSpec sandbox;
  ExecSpec exec;
  friend bool operator==(const RunRequest&, const RunRequest&) = default;
};

}  // namespace fabro::model
