// Which capabilities (capabilities(7)) a guest can be given, and at which level. They are those of
// the sandbox's own user namespace: rights over its own files, processes and network, none over the
// host. Isolation specification, section 8; docs/decisions/0016.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/model/sandbox.h"

namespace fabro::model {

struct Capability {
  std::string_view name;             // "CAP_CHOWN"
  unsigned number = 0;               // CAP_CHOWN of linux/capability.h
  Level strictest = Level::kMedium;  // The strictest level that gives it.
};

std::span<const Capability> Capabilities();

// One bit for each name, as in /proc/PID/status. kInvalidArgument, "capability_refused": a name
// that is none, one that no sandbox gets, one that the level does not give.
Result<std::uint64_t> CapabilityMask(std::string_view where, std::span<const std::string> names,
                                     Level level);

}  // namespace fabro::model
