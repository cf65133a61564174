// What others want of a run when its worker may not live: answers and cancel requests, one file
// each in `<run_dir>/inbox/`, durable when Put returns. The worker alone takes them out, after the
// event that records them is in the store, so that none is lost and a crash in between shows one
// again: takers compare `id` with what they have recorded.
#pragma once

#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/model/json.h"

namespace fabro::store {

struct InboxItem {
  std::string id{};    // A ULID: the order of names is the order of arrival.
  std::string kind{};  // "cancel", "answer".
  model::Json body{};
};

class Inbox {
 public:
  explicit Inbox(const std::string& run_dir) : dir_(run_dir + "/inbox") {}

  Result<std::string> Put(const std::string& kind, const model::Json& body);
  // Oldest first. A file that is no message is left out, and stays.
  Result<std::vector<InboxItem>> Pending() const;
  Status Done(const std::string& id);  // Twice is success.

 private:
  std::string dir_{};
};

}  // namespace fabro::store
