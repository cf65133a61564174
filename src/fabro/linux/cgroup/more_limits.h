// Limits that few ask for: cores (controller cpuset) and disk rates (io). Their controllers are
// enabled when the first sandbox wants them, so that nobody else pays. v2 alone: on v1 each would
// be a tree of its own to enter at every launch.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/linux/cgroup/group.h"

namespace fabro::cgroup {

struct MoreLimits {
  std::optional<std::string> cpus;  // "0-2,5", as cpuset(7) writes lists.
  // Bytes a second, from and to each disk of the machine. Writes that the kernel gathers first
  // count when they reach the disk.
  std::optional<ByteSize> io_read;
  std::optional<ByteSize> io_write;

  bool any() const { return cpus || io_read || io_write; }
  friend bool operator==(const MoreLimits&, const MoreLimits&) = default;
};

// Lets the groups below use the controllers that `limits` needs. "cgroup_unavailable" names the one
// that is not to be had here.
Status EnableMore(const Group& group, const MoreLimits& limits);

// Sets them; what `before` had and `limits` has not becomes unlimited. "spec_invalid" for cores
// that the machine, or the groups above, do not have.
Status ApplyMore(const Group& group, const MoreLimits& limits, const MoreLimits& before);

// Whether each core of the list `wanted` is in the list `given`. False too for what is no list.
bool CoresWithin(std::string_view wanted, std::string_view given);

}  // namespace fabro::cgroup
