#include "fabro/linux/proc_info.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "fabro/linux/file.h"

namespace fabro {
namespace {

struct StatLine {
  char state = '?';
  std::uint64_t start_time = 0;
};

template <typename T>
bool ParseNumber(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// The name (field 2) stands in parentheses and may itself hold any character, ")" included; the
// fields after it hold none, so the last ")" ends it.
Result<StatLine> ParseStat(std::string_view text) {
  const Error bad = Failure(Code::kInternal, "/proc/PID/stat has an unknown form");
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= text.size()) return bad;
  text.remove_prefix(name_end + 2);
  StatLine line{.state = text.front(), .start_time = 0};
  constexpr int kFieldsToStartTime = 22 - 3;  // From the state, field 3.
  for (int i = 0; i < kFieldsToStartTime; ++i) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return bad;
    text.remove_prefix(space + 1);
  }
  if (!ParseNumber(text.substr(0, text.find(' ')), line.start_time)) return bad;
  return line;
}

Result<StatLine> ReadStat(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  Result<std::string> text = ReadFile(path);
  if (!text) {
    // A process that ends between open and read is ESRCH.
    const int why = text.error().sys_errno;
    if (why == ENOENT || why == ESRCH) {
      return Failure(Code::kNotFound, "no process " + std::to_string(pid));
    }
    return std::move(text).error();
  }
  return ParseStat(*text);
}

}  // namespace

Result<ProcessIdentity> IdentifyProcess(pid_t pid) {
  const StatLine line = TRY(ReadStat(pid));
  return ProcessIdentity{pid, line.start_time};
}

Result<ProcessIdentity> IdentifySelf() { return IdentifyProcess(::getpid()); }

Result<bool> IsAlive(const ProcessIdentity& identity) {
  const Result<StatLine> line = ReadStat(identity.pid);
  if (!line && line.error().code == Code::kNotFound) return false;
  if (!line) return line.error();
  return line->start_time == identity.start_time && line->state != 'Z' && line->state != 'X';
}

std::string ToString(const ProcessIdentity& identity) {
  return std::to_string(identity.pid) + ":" + std::to_string(identity.start_time);
}

Result<ProcessIdentity> ParseProcessIdentity(std::string_view text) {
  ProcessIdentity identity;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !ParseNumber(text.substr(0, colon), identity.pid) ||
      !ParseNumber(text.substr(colon + 1), identity.start_time) || identity.pid <= 0) {
    return Failure(Code::kInvalidArgument, "not a process identity: '" + std::string(text) + "'");
  }
  return identity;
}

Result<std::string> BootId() {
  std::string text = TRY(ReadFile("/proc/sys/kernel/random/boot_id"));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Result<std::uint64_t> OwnPidNamespace() {
  struct stat info{};
  if (::stat("/proc/self/ns/pid", &info) != 0) return SysFailure("stat", "/proc/self/ns/pid");
  return static_cast<std::uint64_t>(info.st_ino);
}

}  // namespace fabro
