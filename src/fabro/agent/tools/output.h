// What becomes of a tool's output before a model sees it: bounded while it is collected, cut by
// characters and lines afterwards (agent, section 4.3). Characters are Unicode scalar values; no
// cut falls inside one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fabro::agent {

struct OutputLimit {
  enum class Mode { kHeadTail, kTail };
  std::size_t characters = 0;  // 0: none.
  Mode mode = Mode::kHeadTail;
  std::size_t lines = 0;  // 0: none; half of them from each end.

  friend bool operator==(const OutputLimit&, const OutputLimit&) = default;
};

// Characters first, then lines; markers say how much is missing.
std::string Truncate(std::string text, const OutputLimit& limit);

// The number of characters of UTF-8 text; a byte that is none counts as one.
std::size_t CountCharacters(std::string_view text);

// The first `count` characters.
std::string_view FirstCharacters(std::string_view text, std::size_t count);

// Bytes that are no UTF-8 become U+FFFD.
std::string ToUtf8(std::string_view bytes);

// Text for a terminal: control characters, escape sequences and bidirectional overrides become
// visible and harmless ("\x1b[31m" is shown as "\\x1b[31m"). Tabs and newlines stay when `lines`.
std::string Inert(std::string_view text, bool lines = true);

// Collects a stream of any length in bounded memory: the first and the last `half` bytes.
class BoundedText {
 public:
  explicit BoundedText(std::size_t half) : half_(half) {}
  void Add(std::string_view bytes);
  std::size_t total() const { return total_; }
  // Head and tail, with a marker between when bytes are missing. Ends the collection.
  std::string Take();

 private:
  std::size_t half_;
  std::size_t total_ = 0;
  std::string head_;
  std::string tail_;
};

}  // namespace fabro::agent
