#include "fabro/jail/supervise/identity.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <utility>
#include <vector>

#include "fabro/jail/slots/subordinate.h"
#include "fabro/linux/file.h"
#include "fabro/linux/process.h"
#include "fabro/linux/socket.h"
#include "fabro/linux/spawn.h"

namespace fabro::jail::supervise {
namespace {

// Not by PATH: what is found there runs with the rights of root.
constexpr std::array kProgramDirs = {"/usr/bin/", "/bin/", "/usr/local/bin/"};

std::optional<std::string> FindMapper(const std::string& name) {
  for (const char* dir : kProgramDirs) {
    const std::string path = dir + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

struct Mappers {
  std::string uids;
  std::string gids;
};

std::optional<Mappers> FindMappers() {
  const auto uids = FindMapper("newuidmap");
  const auto gids = FindMapper("newgidmap");
  if (!uids || !gids) return std::nullopt;
  return Mappers{*uids, *gids};
}

std::string NameOfUser(uid_t uid) {
  const passwd* user = ::getpwuid(uid);
  return user != nullptr ? std::string(user->pw_name) : std::to_string(uid);
}

// "PROGRAM PID 0 OWN 1 FIRST FIRST COUNT": root inside is the caller, the range keeps its numbers.
Status RunMapper(const std::string& program, pid_t pid, unsigned own, const IdRange& ids) {
  SpawnRequest request;
  request.argv = {program,
                  std::to_string(pid),
                  "0",
                  std::to_string(own),
                  "1",
                  std::to_string(ids.first),
                  std::to_string(ids.first),
                  std::to_string(ids.count)};
  constexpr ByteSize kMost = 4_KiB;
  const CommandOutput output = TRY(RunCommand(
      std::move(request), "", kMost, std::chrono::steady_clock::now() + std::chrono::seconds(10)));
  if (output.succeeded()) return {};
  std::string said = output.err.substr(0, output.err.find('\n'));
  return Failure(Code::kFailedPrecondition, "layer user_namespace: " + program + ": " + said,
                 "isolation_unavailable",
                 "newuidmap and newgidmap must be set-user-ID root, and no_new_privs must not be "
                 "set: dpkg --verify uidmap");
}

// The mappers must run outside of the namespace that they fill: in a child made before it. Says
// nothing when all went well, else an encoded reason.
[[noreturn]] void MapParent(int order, int answer, const Mappers& mappers, const IdRange& ids) {
  char byte = 0;
  if (::read(order, &byte, 1) != 1) ::_exit(1);
  const pid_t parent = ::getppid();
  Status mapped = RunMapper(mappers.uids, parent, ::getuid(), ids);
  if (mapped) mapped = RunMapper(mappers.gids, parent, ::getgid(), ids);
  const std::string text = mapped ? "" : mapped.error().message;
  (void)!::write(answer, text.data(), text.size());
  ::_exit(mapped ? 0 : 1);
}

Status MakeNamespaces() {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) return {};
  Error error = SysFailure("unshare", "user namespace");
  error.reason = "isolation_unavailable";
  error.fix = "faber check says what forbids it";
  return std::move(error).In("layer user_namespace");
}

Status MapRange(const Mappers& mappers, const IdRange& ids) {
  SocketPair order = TRY(MakeSocketPair(SocketType::kStream));
  SocketPair answer = TRY(MakeSocketPair(SocketType::kStream));
  const pid_t pid = ::fork();
  if (pid < 0) return SysFailure("fork");
  if (pid == 0) {
    order.first.reset();  // Else the child waits for itself when its parent is gone.
    MapParent(order.second.get(), answer.second.get(), mappers, ids);
  }
  Process child = TRY(Process::Adopt(pid));
  answer.second.reset();
  TRY(MakeNamespaces());
  if (::write(order.first.get(), "x", 1) != 1) return SysFailure("write", "helper");
  const std::string trouble = TRY(ReadFd(answer.first.get()));
  const ExitStatus ended = TRY(child.Wait());
  if (ended == ExitStatus{ExitStatus::Kind::kExited, 0}) return {};
  return Failure(Code::kFailedPrecondition,
                 trouble.empty() ? "layer user_namespace: mapping the subordinate ids" : trouble,
                 "isolation_unavailable",
                 "newuidmap and newgidmap must be set-user-ID root, and no_new_privs must not be "
                 "set: dpkg --verify uidmap");
}

// user_namespaces(7): one's own id may be mapped by oneself once setgroups(2) is denied.
Status MapCaller(uid_t uid, gid_t gid) {
  TRY(MakeNamespaces());
  TRY(WriteControl("/proc/self/setgroups", "deny"));
  TRY(WriteControl("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1\n"));
  return WriteControl("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1\n");
}

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
         (a.st_mode & S_IFMT) == (b.st_mode & S_IFMT);
}

}  // namespace

std::string_view ToString(Identity::Kind kind) {
  switch (kind) {
    case Identity::Kind::kRoot:
      return "leased";
    case Identity::Kind::kSubordinate:
      return "subordinate";
    case Identity::Kind::kCaller:
      return "caller";
  }
  return "?";
}

Result<Identity> TakeIdentity() {
  Identity identity;
  identity.uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (identity.uid == 0) return identity;
  const IdFacts facts = TRY(ReadIdFacts());
  const std::optional<IdRange> ids =
      TRY(SubordinateIds(facts.subuid, facts.subgid, NameOfUser(identity.uid), identity.uid));
  const std::optional<Mappers> mappers = FindMappers();
  if (ids && mappers) {
    identity.kind = Identity::Kind::kSubordinate;
    identity.ids = *ids;
    TRY(MapRange(*mappers, *ids));
  } else {
    identity.kind = Identity::Kind::kCaller;
    TRY_IN("mapping the caller's id", MapCaller(identity.uid, gid));
  }
  // What the host mounts later is not for Jails that were planned before.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return SysFailure("mount", "/ (private)");
  }
  return identity;
}

Status OpenInOwnNamespace(UniqueFd& source, const char* reason) {
  const std::string link = "/proc/self/fd/" + std::to_string(source.get());
  std::string path(PATH_MAX, '\0');
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  if (length < 0) return SysFailure("readlink", link);
  path.resize(static_cast<std::size_t>(length));
  struct stat theirs{};
  struct stat ours{};
  const auto opened = fabro::Open(path, O_PATH | O_NOFOLLOW);
  const bool same = opened && ::fstat(source.get(), &theirs) == 0 &&
                    ::fstat(opened->get(), &ours) == 0 && SameFile(theirs, ours);
  if (!same) {
    return Failure(Code::kFailedPrecondition,
                   path + " is not what it was when the sandbox was asked for", reason,
                   "name a path that stays");
  }
  source = UniqueFd(::fcntl(opened->get(), F_DUPFD_CLOEXEC, 3));
  return source ? Status() : SysFailure("F_DUPFD_CLOEXEC");
}

}  // namespace fabro::jail::supervise
