#include "fabro/store/sqlite.h"

#include <cerrno>

namespace fabro::store::internal {
namespace {

constexpr int kBusyMillis = 10'000;  // Readers hold no lock for long; only a stopped one could.

}  // namespace

Error DbFailure(sqlite3* db, int code, const std::string& path) {
  const int primary = code & 0xFF;
  const int system_errno = db != nullptr ? sqlite3_system_errno(db) : 0;
  std::string message = path + ": " + (db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  if (primary == SQLITE_FULL ||
      (primary == SQLITE_IOERR && (system_errno == ENOSPC || system_errno == EDQUOT))) {
    Error error = Failure(Code::kResourceExhausted, std::move(message), "disk_full",
                          "free space on the file system of the storage directory");
    error.sys_errno = system_errno != 0 ? system_errno : ENOSPC;
    return error;
  }
  if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
    return Failure(Code::kInternal, std::move(message), "run_store_corrupt",
                   "this run alone is affected: move its directory away, or remove it with rm -f");
  }
  if (primary == SQLITE_READONLY || primary == SQLITE_PERM || primary == SQLITE_AUTH) {
    return Failure(Code::kPermissionDenied, std::move(message), "store_read_only");
  }
  if (primary == SQLITE_CONSTRAINT) {
    return Failure(Code::kAlreadyExists, std::move(message), "store_duplicate");
  }
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
    return Failure(Code::kUnavailable, std::move(message), "store_busy");
  }
  Error error = Failure(Code::kInternal, std::move(message), "store_failed");
  error.sys_errno = system_errno;
  return error;
}

Result<Db> OpenDb(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Db db(raw);  // Set even when it failed.
  if (code != SQLITE_OK) return DbFailure(raw, code, path);
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyMillis);
  return db;
}

Status Execute(sqlite3* db, const std::string& path, const char* sql) {
  const int code = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return DbFailure(db, code, path);
  return {};
}

Result<Statement> Statement::Prepare(sqlite3* db, const std::string& path, std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  if (code != SQLITE_OK) return DbFailure(db, code, path);
  return Statement(raw, db, path);
}

Result<bool> Statement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return DbFailure(db_, code, path_);
}

std::string Statement::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_.get(), column);
  if (text == nullptr) return {};
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}

Result<Transaction> Transaction::Begin(sqlite3* db, const std::string& path) {
  TRY(Execute(db, path, "BEGIN IMMEDIATE"));
  return Transaction(db, path);
}

Status Transaction::Commit() {
  TRY(Execute(db_, path_, "COMMIT"));
  db_ = nullptr;
  return {};
}

}  // namespace fabro::store::internal
