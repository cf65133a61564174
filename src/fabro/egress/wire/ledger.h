// What a sandbox's network did, in memory that egressd writes and the jailer reads. A reader needs
// no answer of the writer, and what a guest was told is in the ledger before it was told: a denial
// is there once the refused program has ended.
//
// One writer (egressd, one thread); the reader believes nothing that it finds.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/egress.h"

namespace fabro::egress::wire {

struct LedgerPage;

class Ledger {
 public:
  // A memfd that nobody can make smaller under a reader.
  static Result<UniqueFd> Make();
  // Maps one that came over a socket: kInvalidArgument, "protocol_error", when it is no such memfd.
  static Result<std::unique_ptr<Ledger>> Map(int fd);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // The writer's.
  void CountConnection();
  void CountSent(std::uint64_t bytes);
  void CountReceived(std::uint64_t bytes);
  // Bytes of `name` that are not printable ASCII become '?'.
  void Deny(std::string_view name, std::uint16_t port, model::DenyReason reason);

  // The reader's: everything since the sandbox began.
  model::NetworkUsage Read() const;

 private:
  explicit Ledger(LedgerPage* page) : page_(page) {}
  LedgerPage* page_;
};

// What was added to `before` by the time of `after`.
model::NetworkUsage Between(const model::NetworkUsage& before, const model::NetworkUsage& after);

}  // namespace fabro::egress::wire
