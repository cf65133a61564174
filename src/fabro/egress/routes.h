// What the kernel of this network namespace would do with an address: asked of it each time, so
// that the answer is as fresh as its interfaces and routes. Source: rtnetlink(7).
#pragma once

#include <optional>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/ip.h"

namespace fabro::egress {

class Routes {
 public:
  static Result<Routes> Open();

  enum class Kind {
    kNone,   // No way there.
    kOwn,    // An address of this machine itself, or a broadcast one.
    kOther,  // Somebody else's.
  };
  // Trouble counts as kOwn: nothing is connected to that we know nothing of.
  Kind Of(const model::IpAddress& address);

  // Whether a route that is narrower than the default one leads there.
  bool IsRouted(const model::IpAddress& address);

 private:
  struct Answer {
    int error = 0;
    unsigned char type = 0;
    unsigned char prefix = 0;
  };
  explicit Routes(UniqueFd socket) : socket_(std::move(socket)) {}
  std::optional<Answer> Ask(const model::IpAddress& address, unsigned flags);

  UniqueFd socket_;
  unsigned sequence_ = 0;
};

}  // namespace fabro::egress
