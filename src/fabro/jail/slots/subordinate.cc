#include "fabro/jail/slots/subordinate.h"

#include <algorithm>

namespace fabro::jail {
namespace {

bool IsOf(const SubordinateRange& line, const std::string& user, std::uint32_t uid) {
  return line.owner == user || line.owner == std::to_string(uid);
}

const IdRange* FirstOf(const std::vector<SubordinateRange>& lines, const std::string& user,
                       std::uint32_t uid) {
  for (const SubordinateRange& line : lines) {
    if (IsOf(line, user, uid)) return &line.range;
  }
  return nullptr;
}

std::string Words(const IdRange& range) {
  return std::to_string(range.first) + "-" + std::to_string(range.end() - 1);
}

Error Collides(std::string what) {
  return Failure(Code::kFailedPrecondition, std::move(what), "identity_base_collides",
                 "give each user a range of its own, the same in /etc/subuid and /etc/subgid: "
                 "usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST USER");
}

Status CheckNobodyElse(const std::vector<SubordinateRange>& lines, const char* file,
                       const IdRange& ids, const std::string& user, std::uint32_t uid) {
  for (const SubordinateRange& line : lines) {
    if (IsOf(line, user, uid) || !ids.Overlaps(line.range)) continue;
    return Collides("ids " + Words(ids) + " of " + user + " are those of " + line.owner + " too (" +
                    file + ")");
  }
  return {};
}

}  // namespace

Result<std::optional<IdRange>> SubordinateIds(const std::vector<SubordinateRange>& subuid,
                                              const std::vector<SubordinateRange>& subgid,
                                              const std::string& user, std::uint32_t uid) {
  const IdRange* users = FirstOf(subuid, user, uid);
  const IdRange* groups = FirstOf(subgid, user, uid);
  if (users == nullptr || groups == nullptr) return std::optional<IdRange>();
  const std::uint32_t first = std::max(users->first, groups->first);
  const std::uint64_t end = std::min(users->end(), groups->end());
  if (end < std::uint64_t{first} + 2 || first == 0) {
    return Collides("the ranges of " + user + ", " + Words(*users) + " in /etc/subuid and " +
                    Words(*groups) + " in /etc/subgid, have no two ids in common");
  }
  const IdRange ids{first, static_cast<std::uint32_t>(end - first)};
  TRY(CheckNobodyElse(subuid, "/etc/subuid", ids, user, uid));
  TRY(CheckNobodyElse(subgid, "/etc/subgid", ids, user, uid));
  return std::optional<IdRange>(ids);
}

}  // namespace fabro::jail
