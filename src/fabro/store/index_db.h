// `<storage>/index.db`: one row a run, for lists. Nothing is decided by it and it can be removed at
// any time: Rebuild-ing it is reading the runs again (runs::List does so for what is missing).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fabro/base/id.h"
#include "fabro/base/result.h"

namespace fabro::store {

struct IndexRow {
  RunId run{};
  std::string dir{};  // Name below <storage>/scratch.
  std::string workflow{};
  std::string status{};  // A word of run specification 4.1.
  std::string reason{};
  std::string created_at{};  // RFC 3339.
  std::string updated_at{};
  std::string environment{};

  friend bool operator==(const IndexRow&, const IndexRow&) = default;
};

class IndexDb {
 public:
  // Creates it when missing; one that is damaged is moved aside and made anew.
  static Result<std::unique_ptr<IndexDb>> Open(const std::string& storage_dir);
  virtual ~IndexDb() = default;

  virtual Status Put(const IndexRow& row) = 0;
  virtual Status Remove(const RunId& run) = 0;
  virtual Result<std::vector<IndexRow>> All() = 0;  // Newest first.
};

}  // namespace fabro::store
