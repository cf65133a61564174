#include "fabro/jail/slots/ids_in_use.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <vector>

#include "fabro/linux/file.h"

namespace fabro::jail {
namespace {

using Ids = std::set<std::uint32_t>;

constexpr std::uint32_t kIdsOfALease = 2;

// The numbers of a line, whatever stands between them.
std::vector<std::uint32_t> Numbers(std::string_view line) {
  std::vector<std::uint32_t> numbers;
  for (const char *at = line.data(), *end = at + line.size(); at < end;) {
    std::uint32_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error == std::errc()) numbers.push_back(number);
    at = std::max(next, at + 1);
  }
  return numbers;
}

void AddFromStatus(std::string_view status, const Ids& ids, Ids& used) {
  while (!status.empty()) {
    const std::size_t end = std::min(status.find('\n'), status.size());
    const std::string_view line = status.substr(0, end);
    if (line.starts_with("Uid:") || line.starts_with("Gid:") || line.starts_with("Groups:")) {
      for (const std::uint32_t id : Numbers(line)) {
        if (ids.contains(id)) used.insert(id);
      }
    }
    status.remove_prefix(std::min(end + 1, status.size()));
  }
}

// "inner outer count": the outer ids are as our own user namespace sees them (user_namespaces(7)).
// A range of more ids than a lease has is not of a lease: the initial namespace, a container's.
void AddFromMap(std::string_view map, const Ids& ids, Ids& used) {
  const std::vector<std::uint32_t> numbers = Numbers(map);
  for (std::size_t i = 0; i + 2 < numbers.size(); i += 3) {
    if (numbers[i + 2] > kIdsOfALease) continue;
    const std::uint64_t end = std::uint64_t{numbers[i + 1]} + numbers[i + 2];
    for (auto id = ids.lower_bound(numbers[i + 1]); id != ids.end() && *id < end; ++id) {
      used.insert(*id);
    }
  }
}

bool IsPid(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A process may end between any two looks; all else is an error, for "not seen" must mean "not
// there".
bool Ended(const Error& error) { return error.sys_errno == ENOENT || error.sys_errno == ESRCH; }

// `own_map`: of our own namespace, which may be as small as a lease and is none.
Status AddProcess(const DirFd& process, const std::string& own_map, const Ids& ids, Ids& used) {
  const DirFd tasks = TRY(OpenDirAt(process.get(), "task"));
  const std::vector<std::string> names = TRY(ListDir(tasks.get()));
  for (const std::string& name : names) {
    const Result<std::string> status = ReadFileAt(tasks.get(), name + "/status");
    if (status) AddFromStatus(*status, ids, used);
    if (!status && !Ended(status.error())) return status.error();
  }
  for (const char* file : {"uid_map", "gid_map"}) {
    const std::string map = TRY(ReadFileAt(process.get(), file));
    if (map != own_map) AddFromMap(map, ids, used);
  }
  return {};
}

}  // namespace

Result<std::set<std::uint32_t>> IdsInUse(const Ids& ids, const std::string& proc_root) {
  const DirFd proc = TRY(OpenDir(proc_root));
  const std::vector<std::string> names = TRY(ListDir(proc.get()));
  // User and group ids are mapped alike where we made the namespace.
  const std::string own_map =
      ReadFileAt(proc.get(), std::to_string(::getpid()) + "/uid_map").value_or("");
  Ids used;
  for (const std::string& name : names) {
    if (!IsPid(name)) continue;
    const Result<DirFd> process = OpenDirAt(proc.get(), name);
    if (!process && Ended(process.error())) continue;
    if (!process) return process.error();
    const Status added = AddProcess(*process, own_map, ids, used);
    if (!added && !Ended(added.error())) return added.error();
  }
  return used;
}

}  // namespace fabro::jail
