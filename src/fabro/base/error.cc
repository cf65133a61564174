#include "fabro/base/error.h"

#include <cerrno>
#include <cstring>

namespace fabro {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kCancelled:
      return "CANCELLED";
    case Code::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case Code::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case Code::kNotFound:
      return "NOT_FOUND";
    case Code::kAlreadyExists:
      return "ALREADY_EXISTS";
    case Code::kPermissionDenied:
      return "PERMISSION_DENIED";
    case Code::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case Code::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case Code::kUnimplemented:
      return "UNIMPLEMENTED";
    case Code::kInternal:
      return "INTERNAL";
    case Code::kUnavailable:
      return "UNAVAILABLE";
    case Code::kUnauthenticated:
      return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

namespace {

Code CodeOfErrno(int sys_errno) {
  switch (sys_errno) {
    case ENOENT:
    case ESRCH:
    case ENOTDIR:
      return Code::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::kPermissionDenied;
    case EEXIST:
      return Code::kAlreadyExists;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case EISDIR:
      return Code::kInvalidArgument;
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      return Code::kResourceExhausted;
    case ENOSYS:
    case EOPNOTSUPP:
      return Code::kUnimplemented;
    case ETIMEDOUT:
      return Code::kDeadlineExceeded;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENETUNREACH:
      return Code::kUnavailable;
    default:
      return Code::kInternal;
  }
}

}  // namespace

std::string ErrnoName(int sys_errno) {
  const char* name = ::strerrorname_np(sys_errno);
  return name != nullptr ? name : "errno " + std::to_string(sys_errno);
}

Error& Error::In(std::string what) & {
  context.push_back(std::move(what));
  return *this;
}

Error&& Error::In(std::string what) && {
  context.push_back(std::move(what));
  return std::move(*this);
}

std::string Error::ToString() const {
  std::string text;
  for (auto it = context.rbegin(); it != context.rend(); ++it) text += *it + ": ";
  text += message;
  if (!fix.empty()) text += "; fix: " + fix;
  return text;
}

Error Failure(Code code, std::string message, std::string reason, std::string fix,
              std::source_location where) {
  return Error{.code = code,
               .message = std::move(message),
               .reason = std::move(reason),
               .fix = std::move(fix),
               .sys_errno = 0,
               .context = {},
               .where = where};
}

Error SysFailureOf(int sys_errno, std::string_view call, std::string_view object,
                   std::source_location where) {
  std::string message(call);
  if (!object.empty()) message.append(" ").append(object);
  message += ": ";
  const char* text = ::strerrordesc_np(sys_errno);
  message += text != nullptr ? text : "unknown error";
  message += " (" + ErrnoName(sys_errno) + ")";
  return Error{.code = CodeOfErrno(sys_errno),
               .message = std::move(message),
               .reason = {},
               .fix = {},
               .sys_errno = sys_errno,
               .context = {},
               .where = where};
}

Error SysFailure(std::string_view call, std::string_view object, std::source_location where) {
  return SysFailureOf(errno, call, object, where);
}

}  // namespace fabro
