// The ids that an administrator gave to a user for user namespaces (subuid(5), subgid(5)).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/slots/id_block.h"

namespace fabro::jail {

// The ids that are `user`'s as user and as group ids, by the first line of each file with that name
// or uid; none where a file has no line. "identity_base_collides" where the two ranges have fewer
// than two ids in common, or another user has a part of them: then two users' guests could meet.
Result<std::optional<IdRange>> SubordinateIds(const std::vector<SubordinateRange>& subuid,
                                              const std::vector<SubordinateRange>& subgid,
                                              const std::string& user, std::uint32_t uid);

}  // namespace fabro::jail
