// For whom the first bytes of a connection are: the server name of a TLS ClientHello, the host of
// an HTTP request. Pure; they are called again with more bytes until they know.
//
// Sources: RFC 8446, 4.1.2 and 5.1; RFC 6066, 3; RFC 9112, 2 to 5; RFC 9110, 7.2.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fabro::egress {

// More than any of them has in practice; what is longer is refused.
inline constexpr std::size_t kMaxFirstBytes = 16384;

struct FirstBytes {
  enum class State {
    kMore,     // So far right, and not all of it.
    kName,     // `name` is what it is for.
    kNothing,  // It is one, without a name.
    kOther,    // It is none, or malformed.
  };
  State state = State::kOther;
  std::string name;  // In the form of model::NormalName.
};

// The handshake message may span records. Two server names, or one that is no host name: kOther.
FirstBytes ReadClientHello(std::string_view bytes);

// The head of an HTTP/1 request, and what its Host says, without the port. A request line with a
// whole URI must name the same host. Two Host lines, folded lines, NUL and bare CR: kOther.
// HTTP/2 without TLS ("PRI *") has no head of that kind: kOther.
FirstBytes ReadRequestHead(std::string_view bytes);

}  // namespace fabro::egress
