#include "fabro/agent/tools/output.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace fabro::agent {
namespace {

// Length of the well-formed sequence at the start, 0 when there is none (Unicode 15, table 3-7).
std::size_t SequenceLength(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto between = [&](std::size_t i, unsigned low, unsigned high) {
    return at(i) >= low && at(i) <= high;
  };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return between(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return between(1, low, high) && between(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return between(1, low, high) && between(2, 0x80, 0xBF) && between(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// Where the last `count` characters begin. Counts from the end, so that 100 MB cost what is kept.
std::size_t LastCharacters(std::string_view text, std::size_t count) {
  std::size_t at = text.size();
  while (at > 0 && count > 0) {
    --at;
    if (!IsContinuation(text[at])) --count;
  }
  return at;
}

std::string CutCharacters(std::string text, const OutputLimit& limit) {
  if (limit.characters == 0 || text.size() <= limit.characters) return text;
  const std::size_t count = CountCharacters(text);
  if (count <= limit.characters) return text;
  const std::string number = std::to_string(count - limit.characters);
  const std::string marker = "[" + number +
                             " characters were left out here; the whole output is in the event "
                             "stream. Ask for less at a time to see them.]";
  if (limit.mode == OutputLimit::Mode::kTail) {
    return marker + "\n" + text.substr(LastCharacters(text, limit.characters));
  }
  const std::size_t head = limit.characters / 2;
  std::string cut(FirstCharacters(text, head));
  cut.append("\n").append(marker).append("\n");
  return cut.append(text, LastCharacters(text, limit.characters - head));
}

std::string CutLines(std::string text, std::size_t most) {
  if (most == 0) return text;
  std::vector<std::size_t> begins{0};
  for (std::size_t at = text.find('\n'); at != std::string::npos && at + 1 < text.size();
       at = text.find('\n', at + 1)) {
    begins.push_back(at + 1);
  }
  if (begins.size() <= most) return text;
  const std::size_t head = most / 2;
  const std::size_t tail = most - head;
  std::string cut = text.substr(0, begins[head]);
  cut += "[" + std::to_string(begins.size() - most) + " lines were left out here]\n";
  return cut.append(text, begins[begins.size() - tail]);
}

void AppendEscaped(std::string_view bytes, std::string& out) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.append("\\x").push_back(kDigits[byte >> 4U]);
    out.push_back(kDigits[byte & 15U]);
  }
}

// C1 controls, zero-width and bidirectional format characters, line and paragraph separators, the
// byte order mark, tags: what changes how a terminal shows other text.
bool IsTreacherous(std::string_view sequence) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 2) {
    const unsigned code = ((at(0) & 0x1FU) << 6U) | (at(1) & 0x3FU);
    return (code >= 0x80 && code <= 0x9F) || code == 0xAD || code == 0x61C;
  }
  if (sequence.size() == 3) {
    const unsigned code = ((at(0) & 0x0FU) << 12U) | ((at(1) & 0x3FU) << 6U) | (at(2) & 0x3FU);
    return (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF;
  }
  return sequence.size() == 4 && sequence.substr(0, 2) == "\xF3\xA0";
}

}  // namespace

std::size_t CountCharacters(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += IsContinuation(c) ? 0 : 1;
  return count;
}

std::string_view FirstCharacters(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (IsContinuation(text[at])) continue;
    if (count == 0) break;
    --count;
  }
  return text.substr(0, at);
}

std::string Truncate(std::string text, const OutputLimit& limit) {
  return CutLines(CutCharacters(std::move(text), limit), limit.lines);
}

std::string ToUtf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = SequenceLength(bytes);
    text.append(length == 0 ? std::string_view("\xEF\xBF\xBD") : bytes.substr(0, length));
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

std::string Inert(std::string_view text, bool lines) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    const std::string_view sequence = text.substr(0, length == 0 ? 1 : length);
    const auto byte = static_cast<unsigned char>(sequence[0]);
    const bool white = lines && (byte == '\n' || byte == '\t');
    const bool control = length == 1 && (byte < 0x20 || byte == 0x7F) && !white;
    if (length == 0 || control || IsTreacherous(sequence)) {
      AppendEscaped(sequence, safe);
    } else {
      safe.append(sequence);
    }
    text.remove_prefix(sequence.size());
  }
  return safe;
}

void BoundedText::Add(std::string_view bytes) {
  total_ += bytes.size();
  if (head_.size() < half_) {
    const std::size_t room = std::min(half_ - head_.size(), bytes.size());
    head_.append(bytes.substr(0, room));
    bytes.remove_prefix(room);
  }
  tail_.append(bytes);
  // By whole halves, so that adding stays linear.
  if (tail_.size() > 2 * half_) tail_.erase(0, tail_.size() - half_);
}

std::string BoundedText::Take() {
  if (tail_.size() > half_) tail_.erase(0, tail_.size() - half_);
  const std::size_t missing = total_ - head_.size() - tail_.size();
  std::string text = std::move(head_);
  if (missing > 0) {
    text += "\n[" + std::to_string(missing) + " bytes of output were not kept]\n";
  }
  text += tail_;
  return text;
}

}  // namespace fabro::agent
