#include <grp.h>
#include <pwd.h>

#include <cerrno>

#include "fabro/jail/slots/id_block.h"
#include "fabro/linux/file.h"

namespace fabro::jail {
namespace {

Result<std::string> ReadIfThere(const std::string& path) {
  Result<std::string> text = ReadFile(path);
  if (!text && text.error().sys_errno == ENOENT) return std::string();
  return text;
}

}  // namespace

Result<IdFacts> ReadIdFacts() {
  IdFacts facts;
  const std::string subuid = TRY(ReadIfThere("/etc/subuid"));
  const std::string subgid = TRY(ReadIfThere("/etc/subgid"));
  const std::string uid_map = TRY(ReadFile("/proc/self/uid_map"));
  const std::string gid_map = TRY(ReadFile("/proc/self/gid_map"));
  facts.subuid = ParseSubordinate(subuid);
  facts.subgid = ParseSubordinate(subgid);
  facts.mapped_users = ParseIdMap(uid_map);
  facts.mapped_groups = ParseIdMap(gid_map);
  ::setpwent();
  while (const passwd* user = ::getpwent()) facts.users.push_back(user->pw_uid);
  ::endpwent();
  ::setgrent();
  while (const group* entry = ::getgrent()) facts.groups.push_back(entry->gr_gid);
  ::endgrent();
  return facts;
}

}  // namespace fabro::jail
