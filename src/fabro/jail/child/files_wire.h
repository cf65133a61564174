// What the file helper (`faber-init files`, inside the Jail, as the task) and its client say over
// two pipes. One call a helper:
//
//   client -> helper   Request, path; for kWrite then Chunk + bytes ..., and a Chunk of 0 as the
//   end helper -> client   Frame + payload ..., the last one kDone or kError
//
// The pipes are the backpressure: nobody holds more than a chunk. A kWrite without its last Chunk
// changes nothing. After a kError the helper reads its input to the end, so that a client in the
// middle of a write is not cut off before it has looked.
//
// The client trusts nothing here: a guest that has the task's id may have put a process of its own
// in the helper's place (it can signal and, below its own limits, trace it).
#pragma once

#include <cstdint>

namespace fabro::jail::files_wire {

inline constexpr std::uint32_t kMagic = 0x46424631;  // "FBF1"
inline constexpr std::uint32_t kMaxPath = 4095;      // PATH_MAX less its NUL.
inline constexpr std::uint32_t kMaxChunk = 64 * 1024;
inline constexpr std::uint32_t kMaxDepth = 64;  // Directories below the one that is listed.

enum class Operation : std::uint32_t { kRead = 1, kWrite = 2, kDelete = 3, kStat = 4, kList = 5 };

struct Request {
  std::uint32_t magic = kMagic;
  std::uint32_t operation = 0;
  std::uint64_t limit = 0;  // kRead: bytes.
  std::uint64_t most = 0;   // kList: entries.
  std::uint32_t depth = 0;  // kList; 0: no bound but kMaxDepth.
  std::uint32_t mode = 0;   // kWrite: permission bits.
  std::uint32_t path_length = 0;
  std::uint32_t reserved = 0;
};

using Chunk = std::uint32_t;  // Bytes that follow, at most kMaxChunk.

struct Frame {
  enum Kind : std::uint32_t {
    kData = 1,   // kRead: bytes of the file.
    kEntry = 2,  // kStat, kList: Entry, then its path.
    kDone = 3,   // Nothing follows.
    kError = 4,  // Problem. Nothing follows.
  };
  std::uint32_t kind = 0;
  std::uint32_t length = 0;  // At most kMaxChunk.
};

struct Entry {
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::uint32_t mode = 0;  // st_mode: kind and permission bits.
  std::uint32_t reserved = 0;
};

struct Problem {
  enum Kind : std::uint32_t {
    kErrno = 1,  // What sys_errno says.
    kNotRegular = 2,
    kTooLarge = 3,        // kRead: more than `limit`.
    kTooManyEntries = 4,  // kList: more than `most`.
    kTooDeep = 5,         // kList: more than kMaxDepth, or a path longer than kMaxPath.
    kBadRequest = 6,
  };
  std::uint32_t kind = 0;
  std::int32_t sys_errno = 0;
};

}  // namespace fabro::jail::files_wire
