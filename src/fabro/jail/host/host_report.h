// What this machine can do for a sandbox, layer by layer, as observed by trying it (isolation
// engine, sections 5.1 and 12). A pure value; host_probe.h makes it, `faber check` shows it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/error.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail {

enum class Availability { kOk, kMissing, kNotBuilt };

// "ok", "missing", "not yet built".
std::string_view ToString(Availability availability);

// From which level on a sandbox cannot be had without the layer.
enum class Need { kOptional, kMedium, kHigh };

struct Finding {
  std::string layer;  // Stable word: "user_namespace", "cgroup.memory".
  Availability state = Availability::kOk;
  Need need = Need::kOptional;
  std::string detail = {};  // What was seen, one line.
  int sys_errno = 0;        // Of the call that failed.
  std::string fix = {};     // One thing to do about it, when missing.
};

struct HostReport {
  std::string kernel;    // "Linux 6.1.0-56-amd64 x86_64".
  std::string identity;  // "root", "root without CAP_SYS_RESOURCE", "uid 1000".
  std::vector<Finding> findings;
};

Finding Ok(std::string layer, Need need, std::string detail);
Finding Missing(std::string layer, Need need, std::string detail, int sys_errno, std::string fix);

// The findings that keep `level` from being had: missing and needed.
std::vector<const Finding*> Obstacles(const HostReport& report, model::Level level);

}  // namespace fabro::jail
