#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "fabro/jail/slots/id_block.h"
#include "fabro/linux/file.h"

namespace fabro::jail {
namespace {

Result<std::string> ReadIfThere(const std::string& path) {
  Result<std::string> text = ReadFile(path);
  if (!text && text.error().sys_errno == ENOENT) return std::string();
  return text;
}

using Database = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// The files alone: asking all services for all names takes milliseconds and most of them list
// nobody. Whoever leases an id asks them for that one (IdPool::Acquire).
Result<std::vector<std::uint32_t>> UsersOfFile() {
  const Database file(std::fopen("/etc/passwd", "re"), std::fclose);
  std::vector<std::uint32_t> users;
  if (!file && errno == ENOENT) return users;
  if (!file) return SysFailure("open", "/etc/passwd");
  while (const passwd* user = ::fgetpwent(file.get())) users.push_back(user->pw_uid);
  return users;
}

Result<std::vector<std::uint32_t>> GroupsOfFile() {
  const Database file(std::fopen("/etc/group", "re"), std::fclose);
  std::vector<std::uint32_t> groups;
  if (!file && errno == ENOENT) return groups;
  if (!file) return SysFailure("open", "/etc/group");
  while (const group* entry = ::fgetgrent(file.get())) groups.push_back(entry->gr_gid);
  return groups;
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
  facts.users = TRY(UsersOfFile());
  facts.groups = TRY(GroupsOfFile());
  return facts;
}

}  // namespace fabro::jail
