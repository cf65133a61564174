// The few parts of SQLite's C interface that the stores use, as owners and Results. Internal to the
// room. Results of sqlite3_* calls: https://www.sqlite.org/rescode.html
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "fabro/base/result.h"

namespace fabro::store::internal {

struct CloseDb {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using Db = std::unique_ptr<sqlite3, CloseDb>;

// The file must exist, so that its mode is ours and not the umask's. One thread at a time.
Result<Db> OpenDb(const std::string& path);

// What SQLite said last on `db`. `path` is for the message.
Error DbFailure(sqlite3* db, int code, const std::string& path);

// Statements without rows of interest.
Status Execute(sqlite3* db, const std::string& path, const char* sql);

class Statement {
 public:
  static Result<Statement> Prepare(sqlite3* db, const std::string& path, std::string_view sql);

  // 1-based, as in SQL. The text must live until Step.
  void Bind(int index, std::int64_t value) { sqlite3_bind_int64(statement_.get(), index, value); }
  void Bind(int index, std::string_view text) {
    sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
  }

  Result<bool> Step();  // True: there is a row.
  void Reset() { sqlite3_reset(statement_.get()); }

  std::int64_t Int(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  std::string Text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  Statement(sqlite3_stmt* statement, sqlite3* db, std::string path)
      : statement_(statement), db_(db), path_(std::move(path)) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  sqlite3* db_;
  std::string path_;
};

// BEGIN IMMEDIATE … COMMIT; what was not committed is rolled back when it goes.
class Transaction {
 public:
  static Result<Transaction> Begin(sqlite3* db, const std::string& path);
  Transaction(Transaction&& other) noexcept
      : db_(std::exchange(other.db_, nullptr)), path_(std::move(other.path_)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction() {
    // A failed COMMIT may have rolled back already: then this fails, harmlessly.
    if (db_ != nullptr) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Status Commit();

 private:
  Transaction(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  sqlite3* db_;
  std::string path_;
};

}  // namespace fabro::store::internal
