#include "fabro/jail/slots/id_block.h"

#include <algorithm>
#include <charconv>

namespace fabro::jail {
namespace {

constexpr char kOwner[] = "faber";
// Reserved for systemd-nspawn and friends, and for foreign images.
constexpr IdRange kContainers{524288, 1879048192U - 524288U};
// Signed readers of ids take the upper half for errors.
constexpr std::uint64_t kEnd = 1ULL << 31U;

bool ParseId(std::string_view text, std::uint32_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

template <typename Line>
void EachLine(std::string_view text, Line&& line) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

bool Covered(const std::vector<IdRange>& mapped, const IdRange& block) {
  return std::any_of(mapped.begin(), mapped.end(), [&](const IdRange& range) {
    return range.first <= block.first && block.end() <= range.end();
  });
}

std::optional<std::string> MeetsId(const std::vector<std::uint32_t>& ids, const IdRange& block,
                                   const char* kind) {
  for (const std::uint32_t id : ids) {
    if (block.Overlaps({id, 1})) return std::string(kind) + " " + std::to_string(id);
  }
  return std::nullopt;
}

std::optional<std::string> MeetsRange(const std::vector<SubordinateRange>& ranges,
                                      const IdRange& block, const char* file) {
  for (const SubordinateRange& line : ranges) {
    if (block.Overlaps(line.range)) return std::string(file) + " of " + line.owner;
  }
  return std::nullopt;
}

// What `block` collides with; none when it is free.
std::optional<std::string> Collision(const IdFacts& facts, const IdRange& block) {
  if (block.first == 0 || block.end() > kEnd) return "the ends of the range of ids";
  if (block.Overlaps(kContainers)) return "systemd's container range 524288-1879048191";
  if (!Covered(facts.mapped_users, block) || !Covered(facts.mapped_groups, block)) {
    return "ids that are not mapped in this user namespace";
  }
  std::optional<std::string> met = MeetsRange(facts.subuid, block, "/etc/subuid");
  if (!met) met = MeetsRange(facts.subgid, block, "/etc/subgid");
  if (!met) met = MeetsId(facts.users, block, "user");
  if (!met) met = MeetsId(facts.groups, block, "group");
  return met;
}

const SubordinateRange* OurLine(const std::vector<SubordinateRange>& ranges) {
  const auto found = std::find_if(ranges.begin(), ranges.end(), [](const SubordinateRange& line) {
    return line.owner == kOwner;
  });
  return found != ranges.end() ? &*found : nullptr;
}

}  // namespace

std::vector<SubordinateRange> ParseSubordinate(std::string_view text) {
  std::vector<SubordinateRange> ranges;
  EachLine(text, [&](std::string_view line) {
    const std::size_t first = line.find(':');
    if (first == 0 || first == std::string_view::npos) return;
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) return;
    SubordinateRange range{std::string(line.substr(0, first)), {}};
    if (!ParseId(line.substr(first + 1, second - first - 1), range.range.first)) return;
    if (!ParseId(line.substr(second + 1), range.range.count)) return;
    ranges.push_back(std::move(range));
  });
  return ranges;
}

std::vector<IdRange> ParseIdMap(std::string_view text) {
  std::vector<IdRange> ranges;
  EachLine(text, [&](std::string_view line) {
    std::vector<std::uint32_t> numbers;
    while (!line.empty()) {
      const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
      const std::size_t end = std::min(line.find(' ', begin), line.size());
      std::uint32_t number = 0;
      if (begin < end && ParseId(line.substr(begin, end - begin), number))
        numbers.push_back(number);
      line.remove_prefix(end);
    }
    if (numbers.size() == 3) ranges.push_back({numbers[0], numbers[2]});
  });
  return ranges;
}

Result<IdRange> ChooseBlock(const IdFacts& facts, std::optional<std::uint32_t> base,
                            std::uint32_t count) {
  if (count < 2) return Failure(Code::kInvalidArgument, "identity.count is below 2");
  if (base.has_value()) {
    const IdRange block{*base, count};
    const std::optional<std::string> met = Collision(facts, block);
    if (!met.has_value()) return block;
    return Failure(Code::kFailedPrecondition,
                   "identity.base " + std::to_string(*base) + " meets " + *met,
                   "identity_base_collides", "choose another identity.base, or \"auto\"");
  }
  const SubordinateRange* user = OurLine(facts.subuid);
  const SubordinateRange* group = OurLine(facts.subgid);
  if (user != nullptr || group != nullptr) {
    const bool agree = user != nullptr && group != nullptr && user->range == group->range;
    if (agree && user->range.count >= 2) return user->range;
    return Failure(Code::kFailedPrecondition,
                   "the lines of faber in /etc/subuid and /etc/subgid do not agree",
                   "identity_base_collides", "give both files the same line, or neither");
  }
  for (std::uint64_t first = kBlockSize; first + count <= kEnd; first += kBlockSize) {
    const IdRange block{static_cast<std::uint32_t>(first), count};
    if (!Collision(facts, block).has_value()) return block;
  }
  return Failure(Code::kResourceExhausted, "no block of ids is free on this host", "no_free_ids",
                 "give faber a line of its own in /etc/subuid and /etc/subgid");
}

}  // namespace fabro::jail
