// Detached mounts: made, restricted and idmapped before they have a name. Internal to the room.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::supervise {

// Files of `from` on disk look as if they were of `to`, and the other way round.
struct IdShift {
  std::uint32_t from_uid = 0;
  std::uint32_t from_gid = 0;
  std::uint32_t to = 0;
};

// A user namespace for MOUNT_ATTR_IDMAP; it has no process. Ids that no shift names have none.
Result<UniqueFd> MakeIdmap(std::span<const IdShift> shifts);

struct MountWish {
  bool writable = false;
  bool recursive = true;
  bool device_node = false;  // One of /dev: usable as a device, nothing else.
  int idmap = -1;            // Of MakeIdmap; -1: ids stay.
};

// A detached copy of what the O_PATH descriptor `source` names. mount_setattr(2), Linux 5.12.
Result<UniqueFd> DetachedMount(int source, const MountWish& wish, std::string_view name);

// Gives a detached mount that was just made those ids.
Status IdmapMount(int mount, int idmap, std::string_view name);

// A sealed memfd with `text`.
Result<UniqueFd> SealedFile(const char* name, std::string_view text);
// One with what `source` holds, from its offset to its end.
Result<UniqueFd> SealedCopy(const char* name, int source);

}  // namespace fabro::jail::supervise
