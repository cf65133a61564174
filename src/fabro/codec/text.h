// Bytes of a guest as text that JSON can carry without loss.
#pragma once

#include <string>
#include <string_view>

namespace fabro::codec {

// True for well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates.
bool IsUtf8(std::string_view bytes);

// RFC 4648 section 4, with padding.
std::string Base64(std::string_view bytes);

}  // namespace fabro::codec
