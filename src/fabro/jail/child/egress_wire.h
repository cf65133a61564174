// The part of wire.h that is for network mode `egress`: what init makes in the Jail's network
// namespace, and what it sends out. Same rules as there.
#pragma once

#include <cstdint>

namespace fabro::jail::wire {

inline constexpr std::uint32_t kMaxPorts = 100;
inline constexpr std::uint32_t kMaxRoutes = 68;

// What the guest's network namespace gets for network mode `egress`.
struct EgressNet {
  struct Route {
    std::uint8_t v6 = 0;
    std::uint8_t prefix = 0;
    std::uint8_t address[16] = {};  // Network order; IPv4: the first four.
  };
  std::uint8_t name_server[4] = {};  // Within one of the routes.
  std::uint16_t port_count = 0;
  std::uint16_t route_count = 0;
  std::uint16_t ports[kMaxPorts] = {};
  Route routes[kMaxRoutes] = {};  // Made local: what is connected to there, we accept.
};

struct NetworkReady {
  std::uint8_t ipv6 = 0;  // Its routes stand.
};

}  // namespace fabro::jail::wire
