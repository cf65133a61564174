#include <fcntl.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cstdint>

#include "fabro/store/event_store.h"

namespace fabro::store {

Status MemoryStore::Append(std::vector<model::Event>& events) {
  const std::lock_guard lock(mutex_);
  for (const model::Event& event : events) {
    const auto same = [&](const model::Event& other) { return other.id == event.id; };
    if (std::any_of(events_.begin(), events_.end(), same) ||
        std::count_if(events.begin(), events.end(), same) > 1) {
      return Failure(Code::kAlreadyExists, "event " + event.id + " is there", "store_duplicate");
    }
  }
  for (model::Event& event : events) {
    event.seq = events_.size() + 1;
    events_.push_back(event);
  }
  for (const UniqueFd& watch : watches_) {
    // Full means that its reader was told already.
    const std::uint64_t one = 1;
    (void)!::write(watch.get(), &one, sizeof one);
  }
  return {};
}

Result<std::vector<model::Event>> MemoryStore::Read(std::uint64_t after, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  const std::size_t first = std::min<std::size_t>(after, events_.size());
  const std::size_t count = std::min(limit, events_.size() - first);
  const auto begin = events_.begin() + static_cast<std::ptrdiff_t>(first);
  return std::vector<model::Event>(begin, begin + static_cast<std::ptrdiff_t>(count));
}

Result<std::uint64_t> MemoryStore::LastSeq() {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

Result<std::optional<model::Event>> MemoryStore::Last(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(events_.rbegin(), events_.rend(),
                                  [&](const model::Event& event) { return event.name == name; });
  if (found == events_.rend()) return std::optional<model::Event>();
  return std::optional(*found);
}

Result<UniqueFd> MemoryStore::Watch() {
  UniqueFd watch(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!watch) return SysFailure("eventfd");
  UniqueFd ours(::fcntl(watch.get(), F_DUPFD_CLOEXEC, 0));
  if (!ours) return SysFailure("fcntl", "F_DUPFD_CLOEXEC");
  const std::lock_guard lock(mutex_);
  watches_.push_back(std::move(ours));
  return watch;
}

}  // namespace fabro::store
