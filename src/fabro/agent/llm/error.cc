#include "fabro/agent/llm/error.h"

#include <iterator>
#include <utility>

namespace fabro::llm {
namespace {

struct Row {
  ErrorKind kind;
  std::string_view reason;
  std::string_view word;  // In scripts.
  Code code;
  bool retry;
  bool fail_over;
  std::string_view failure_class;
};

constexpr std::string_view kTransient = "transient_infra";
constexpr std::string_view kDeterministic = "deterministic";
constexpr std::string_view kBudget = "budget_exhausted";

// Agent specification 6.7. A timeout of the whole call is not tried again within it, since its time
// is spent, but it counts as transient.
constexpr Row kRows[] = {
    {ErrorKind::kAuthentication, "llm_authentication", "auth", Code::kUnauthenticated, false, false,
     kDeterministic},
    {ErrorKind::kAccessDenied, "llm_access_denied", "access_denied", Code::kPermissionDenied, false,
     false, kDeterministic},
    {ErrorKind::kNotFound, "llm_not_found", "not_found", Code::kNotFound, false, false,
     kDeterministic},
    {ErrorKind::kInvalidRequest, "llm_invalid_request", "invalid_request", Code::kInvalidArgument,
     false, false, kDeterministic},
    {ErrorKind::kTimeout, "llm_timeout", "timeout", Code::kDeadlineExceeded, false, true,
     kTransient},
    {ErrorKind::kContextLength, "llm_context_length", "context_length", Code::kResourceExhausted,
     false, false, kBudget},
    {ErrorKind::kRateLimit, "llm_rate_limit", "rate_limit", Code::kUnavailable, true, true,
     kTransient},
    {ErrorKind::kQuotaExceeded, "llm_quota_exceeded", "quota", Code::kResourceExhausted, false,
     true, kBudget},
    {ErrorKind::kServer, "llm_server", "server", Code::kUnavailable, true, true, kTransient},
    {ErrorKind::kContentFilter, "llm_content_filter", "content_filter", Code::kFailedPrecondition,
     false, false, kDeterministic},
    {ErrorKind::kNetwork, "llm_network", "network", Code::kUnavailable, true, true, kTransient},
    {ErrorKind::kStream, "llm_stream", "stream", Code::kUnavailable, true, true, kTransient},
    {ErrorKind::kCanceled, "llm_canceled", "canceled", Code::kCancelled, false, false, "canceled"},
    {ErrorKind::kInvalidToolCall, "llm_invalid_tool_call", "invalid_tool_call",
     Code::kInvalidArgument, false, false, kDeterministic},
    {ErrorKind::kTooLarge, "llm_answer_too_large", "too_large", Code::kResourceExhausted, false,
     false, kDeterministic},
    {ErrorKind::kUnsupported, "llm_unsupported", "unsupported", Code::kUnimplemented, false, false,
     kDeterministic},
    {ErrorKind::kConfiguration, "llm_configuration", "configuration", Code::kFailedPrecondition,
     false, false, kDeterministic},
    {ErrorKind::kUnknown, "llm_unknown", "unknown", Code::kInternal, true, true, kTransient},
};

const Row& RowOf(ErrorKind kind) {
  for (const Row& row : kRows) {
    if (row.kind == kind) return row;
  }
  return kRows[std::size(kRows) - 1];
}

}  // namespace

std::string_view ReasonOf(ErrorKind kind) { return RowOf(kind).reason; }

ErrorKind KindOf(const Error& error) {
  for (const Row& row : kRows) {
    if (row.reason == error.reason) return row.kind;
  }
  return ErrorKind::kUnknown;
}

Error CallFailure(ErrorKind kind, std::string message, std::string fix,
                  std::source_location where) {
  const Row& row = RowOf(kind);
  return Failure(row.code, std::move(message), std::string(row.reason), std::move(fix), where);
}

bool MayRetry(ErrorKind kind) { return RowOf(kind).retry; }
bool MayFailOver(ErrorKind kind) { return RowOf(kind).fail_over; }
std::string_view FailureClassOf(ErrorKind kind) { return RowOf(kind).failure_class; }

bool KindByWord(std::string_view word, ErrorKind& kind) {
  for (const Row& row : kRows) {
    if (row.word != word) continue;
    kind = row.kind;
    return true;
  }
  return false;
}

}  // namespace fabro::llm
