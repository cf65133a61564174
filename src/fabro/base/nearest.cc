#include "fabro/base/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace fabro {

std::size_t EditDistance(std::string_view a, std::string_view b, std::size_t limit) {
  const std::size_t apart = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (apart > limit) return limit + 1;
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string_view NearestWord(std::string_view text, std::span<const std::string_view> words) {
  const std::size_t close = std::max<std::size_t>(2, text.size() / 3);
  std::size_t best = close + 1;
  std::string_view nearest;
  for (const std::string_view word : words) {
    const std::size_t distance = EditDistance(text, word, close);
    if (distance >= best) continue;
    best = distance;
    nearest = word;
  }
  return nearest;
}

}  // namespace fabro
