// The name server inside a sandbox. It knows the names of the allow list, gives each an address of
// the synthetic range, and asks nobody: a question that is not answered from here is refused, and
// no byte of it leaves the machine, so that DNS carries nothing out.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "fabro/egress/budget.h"
#include "fabro/egress/loop.h"
#include "fabro/egress/name_table.h"
#include "fabro/egress/wire/ledger.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/egress.h"

namespace fabro::egress {

class DnsService {
 public:
  // Sockets bound inside the sandbox, `tcp` listening; all of it stays the caller's.
  DnsService(Loop& loop, const model::EgressPolicy& policy, NameTable& names, wire::Ledger& ledger,
             bool ipv6, int udp, int tcp);
  ~DnsService();
  DnsService(const DnsService&) = delete;
  DnsService& operator=(const DnsService&) = delete;

  // The answer to one message; empty: none is due.
  std::string Answer(std::string_view message);

  void CheckDeadlines(std::chrono::steady_clock::time_point now);

 private:
  struct Stream {
    UniqueFd socket;
    Loop::Id watch = 0;
    std::string bytes;
    std::chrono::steady_clock::time_point deadline;
  };
  void OnDatagrams();
  void OnListener();
  void OnStream(std::uint64_t id);
  bool TakeMessages(Stream& stream);
  void End(std::uint64_t id);
  void Pause();

  Loop& loop_;
  const model::EgressPolicy& policy_;
  NameTable& names_;
  wire::Ledger& ledger_;
  bool ipv6_;
  int udp_;
  int tcp_;
  Budget questions_;
  Loop::Id udp_watch_ = 0;
  Loop::Id tcp_watch_ = 0;
  Loop::Id pause_ = 0;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Stream> streams_;
};

}  // namespace fabro::egress
