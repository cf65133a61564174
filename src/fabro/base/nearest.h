// The known word next to one that somebody mistyped, for "did you mean". Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace fabro {

// Edits (insert, delete, replace) from one word to the other; stops counting past `limit`.
std::size_t EditDistance(std::string_view a, std::string_view b, std::size_t limit);

// The word within a third of `text`'s letters (at least two edits), or empty when none is close.
std::string_view NearestWord(std::string_view text, std::span<const std::string_view> words);

}  // namespace fabro
