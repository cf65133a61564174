#include "fabro/egress/wire/ledger.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <new>

namespace fabro::egress::wire {
namespace {

constexpr std::size_t kDenials = 64;
constexpr std::size_t kNameBytes = 256;
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

struct Slot {
  std::atomic<std::uint32_t> count;
  std::uint16_t port;
  std::uint8_t reason;
  std::array<char, kNameBytes> name;
};

}  // namespace

struct LedgerPage {
  std::atomic<std::uint64_t> connections;
  std::atomic<std::uint64_t> sent;
  std::atomic<std::uint64_t> received;
  std::atomic<std::uint64_t> dropped;
  std::atomic<std::uint32_t> used;  // Slots; a slot is whole before it is counted.
  std::array<Slot, kDenials> slots;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

Result<UniqueFd> Ledger::Make() {
  UniqueFd fd(::memfd_create("faber-network", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return SysFailure("memfd_create");
  if (::ftruncate(fd.get(), sizeof(LedgerPage)) != 0) return SysFailure("ftruncate");
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return SysFailure("F_ADD_SEALS");
  return fd;
}

Result<std::unique_ptr<Ledger>> Ledger::Map(int fd) {
  const bool sealed = (::fcntl(fd, F_GET_SEALS) & kSeals) == kSeals;
  // Not fstat(2): below egressd's filter there is nothing that takes a path.
  if (!sealed || ::lseek(fd, 0, SEEK_END) != sizeof(LedgerPage)) {
    return Failure(Code::kInvalidArgument, "the ledger is no sealed memfd of its size",
                   "protocol_error");
  }
  void* page = ::mmap(nullptr, sizeof(LedgerPage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return SysFailure("mmap", "ledger");
  // Zero bytes are what a new page holds, and each of its members is good as zero.
  return std::unique_ptr<Ledger>(new Ledger(std::launder(static_cast<LedgerPage*>(page))));
}

Ledger::~Ledger() { ::munmap(page_, sizeof(LedgerPage)); }

void Ledger::CountConnection() { page_->connections.fetch_add(1, std::memory_order_relaxed); }
void Ledger::CountSent(std::uint64_t bytes) {
  page_->sent.fetch_add(bytes, std::memory_order_relaxed);
}
void Ledger::CountReceived(std::uint64_t bytes) {
  page_->received.fetch_add(bytes, std::memory_order_relaxed);
}

void Ledger::Deny(std::string_view name, std::uint16_t port, model::DenyReason reason) {
  std::array<char, kNameBytes> clean{};
  const std::size_t length = std::min(name.size(), kNameBytes - 1);
  std::transform(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(length), clean.begin(),
                 [](char c) { return c > ' ' && c < 0x7F ? c : '?'; });
  const std::uint32_t used = page_->used.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < used; ++i) {
    Slot& slot = page_->slots[i];
    if (slot.port == port && slot.reason == static_cast<std::uint8_t>(reason) &&
        slot.name == clean) {
      slot.count.fetch_add(1, std::memory_order_relaxed);
      return;
    }
  }
  if (used >= kDenials) {
    page_->dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  Slot& slot = page_->slots[used];
  slot.port = port;
  slot.reason = static_cast<std::uint8_t>(reason);
  slot.name = clean;
  slot.count.store(1, std::memory_order_relaxed);
  page_->used.store(used + 1, std::memory_order_release);
}

model::NetworkUsage Ledger::Read() const {
  model::NetworkUsage usage;
  usage.connections = page_->connections.load(std::memory_order_relaxed);
  usage.sent = ByteSize(page_->sent.load(std::memory_order_relaxed));
  usage.received = ByteSize(page_->received.load(std::memory_order_relaxed));
  usage.denied_dropped = page_->dropped.load(std::memory_order_relaxed);
  const std::size_t used =
      std::min<std::size_t>(page_->used.load(std::memory_order_acquire), kDenials);
  for (std::size_t i = 0; i < used; ++i) {
    const Slot& slot = page_->slots[i];
    model::NetworkDenial denial;
    // A copy first: the other side could change it while we look.
    const std::array<char, kNameBytes> name = slot.name;
    denial.name.assign(name.data(), ::strnlen(name.data(), name.size()));
    std::replace_if(
        denial.name.begin(), denial.name.end(), [](char c) { return c <= ' ' || c >= 0x7F; }, '?');
    denial.port = slot.port;
    denial.reason = static_cast<model::DenyReason>(
        std::min(slot.reason, static_cast<std::uint8_t>(model::DenyReason::kUnreachable)));
    denial.count = slot.count.load(std::memory_order_relaxed);
    usage.denied.push_back(std::move(denial));
  }
  return usage;
}

model::NetworkUsage Between(const model::NetworkUsage& before, const model::NetworkUsage& after) {
  const auto less = [](std::uint64_t now, std::uint64_t then) { return now - std::min(now, then); };
  model::NetworkUsage usage;
  usage.connections = less(after.connections, before.connections);
  usage.sent = ByteSize(less(after.sent.bytes(), before.sent.bytes()));
  usage.received = ByteSize(less(after.received.bytes(), before.received.bytes()));
  usage.denied_dropped = less(after.denied_dropped, before.denied_dropped);
  usage.unavailable = after.unavailable;
  for (std::size_t i = 0; i < after.denied.size(); ++i) {
    model::NetworkDenial denial = after.denied[i];  // Slots keep their places.
    if (i < before.denied.size()) {
      denial.count -= std::min(denial.count, before.denied[i].count);
    }
    if (denial.count > 0) usage.denied.push_back(std::move(denial));
  }
  return usage;
}

}  // namespace fabro::egress::wire
