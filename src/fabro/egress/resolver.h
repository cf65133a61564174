// Names to addresses at the moment of a connection, by the machine's own name servers. Never
// getaddrinfo(3), which would block our one thread and load modules below the filter.
//
// Source: c-ares, ares_getaddrinfo(3); docs/decisions/0014-egress.md.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/egress/loop.h"
#include "fabro/model/ip.h"

namespace fabro::egress {

// The name servers of a resolv.conf(5), at most three; 127.0.0.1 when it names none.
std::vector<model::IpAddress> NameServers(std::string_view resolv_conf);

class Resolver {
 public:
  // Before Confine(): c-ares takes the seed of its query ids from /dev/urandom, once for each
  // channel, and without it they can be guessed.
  static Result<std::unique_ptr<Resolver>> Make(Loop& loop);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // For questions from now on; those under way go on with the servers that they have, until the
  // next call.
  Status Use(const std::vector<model::IpAddress>& servers);

  using Id = std::uint64_t;
  using Done = std::function<void(const std::vector<model::IpAddress>&)>;
  // All addresses of the name, IPv4 first; none when it has none or nobody answered. Calls `done`
  // from the loop, never before it returns.
  Id Resolve(const std::string& name, Done done);
  void Forget(Id& id);  // `done` is not called; sets it to 0.

 private:
  class Channel;
  explicit Resolver(Loop& loop);
  void Finish(Id id, std::vector<model::IpAddress> addresses);

  Loop& loop_;
  std::array<std::unique_ptr<Channel>, 2> channels_;
  std::size_t used_ = 0;  // Which of them is asked.
  std::unordered_map<Id, Done> waiting_;
  Id last_ = 0;
};

}  // namespace fabro::egress
