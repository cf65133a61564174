#include "fabro/linux/cgroup/group.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <ctime>
#include <limits>
#include <memory>

#include "fabro/base/check.h"
#include "fabro/linux/file.h"

namespace fabro::cgroup {
namespace {

constexpr char kProcs[] = "cgroup.procs";
constexpr char kEvents[] = "cgroup.events";
constexpr char kSubtreeControl[] = "cgroup.subtree_control";

bool Passed(Deadline deadline) {
  return deadline.has_value() && std::chrono::steady_clock::now() >= *deadline;
}

// The kernel makes the text anew for a read at offset 0.
Result<std::string> ReadFromStart(int fd, const char* file) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SysFailure("read", file);
    text.append(buffer, static_cast<std::size_t>(got));
    if (static_cast<std::size_t>(got) < sizeof buffer) return text;
  }
}

Result<bool> MemberPopulated(const Member& member) {
  if (member.version == Version::kV2) {
    const std::string events = TRY(ReadControl(member, kEvents));
    return FindKey(events, "populated").value_or(0) != 0;
  }
  const std::string procs = TRY(ReadControl(member, kProcs));
  return !procs.empty();
}

// Sleeps until something may have changed: on v2 the kernel says so, on v1 it is a matter of time.
Status WaitForChange(const Member* unified, const UniqueFd& events,
                     std::chrono::milliseconds span) {
  if (unified != nullptr && events) {
    TRY(PollOne(events.get(), POLLPRI, std::chrono::steady_clock::now() + span));
    return {};
  }
  const timespec pause{.tv_sec = 0, .tv_nsec = span.count() * 1'000'000};
  ::nanosleep(&pause, nullptr);
  return {};
}

// By the type that readdir gives (kernfs does): a look at each of the control files would cost more
// than all the rest.
Status AddDirectories(int dir, std::vector<std::string>& names) {
  DirFd own = TRY(OpenDirAt(dir, "."));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own.get()), ::closedir);
  if (stream == nullptr) return SysFailure("fdopendir");
  (void)own.release();  // The stream's from here on.
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) return SysFailure("readdir");
    if (entry == nullptr) return {};
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info{};
    const bool directory =
        entry->d_type == DT_DIR ||
        (entry->d_type == DT_UNKNOWN &&
         ::fstatat(dir, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode));
    if (directory) names.emplace_back(name);
  }
}

}  // namespace

const Member* Group::Find(Controller controller) const {
  for (const Member& member : members_) {
    if (member.controllers.Has(controller)) return &member;
  }
  return nullptr;
}

const Member* Group::unified() const {
  for (const Member& member : members_) {
    if (member.version == Version::kV2) return &member;
  }
  return nullptr;
}

Result<Group> Group::Child(const std::string& name, bool make, bool may_exist) const {
  std::vector<Member> members;
  std::vector<int> made;  // Parents whose new directory goes again when a later step fails.
  const auto fail = [&](Error error) {
    for (const int parent : made) ::unlinkat(parent, name.c_str(), AT_REMOVEDIR);
    return std::move(error).In("control group " + name);
  };
  for (const Member& parent : members_) {
    if (make) {
      if (::mkdirat(parent.dir.get(), name.c_str(), 0755) == 0) {
        made.push_back(parent.dir.get());
      } else if (errno != EEXIST || !may_exist) {
        return fail(SysFailure("mkdir", name));
      }
    }
    Result<DirFd> dir = OpenDirAt(parent.dir.get(), name);
    if (!dir) return fail(std::move(dir).error());
    members.push_back(Member{*std::move(dir), parent.version, parent.controllers});
  }
  return Group(name, std::move(members));
}

Result<Group> Group::OpenChild(const std::string& name) const { return Child(name, false, true); }
Result<Group> Group::MakeChild(const std::string& name) const { return Child(name, true, false); }
Result<Group> Group::EnsureChild(const std::string& name) const { return Child(name, true, true); }

Result<std::vector<std::string>> Group::Children() const {
  std::vector<std::string> children;
  for (const Member& member : members_) TRY(AddDirectories(member.dir.get(), children));
  std::sort(children.begin(), children.end());
  children.erase(std::unique(children.begin(), children.end()), children.end());
  return children;
}

void Group::KeepFilesOpen() {
  for (Member& member : members_) member.keep_files = true;
}

Status Group::EnableForChildren() const {
  const Member* member = unified();
  if (member == nullptr || member->controllers.empty()) return {};
  std::string text;
  for (const Controller c : {Controller::kCpu, Controller::kMemory, Controller::kPids}) {
    if (member->controllers.Has(c))
      text += (text.empty() ? "+" : " +") + std::string(ControllerName(c));
  }
  return WriteControl(*member, kSubtreeControl, text);
}

Result<bool> Group::Populated() const {
  for (const Member& member : members_) {
    const bool populated = TRY(MemberPopulated(member));
    if (populated) return true;
  }
  return false;
}

Status Group::WaitEmpty(Deadline deadline) const {
  const Member* tree = unified();
  UniqueFd events;
  if (tree != nullptr) events = TRY(OpenAt(tree->dir.get(), kEvents, O_RDONLY));
  for (std::chrono::milliseconds span(1);;
       span = std::min(span * 2, std::chrono::milliseconds(50))) {
    const bool populated = TRY(Populated());
    if (!populated) return {};
    if (Passed(deadline)) {
      return Failure(Code::kDeadlineExceeded, "control group " + name_ + " still has processes",
                     "cgroup_not_empty");
    }
    TRY(WaitForChange(tree, events, span));
  }
}

Status Group::Remove(Deadline deadline) const {
  if (members_.empty()) return {};  // Moved from.
  CHECK(!name_.empty());            // Never the group that we were started in.
  const std::string self = "../" + name_;
  for (const Member& member : members_) {
    std::chrono::milliseconds span(1);
    while (::unlinkat(member.dir.get(), self.c_str(), AT_REMOVEDIR) != 0) {
      if (errno == ENOENT || errno == ENODEV) break;
      if (errno != EBUSY || Passed(deadline)) return SysFailure("rmdir", name_);
      TRY(WaitForChange(nullptr, UniqueFd(), span));
      span = std::min(span * 2, std::chrono::milliseconds(50));
    }
  }
  return {};
}

Result<std::string> ReadControl(const Member& member, const char* file) {
  // v1 gives one open file the same list of processes for as long as it is open: never kept.
  const bool keep = member.keep_files && std::string_view(file) != kProcs;
  if (!keep) return ReadFileAt(member.dir.get(), file);
  const auto found = std::find_if(member.kept.begin(), member.kept.end(),
                                  [&](const KeptFile& kept) { return kept.name == file; });
  if (found != member.kept.end()) return ReadFromStart(found->fd.get(), file);
  UniqueFd fd = TRY(OpenAt(member.dir.get(), file, O_RDONLY));
  member.kept.push_back(KeptFile{file, std::move(fd)});
  return ReadFromStart(member.kept.back().fd.get(), file);
}

Status WriteControl(const Member& member, const char* file, std::string_view text) {
  return WriteControlAt(member.dir.get(), file, text);
}

bool HasControl(const Member& member, const char* file) {
  return ::faccessat(member.dir.get(), file, F_OK, 0) == 0;
}

Result<std::uint64_t> ReadNumber(const Member& member, const char* file) {
  const std::string text = TRY(ReadControl(member, file));
  if (text.starts_with("max")) return std::numeric_limits<std::uint64_t>::max();
  std::uint64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc()) {
    return Failure(Code::kInternal, std::string(file) + " is not a number: '" + text + "'");
  }
  return value;
}

std::optional<std::uint64_t> FindKey(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') {
      const std::string_view number = line.substr(key.size() + 1);
      std::uint64_t value = 0;
      const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
      if (result.ec == std::errc()) return value;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

}  // namespace fabro::cgroup
