#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <climits>

#include "fabro/codec/event/event.h"
#include "fabro/linux/file.h"
#include "fabro/store/event_store.h"
#include "fabro/store/sqlite.h"

namespace fabro::store {
namespace {

using internal::Db;
using internal::Statement;
using internal::Transaction;

// "fabr": application_id of our databases (https://www.sqlite.org/fileformat.html#application_id).
constexpr std::int64_t kApplicationId = 0x66616272;
constexpr std::int64_t kFormat = 1;

// Written after each commit, for inotify(7). Watching run.db-wal instead would lose wake-ups: its
// pages are written before the commit can be seen, which is one store to the shared index.
constexpr const char* kWakeName = "/run.wake";

constexpr const char* kSchema =
    "PRAGMA application_id=1717658226;"
    "PRAGMA user_version=1;"
    "CREATE TABLE events(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
    " envelope TEXT NOT NULL) STRICT;"
    "CREATE INDEX events_name ON events(name, seq);";
static_assert(kApplicationId == 1717658226 && kFormat == 1);

class RunDb final : public EventStore {
 public:
  RunDb(Db db, UniqueFd wake, const std::string& dir, bool read_only)
      : db_(std::move(db)),
        wake_(std::move(wake)),
        path_(dir + "/run.db"),
        wake_path_(dir + kWakeName),
        read_only_(read_only) {}

  Status Append(std::vector<model::Event>& events) override;
  Result<std::vector<model::Event>> Read(std::uint64_t after, std::size_t limit) override;
  Result<std::uint64_t> LastSeq() override;
  Result<std::optional<model::Event>> Last(std::string_view name) override;
  Result<UniqueFd> Watch() override;

 private:
  Result<std::uint64_t> LastSeqLocked();
  // A row that does not decode is damage to this run, not a fault of its reader.
  Result<model::Event> Decode(const std::string& envelope) const;

  std::mutex mutex_;
  Db db_;
  UniqueFd wake_;
  std::string path_;
  std::string wake_path_;
  bool read_only_;
};

Result<model::Event> RunDb::Decode(const std::string& envelope) const {
  auto event = codec::DecodeEvent(envelope);
  if (event.ok()) return event;
  return Failure(Code::kInternal, path_ + ": " + event.error().message, "run_store_corrupt");
}

Result<std::uint64_t> RunDb::LastSeqLocked() {
  Statement last = TRY(Statement::Prepare(db_.get(), path_, "SELECT max(seq) FROM events"));
  TRY(last.Step());
  return static_cast<std::uint64_t>(last.Int(0));
}

Result<std::uint64_t> RunDb::LastSeq() {
  const std::lock_guard lock(mutex_);
  return LastSeqLocked();
}

Status RunDb::Append(std::vector<model::Event>& events) {
  if (read_only_) {
    return Failure(Code::kPermissionDenied, path_ + ": opened for reading", "store_read_only");
  }
  const std::lock_guard lock(mutex_);
  Transaction transaction = TRY(Transaction::Begin(db_.get(), path_));
  std::uint64_t seq = TRY(LastSeqLocked());
  Statement insert = TRY(Statement::Prepare(
      db_.get(), path_, "INSERT INTO events(seq, id, name, envelope) VALUES(?1, ?2, ?3, ?4)"));
  for (model::Event& event : events) {
    event.seq = ++seq;
    const std::string envelope = codec::EncodeEvent(event);
    insert.Bind(1, static_cast<std::int64_t>(event.seq));
    insert.Bind(2, event.id);
    insert.Bind(3, event.name);
    insert.Bind(4, envelope);
    TRY(insert.Step());
    insert.Reset();
  }
  TRY(transaction.Commit());
  // Overwritten in place: needs no space, and what it says is nobody's truth.
  (void)!::pwrite(wake_.get(), &seq, sizeof seq, 0);
  return {};
}

Result<std::vector<model::Event>> RunDb::Read(std::uint64_t after, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  Statement select = TRY(Statement::Prepare(
      db_.get(), path_, "SELECT envelope FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2"));
  select.Bind(1, static_cast<std::int64_t>(after));
  select.Bind(2, static_cast<std::int64_t>(std::min<std::size_t>(limit, INT_MAX)));
  std::vector<model::Event> events;
  for (;;) {
    const bool row = TRY(select.Step());
    if (!row) return events;
    model::Event event = TRY(Decode(select.Text(0)));
    events.push_back(std::move(event));
  }
}

Result<std::optional<model::Event>> RunDb::Last(std::string_view name) {
  const std::lock_guard lock(mutex_);
  Statement select = TRY(Statement::Prepare(
      db_.get(), path_, "SELECT envelope FROM events WHERE name = ?1 ORDER BY seq DESC LIMIT 1"));
  select.Bind(1, name);
  const bool row = TRY(select.Step());
  if (!row) return std::optional<model::Event>();
  model::Event event = TRY(Decode(select.Text(0)));
  return std::optional(std::move(event));
}

Result<UniqueFd> RunDb::Watch() {
  UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watch) return SysFailure("inotify_init1");
  if (::inotify_add_watch(watch.get(), wake_path_.c_str(), IN_MODIFY) < 0) {
    return SysFailure("inotify_add_watch", wake_path_);
  }
  return watch;
}

Status CheckFormat(sqlite3* db, const std::string& path) {
  Statement id = TRY(Statement::Prepare(db, path, "PRAGMA application_id"));
  TRY(id.Step());
  Statement version = TRY(Statement::Prepare(db, path, "PRAGMA user_version"));
  TRY(version.Step());
  if (id.Int(0) != kApplicationId) {
    return Failure(Code::kInternal, path + ": not a run's store", "run_store_corrupt");
  }
  if (version.Int(0) != kFormat) {
    return Failure(Code::kFailedPrecondition,
                   path + ": format " + std::to_string(version.Int(0)) + ", this program reads 1",
                   "run_store_version", "use the version of fabro that made the run");
  }
  return {};
}

}  // namespace

void DrainWatch(int watch) {
  std::array<char, 4096> buffer;
  while (::read(watch, buffer.data(), buffer.size()) > 0) {
  }
}

Result<std::unique_ptr<EventStore>> CreateRunDb(const std::string& run_dir, const RunId& run,
                                                Durability durability) {
  const std::string path = run_dir + "/run.db";
  TRY_IN("store of run " + run.value(), Open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  Db db = TRY(internal::OpenDb(path));
  TRY(internal::Execute(db.get(), path, "PRAGMA journal_mode=WAL"));
  TRY(internal::Execute(
      db.get(), path,
      durability == Durability::kFull ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF"));
  Transaction transaction = TRY(Transaction::Begin(db.get(), path));
  TRY(internal::Execute(db.get(), path, kSchema));
  TRY(transaction.Commit());
  UniqueFd wake = TRY(Open(run_dir + kWakeName, O_RDWR | O_CREAT, 0600));
  return std::unique_ptr<EventStore>(
      std::make_unique<RunDb>(std::move(db), std::move(wake), run_dir, false));
}

Result<std::unique_ptr<EventStore>> OpenRunDb(const std::string& run_dir, bool read_only) {
  const std::string path = run_dir + "/run.db";
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT) return SysFailure("stat", path);
    return Failure(Code::kNotFound, path + " is missing", "run_store_missing");
  }
  Db db = TRY(internal::OpenDb(path));
  TRY(CheckFormat(db.get(), path));
  TRY(internal::Execute(db.get(), path, "PRAGMA synchronous=FULL"));
  if (read_only) TRY(internal::Execute(db.get(), path, "PRAGMA query_only=ON"));
  UniqueFd wake = TRY(Open(run_dir + kWakeName, O_RDWR | O_CREAT, 0600));
  return std::unique_ptr<EventStore>(
      std::make_unique<RunDb>(std::move(db), std::move(wake), run_dir, read_only));
}

}  // namespace fabro::store
