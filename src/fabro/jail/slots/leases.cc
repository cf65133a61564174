#include "fabro/jail/slots/leases.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <set>
#include <string_view>

#include "fabro/jail/slots/ids_in_use.h"
#include "fabro/jail/slots/nameless.h"
#include "fabro/linux/file.h"
#include "fabro/linux/proc_info.h"

namespace fabro::jail {
namespace {

constexpr std::size_t kRecordSize = 64;  // Divides the page size; the last byte is the line's end.
constexpr std::string_view kFree = "# free";
constexpr std::string_view kReleased = "# released ";
// Looking at all processes costs milliseconds, so it is done for so many at once.
constexpr std::size_t kReclaimAt = 64;

Status WriteRecord(int file, std::size_t record, std::string_view text) {
  std::string line(text);
  line.resize(kRecordSize - 1, ' ');
  line += '\n';
  const auto offset = static_cast<off_t>(record * kRecordSize);
  if (::pwrite(file, line.data(), line.size(), offset) != static_cast<ssize_t>(line.size())) {
    return SysFailure("write", "id leases");
  }
  return {};
}

std::string ReleasedText(std::uint32_t first) {
  return std::string(kReleased) + std::to_string(first);
}

Result<UniqueFd> OpenFile(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash != 0) TRY(MakeDirs(path.substr(0, slash), 0700));
  UniqueFd file = TRY(Open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return SysFailure("stat", path);
  if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 022) != 0) {
    return Failure(Code::kPermissionDenied, path + " could be written by another user",
                   "id_leases_corrupt", "remove it when no faber runs");
  }
  return file;
}

// Whether `path` still names the open file: not when someone cleared /run under us.
bool StillThere(int file, const std::string& path) {
  struct stat open{};
  struct stat named{};
  return ::fstat(file, &open) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

}  // namespace

struct IdPool::Record {
  enum class State { kFree, kReleased, kHeld };
  State state = State::kFree;
  std::uint32_t first = 0;
  ProcessIdentity holder;
  std::uint64_t pid_namespace = 0;

  static Result<Record> Parse(std::string_view line);
};

// The file under its lock, which goes with the descriptor.
struct IdPool::Locked {
  UniqueFd file;
  std::vector<Record> records;
};

Result<IdPool::Record> IdPool::Record::Parse(std::string_view line) {
  const Error bad = Failure(Code::kFailedPrecondition,
                            "bad line in the file of id leases: '" + std::string(line) + "'",
                            "id_leases_corrupt", "remove the file when no faber runs");
  while (line.ends_with(' ')) line.remove_suffix(1);
  Record record;
  if (line == kFree) return record;
  record.state = State::kHeld;
  if (line.starts_with(kReleased)) {
    record.state = State::kReleased;
    line.remove_prefix(kReleased.size());
  }
  const char* const end = line.data() + line.size();
  const auto id = std::from_chars(line.data(), end, record.first);
  if (id.ec != std::errc()) return bad;
  if (record.state == State::kReleased) return id.ptr == end ? Result<Record>(record) : bad;
  const std::string_view rest(id.ptr, static_cast<std::size_t>(end - id.ptr));
  const std::size_t space = rest.find(' ', 1);
  if (!rest.starts_with(' ') || space == std::string_view::npos) return bad;
  const Result<ProcessIdentity> holder = ParseProcessIdentity(rest.substr(1, space - 1));
  if (!holder) return bad;
  record.holder = *holder;
  const auto name_space = std::from_chars(rest.data() + space + 1, end, record.pid_namespace);
  if (name_space.ec != std::errc() || name_space.ptr != end) return bad;
  return record;
}

Result<std::string> DefaultLeaseFile(uid_t uid) {
  if (uid == 0) return std::string("/run/faber/ids");
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime == '/') return std::string(runtime) + "/faber/ids";
  const std::string usual = "/run/user/" + std::to_string(uid);
  if (::access(usual.c_str(), W_OK) == 0) return usual + "/faber/ids";
  return Failure(Code::kFailedPrecondition,
                 "leases of ids: XDG_RUNTIME_DIR is not set, and " + usual + " is not there",
                 "no_runtime_dir",
                 "log in through PAM, or set it to a directory of your own with mode 0700");
}

Result<IdPool::Locked> IdPool::Lock() const {
  Locked locked;
  for (;;) {
    locked.file = TRY(OpenFile(path_));
    while (::flock(locked.file.get(), LOCK_EX) != 0) {
      if (errno != EINTR) return SysFailure("flock", path_);
    }
    if (StillThere(locked.file.get(), path_)) break;
  }
  const std::string text = TRY(ReadFd(locked.file.get()));
  for (std::size_t at = 0; at < text.size(); at += kRecordSize) {
    const std::string_view line = std::string_view(text).substr(at, kRecordSize);
    const bool whole = line.size() == kRecordSize && line.back() == '\n';
    const Record record = TRY(Record::Parse(whole ? line.substr(0, kRecordSize - 1) : "?"));
    locked.records.push_back(record);
  }
  return locked;
}

Result<IdPool> IdPool::Open(const std::string& path, IdRange block) {
  IdPool pool(path, block);
  TRY_IN("opening the id leases", pool.Lock());
  return pool;
}

Result<std::size_t> IdPool::ReclaimLocked(Locked& locked) {
  const std::uint64_t own_namespace = TRY(OwnPidNamespace());
  std::vector<std::size_t> candidates;
  std::set<std::uint32_t> ids;
  for (std::size_t i = 0; i < locked.records.size(); ++i) {
    const Record& record = locked.records[i];
    if (record.state == Record::State::kFree) continue;
    if (record.state == Record::State::kHeld) {
      if (record.pid_namespace != own_namespace) continue;  // Its pid means nothing here.
      const bool alive = TRY(IsAlive(record.holder));
      if (alive) continue;
    }
    candidates.push_back(i);
    ids.insert({record.first, record.first + 1});
  }
  if (candidates.empty()) return std::size_t{0};
  const std::set<std::uint32_t> used = TRY(IdsInUse(ids));
  std::size_t freed = 0;
  for (const std::size_t i : candidates) {
    Record& record = locked.records[i];
    if (used.contains(record.first) || used.contains(record.first + 1)) continue;
    TRY(WriteRecord(locked.file.get(), i, kFree));
    record = Record{};
    ++freed;
  }
  return freed;
}

Result<std::size_t> IdPool::Reclaim() {
  Locked locked = TRY(Lock());
  return ReclaimLocked(locked);
}

Result<IdLease> IdPool::Acquire() {
  Locked locked = TRY(Lock());
  const auto released =
      std::count_if(locked.records.begin(), locked.records.end(),
                    [](const Record& record) { return record.state == Record::State::kReleased; });
  bool reclaimed = static_cast<std::size_t>(released) >= kReclaimAt;
  if (reclaimed) TRY(ReclaimLocked(locked));
  const ProcessIdentity self = TRY(IdentifySelf());
  const std::uint64_t name_space = TRY(OwnPidNamespace());
  NamelessIds nameless(path_ + "-nameless");  // Of all services: ReadIdFacts knows the files alone.
  for (;;) {
    std::set<std::uint32_t> taken;
    std::size_t free_record = locked.records.size();
    for (std::size_t i = locked.records.size(); i-- > 0;) {
      if (locked.records[i].state == Record::State::kFree) free_record = i;
      if (locked.records[i].state != Record::State::kFree) taken.insert(locked.records[i].first);
    }
    for (std::uint64_t first = block_.first; first + 2 <= block_.end(); first += 2) {
      const auto id = static_cast<std::uint32_t>(first);
      // Old leases may lie at odd places, when the block moved.
      if (taken.contains(id) || taken.contains(id + 1) || (id > 0 && taken.contains(id - 1)))
        continue;
      if (!nameless.Contains(id) || !nameless.Contains(id + 1)) continue;
      TRY(WriteRecord(
          locked.file.get(), free_record,
          std::to_string(id) + " " + ToString(self) + " " + std::to_string(name_space)));
      if (::flock(locked.file.get(), LOCK_UN) != 0) return SysFailure("flock", path_);
      return IdLease(std::move(locked.file), free_record, id, id + 1);
    }
    if (reclaimed) break;
    TRY(ReclaimLocked(locked));
    reclaimed = true;
  }
  return Failure(Code::kResourceExhausted, "all ids of the block are leased", "no_free_ids",
                 "raise identity.count, or end sandboxes");
}

IdLease::IdLease(IdLease&& other) noexcept
    : file_(std::move(other.file_)),
      record_(other.record_),
      first_(other.first_),
      task_(other.task_) {}

IdLease::~IdLease() {
  if (!file_) return;
  // One record, which is ours until it says otherwise, so no lock is needed. A failure leaves it to
  // the time when we are dead.
  (void)WriteRecord(file_.get(), record_, ReleasedText(first_));
}

}  // namespace fabro::jail
