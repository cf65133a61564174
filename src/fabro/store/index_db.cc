#include "fabro/store/index_db.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <mutex>

#include "fabro/linux/file.h"
#include "fabro/store/sqlite.h"

namespace fabro::store {
namespace {

using internal::Db;
using internal::Statement;

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS runs(run TEXT PRIMARY KEY, dir TEXT NOT NULL,"
    " workflow TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,"
    " created_at TEXT NOT NULL, updated_at TEXT NOT NULL, environment TEXT NOT NULL) STRICT;";

class SqliteIndex final : public IndexDb {
 public:
  SqliteIndex(Db db, std::string path) : db_(std::move(db)), path_(std::move(path)) {}

  Status Put(const IndexRow& row) override {
    const std::lock_guard lock(mutex_);
    Statement put = TRY(Statement::Prepare(
        db_.get(), path_, "INSERT OR REPLACE INTO runs VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
    put.Bind(1, row.run.value());
    put.Bind(2, row.dir);
    put.Bind(3, row.workflow);
    put.Bind(4, row.status);
    put.Bind(5, row.reason);
    put.Bind(6, row.created_at);
    put.Bind(7, row.updated_at);
    put.Bind(8, row.environment);
    TRY(put.Step());
    return {};
  }

  Status Remove(const RunId& run) override {
    const std::lock_guard lock(mutex_);
    Statement remove = TRY(Statement::Prepare(db_.get(), path_, "DELETE FROM runs WHERE run = ?1"));
    remove.Bind(1, run.value());
    TRY(remove.Step());
    return {};
  }

  Result<std::vector<IndexRow>> All() override {
    const std::lock_guard lock(mutex_);
    // A ULID begins with its time, so its order is that of creation.
    Statement all = TRY(Statement::Prepare(
        db_.get(), path_,
        "SELECT run, dir, workflow, status, reason, created_at, updated_at, environment"
        " FROM runs ORDER BY run DESC"));
    std::vector<IndexRow> rows;
    for (;;) {
      const bool row = TRY(all.Step());
      if (!row) return rows;
      rows.push_back({.run = RunId(all.Text(0)),
                      .dir = all.Text(1),
                      .workflow = all.Text(2),
                      .status = all.Text(3),
                      .reason = all.Text(4),
                      .created_at = all.Text(5),
                      .updated_at = all.Text(6),
                      .environment = all.Text(7)});
    }
  }

 private:
  std::mutex mutex_;
  Db db_;
  std::string path_;
};

Result<Db> OpenOnce(const std::string& path) {
  TRY(Open(path, O_RDWR | O_CREAT, 0600));
  Db db = TRY(internal::OpenDb(path));
  // Nothing here is the truth: speed over the last row after a power cut.
  TRY(internal::Execute(db.get(), path, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"));
  TRY(internal::Execute(db.get(), path, kSchema));
  // A damaged page may lie anywhere; the table is small, so look at all of it.
  Statement check = TRY(Statement::Prepare(db.get(), path, "SELECT count(*), max(dir) FROM runs"));
  TRY(check.Step());
  return db;
}

}  // namespace

Result<std::unique_ptr<IndexDb>> IndexDb::Open(const std::string& storage_dir) {
  TRY(MakeDirs(storage_dir, 0700));
  const std::string path = storage_dir + "/index.db";
  auto db = OpenOnce(path);
  if (!db.ok() && db.error().reason == "run_store_corrupt") {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      const std::string from = path + suffix;
      if (::rename(from.c_str(), (path + ".damaged" + suffix).c_str()) != 0 && errno != ENOENT) {
        return SysFailure("rename", from);
      }
    }
    db = OpenOnce(path);
  }
  if (!db.ok()) return std::move(db).error();
  return std::unique_ptr<IndexDb>(std::make_unique<SqliteIndex>(*std::move(db), path));
}

}  // namespace fabro::store
