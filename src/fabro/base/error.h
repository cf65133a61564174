// Why something could not be done. An Error is data for two readers: `code` for programs (one table
// maps it to exit codes and HTTP status), `message` for people. The guest's own fate is never an
// Error, it is a model::Outcome.
#pragma once

#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace fabro {

// gRPC's canonical codes, those that we use.
enum class Code {
  kCancelled,
  kInvalidArgument,
  kDeadlineExceeded,
  kNotFound,
  kAlreadyExists,
  kPermissionDenied,
  kResourceExhausted,
  kFailedPrecondition,
  kUnimplemented,
  kInternal,
  kUnavailable,
  kUnauthenticated,
};

// "INVALID_ARGUMENT" and so on, as gRPC spells them.
std::string_view CodeName(Code code);

struct Error {
  Code code = Code::kInternal;
  std::string message;  // Names the object; no trailing full stop; never a secret.
  std::string reason;   // Stable snake_case word for programs ("bind_source_missing"), or empty.
  std::string fix;      // One thing to do about it, or empty.
  int sys_errno = 0;    // errno of the failed call, or 0.
  std::vector<std::string> context;  // What was being done, innermost first; grows outward.
  std::source_location where;

  // Adds what the caller was doing: `return Err(e.In("reading workflow"))`.
  Error& In(std::string what) &;
  Error&& In(std::string what) &&;

  // "outer: inner: message (ENOENT: No such file or directory)", then "; fix: …" when there is one.
  std::string ToString() const;
};

// An Error with a message; `reason` is the stable word.
Error Failure(Code code, std::string message, std::string reason = {}, std::string fix = {},
              std::source_location where = std::source_location::current());

// An Error from errno as it is now: "open /x: No such file or directory". The code follows from
// errno.
Error SysFailure(std::string_view call, std::string_view object = {},
                 std::source_location where = std::source_location::current());

// The same with an errno at hand.
Error SysFailureOf(int sys_errno, std::string_view call, std::string_view object = {},
                   std::source_location where = std::source_location::current());

// "ENOENT" for 2; "errno 9999" for what has no name.
std::string ErrnoName(int sys_errno);

}  // namespace fabro
