// The events of one run: the truth about it. Appended by the run's worker alone (it holds the
// RunLock), read by anybody, also while the worker writes.
//
// Every Append is one transaction: all of its events are on disk when it returns, or none is.
// Thread-safe. Spec: run, section 4.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/event.h"

namespace fabro::store {

class EventStore {
 public:
  virtual ~EventStore() = default;

  // Gives the events their `seq` and stores them. An id that is already there is kAlreadyExists.
  // Errors: kResourceExhausted "disk_full" (nothing of this call was stored, everything before it
  // was), kInternal "run_store_corrupt", kPermissionDenied "store_read_only".
  virtual Status Append(std::vector<model::Event>& events) = 0;

  // Events with `seq` greater than `after`, in order, at most `limit`.
  virtual Result<std::vector<model::Event>> Read(std::uint64_t after, std::size_t limit) = 0;
  virtual Result<std::uint64_t> LastSeq() = 0;  // 0: none.
  // The newest event of that name.
  virtual Result<std::optional<model::Event>> Last(std::string_view name) = 0;

  // A descriptor that becomes readable when something may have been appended, in this process or
  // another. Take it before the first Read, DrainWatch() it before each further one.
  virtual Result<UniqueFd> Watch() = 0;
};

// Empties a descriptor of EventStore::Watch.
void DrainWatch(int watch);

// `<run_dir>/run.db`: SQLite, WAL, synchronous=FULL.
enum class Durability { kFull, kOff };  // kOff: dry runs, in a temporary directory.
Result<std::unique_ptr<EventStore>> CreateRunDb(const std::string& run_dir, const RunId& run,
                                                Durability durability = Durability::kFull);
// kNotFound "run_store_missing" when there is none; kInternal "run_store_corrupt" when it is none
// of ours or damaged. `read_only` refuses Append.
Result<std::unique_ptr<EventStore>> OpenRunDb(const std::string& run_dir, bool read_only);

// Keeps everything in memory; for tests and for whoever needs no disk.
class MemoryStore final : public EventStore {
 public:
  Status Append(std::vector<model::Event>& events) override;
  Result<std::vector<model::Event>> Read(std::uint64_t after, std::size_t limit) override;
  Result<std::uint64_t> LastSeq() override;
  Result<std::optional<model::Event>> Last(std::string_view name) override;
  Result<UniqueFd> Watch() override;

 private:
  std::mutex mutex_;
  std::vector<model::Event> events_;  // seq is the index plus one.
  std::vector<UniqueFd> watches_;     // Our ends of the eventfds that were handed out.
};

}  // namespace fabro::store
