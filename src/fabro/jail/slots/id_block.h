// Which host ids are ours to lease (isolation.md 12, "Leases"). RLIMIT_NPROC, keyrings and inotify
// budgets are counted per host id, so the block must be nobody else's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"

namespace fabro::jail {

// Ids first … first + count - 1, as user and as group ids.
struct IdRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;

  std::uint64_t end() const { return std::uint64_t{first} + count; }
  bool Overlaps(const IdRange& other) const { return first < other.end() && other.first < end(); }
  friend bool operator==(const IdRange&, const IdRange&) = default;
};

// A line of /etc/subuid or /etc/subgid (subuid(5)).
struct SubordinateRange {
  std::string owner;
  IdRange range;
};

// What the choice depends on.
struct IdFacts {
  std::vector<SubordinateRange> subuid;
  std::vector<SubordinateRange> subgid;
  std::vector<std::uint32_t> users;  // Of /etc/passwd and /etc/group; services are asked id by id.
  std::vector<std::uint32_t> groups;
  std::vector<IdRange> mapped_users;  // Ids that exist in our own user namespace.
  std::vector<IdRange> mapped_groups;
};

// Lines that are not "name:first:count" are left out, as shadow's own tools do.
std::vector<SubordinateRange> ParseSubordinate(std::string_view text);
// The inner ids of /proc/PID/uid_map.
std::vector<IdRange> ParseIdMap(std::string_view text);

// Reads /etc/{passwd,group,subuid,subgid} and /proc/self/{uid,gid}_map. Not thread-safe
// (fgetpwent(3)).
Result<IdFacts> ReadIdFacts();

inline constexpr std::uint32_t kBlockSize = 65536;

// `base` empty is identity.base "auto": the `faber` lines of subuid and subgid, which must agree;
// else the first free block of `count` ids. Taken: ids of users and groups, ranges of subuid
// and subgid, systemd's container range (524288 to 1879048191, systemd's UIDS-GIDS document), what
// is not mapped in our user namespace. "identity_base_collides" names what a configured base meets;
// "no_free_ids" when there is no block.
Result<IdRange> ChooseBlock(const IdFacts& facts, std::optional<std::uint32_t> base = std::nullopt,
                            std::uint32_t count = kBlockSize);

}  // namespace fabro::jail
