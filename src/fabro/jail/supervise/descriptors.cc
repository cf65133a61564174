#include "fabro/jail/supervise/descriptors.h"

#include <algorithm>

namespace fabro::jail::supervise {
namespace {

constexpr rlim_t kEnough = 65536;
// For what is open for a moment only: the mounts of a root on their way to the zygote, a message's.
constexpr rlim_t kInPassing = 224;

struct Terms {
  std::size_t count;  // The most that it holds.
  std::size_t leave;  // In eighths of all.
};

Terms TermsOf(DescriptorBudget::Use use) {
  switch (use) {
    case DescriptorBudget::Use::kSession:
      return {.count = 40, .leave = 4};
    case DescriptorBudget::Use::kSlot:
      return {.count = 96, .leave = 2};
    case DescriptorBudget::Use::kMoreCommand:
      return {.count = 32, .leave = 1};
    case DescriptorBudget::Use::kCommand:
      break;
  }
  return {.count = 32, .leave = 0};
}

}  // namespace

DescriptorBudget::DescriptorBudget() {
  if (::getrlimit(RLIMIT_NOFILE, &inherited_) != 0) return;
  rlimit raised = inherited_;
  raised.rlim_cur = std::max(inherited_.rlim_cur, std::min(inherited_.rlim_max, kEnough));
  if (::setrlimit(RLIMIT_NOFILE, &raised) != 0) raised = inherited_;
  total_ = raised.rlim_cur > kInPassing ? raised.rlim_cur - kInPassing : 0;
  left_ = total_;
}

Result<DescriptorBudget::Share> DescriptorBudget::Take(Use use) {
  const auto [count, leave] = TermsOf(use);
  if (left_ < count + total_ / 8 * leave) {
    return Failure(Code::kResourceExhausted, "the jailer has no descriptors left for another one",
                   "jailer_full", "end sandboxes or commands, or raise its limit (ulimit -n)");
  }
  left_ -= count;
  return Share(this, count);
}

}  // namespace fabro::jail::supervise
