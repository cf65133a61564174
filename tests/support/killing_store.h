// A store that kills its process right after it stored what the test is about.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "fabro/store/event_store.h"

namespace fabro::testing {

class KillingStore final : public store::EventStore {
 public:
  // Asked of each event after it is on disk, in order; true: now.
  using Now = std::function<bool(const model::Event&)>;

  KillingStore(std::unique_ptr<store::EventStore> store, Now now)
      : store_(std::move(store)), now_(std::move(now)) {}
  Status Append(std::vector<model::Event>& events) override {
    TRY(store_->Append(events));
    for (const model::Event& event : events) {
      if (now_(event)) (void)::raise(SIGKILL);
    }
    return {};
  }
  Result<std::vector<model::Event>> Read(std::uint64_t after, std::size_t limit) override {
    return store_->Read(after, limit);
  }
  Result<std::uint64_t> LastSeq() override { return store_->LastSeq(); }
  Result<std::optional<model::Event>> Last(std::string_view name) override {
    return store_->Last(name);
  }
  Result<UniqueFd> Watch() override { return store_->Watch(); }

 private:
  std::unique_ptr<store::EventStore> store_;
  Now now_;
};

}  // namespace fabro::testing
