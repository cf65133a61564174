#include "live_block.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace fabro::cli {
namespace {

// The code point that begins at `text[0]`, and its bytes. The text is inert, so it is UTF-8.
std::pair<std::uint32_t, std::size_t> First(std::string_view text) {
  const auto byte = static_cast<unsigned char>(text[0]);
  const std::size_t size = std::min<std::size_t>(byte >= 0xF0   ? 4
                                                 : byte >= 0xE0 ? 3
                                                 : byte >= 0xC0 ? 2
                                                                : 1,
                                                 text.size());
  std::uint32_t code = size == 1 ? byte : byte & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  return {code, size};
}

// Unicode's East Asian wide ranges and emoji, roughly; combining marks and joiners take no column.
std::size_t WidthOf(std::uint32_t code) {
  const auto in = [code](std::uint32_t first, std::uint32_t last) {
    return code >= first && code <= last;
  };
  if (in(0x300, 0x36F) || in(0x200B, 0x200D) || in(0xFE00, 0xFE0F) || in(0x20D0, 0x20FF)) return 0;
  const bool wide = in(0x1100, 0x115F) || in(0x2E80, 0xA4CF) || in(0xAC00, 0xD7A3) ||
                    in(0xF900, 0xFAFF) || in(0xFE30, 0xFE6F) || in(0xFF00, 0xFF60) ||
                    in(0xFFE0, 0xFFE6) || in(0x1F300, 0x1FAFF) || in(0x20000, 0x3FFFD);
  return wide ? 2 : 1;
}

std::size_t Rows() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  constexpr std::size_t kUnknown = 24;
  return known ? size.ws_row : kUnknown;
}

}  // namespace

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const auto [code, size] = First(text);
    width += WidthOf(code);
    text.remove_prefix(size);
  }
  return width;
}

std::string FitWidth(std::string_view text, std::size_t columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  std::string fitted;
  std::size_t width = 0;
  while (!text.empty()) {
    const auto [code, size] = First(text);
    width += WidthOf(code);
    if (width + 1 > columns) break;  // Room for the mark of the cut.
    fitted += text.substr(0, size);
    text.remove_prefix(size);
  }
  return columns > 0 ? fitted + "…" : fitted;
}

void LiveBlock::Draw(const std::vector<LiveLine>& lines) {
  Clear();
  // The last column stays free: some terminals wrap as soon as it is written.
  const std::size_t columns = std::max<std::size_t>(console_.columns(), 2) - 1;
  const std::size_t rows = std::max<std::size_t>(Rows(), 2) - 1;
  const std::size_t first = lines.size() > rows ? lines.size() - rows : 0;
  std::string out;
  for (std::size_t i = first; i < lines.size(); ++i) {
    const std::string text = FitWidth(lines[i].text, columns);
    if (i > first) out += "\n";
    out += lines[i].sgr.empty() ? text : console_.Paint(lines[i].sgr, text);
    widths_.push_back(DisplayWidth(text));
  }
  (void)std::fwrite(out.data(), 1, out.size(), stderr);
  (void)std::fflush(stderr);
}

void LiveBlock::Clear() {
  if (widths_.empty()) return;
  // Where the terminal is narrower now than when they were drawn, it has wrapped them.
  const std::size_t columns = std::max<std::size_t>(console_.columns(), 1);
  std::size_t rows = 0;
  for (const std::size_t width : widths_)
    rows += std::max<std::size_t>(1, (width + columns - 1) / columns);
  std::string out = "\r\x1b[K";
  for (std::size_t i = 1; i < rows; ++i) out += "\x1b[1A\x1b[K";
  widths_.clear();
  (void)std::fwrite(out.data(), 1, out.size(), stderr);
  (void)std::fflush(stderr);
}

}  // namespace fabro::cli
