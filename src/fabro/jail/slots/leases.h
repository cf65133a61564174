// Leases of host ids: who holds which two, over all services of this host.
//
// One file, one lock (flock(2)), one record of fixed size an entry, each written by one pwrite that
// does not cross a page: a kill at any moment leaves whole records. Lines are text, for people:
//
//   <first id> <pid>:<start time> <pid namespace>     held
//   # released <first id>                             its holder is done; not yet seen unused
//   # free
//
// An id goes from released to free only when no process and no user namespace of a process has it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/slots/id_block.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail {

// "/run/faber/ids" for root, else "ids" in the `faber` directory of $XDG_RUNTIME_DIR or, without
// that, of /run/user/UID; kFailedPrecondition where neither is there. `uid`: on the host.
Result<std::string> DefaultLeaseFile(uid_t uid);

// Two ids that nobody else on this host has, as user and as group ids. Ends with its owner: end all
// processes that have the ids first (should one live, the ids stay out of use until it is gone).
class IdLease {
 public:
  IdLease(IdLease&& other) noexcept;
  IdLease& operator=(IdLease&&) = delete;
  ~IdLease();

  std::uint32_t setup_id() const { return first_; }  // init and set-up.
  std::uint32_t task_id() const { return task_; }    // The payload.

  // No lease at all: one id for both, which others have too (isolation.md 12, d).
  static IdLease Shared(std::uint32_t id) { return IdLease(UniqueFd(), 0, id, id); }

 private:
  friend class IdPool;
  IdLease(UniqueFd file, std::size_t record, std::uint32_t first, std::uint32_t task)
      : file_(std::move(file)), record_(record), first_(first), task_(task) {}

  UniqueFd file_;  // -1: moved from, or nothing to give back.
  std::size_t record_;
  std::uint32_t first_;
  std::uint32_t task_;
};

// For one thread of one process; any number of processes may have one on the same file.
class IdPool {
 public:
  // Makes the file (0600, its directory 0700) if it is not there. A file that another user could
  // write is refused. `block` is where new leases come from; older ones may lie elsewhere.
  static Result<IdPool> Open(const std::string& path, IdRange block);

  // The lowest two free ids of the block that have no NSS name. "no_free_ids" when all are held;
  // "id_leases_corrupt" for a file that is not ours.
  Result<IdLease> Acquire();

  // Frees what dead holders had and what was released, where no process has the ids. Returns how
  // many leases that were. Acquire() does it when enough has gathered; call it once at start-up.
  Result<std::size_t> Reclaim();

 private:
  struct Record;
  struct Locked;
  IdPool(std::string path, IdRange block) : path_(std::move(path)), block_(block) {}
  Result<Locked> Lock() const;
  static Result<std::size_t> ReclaimLocked(Locked& locked);

  std::string path_;
  IdRange block_;
};

}  // namespace fabro::jail
