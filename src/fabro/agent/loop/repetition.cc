#include "fabro/agent/loop/repetition.h"

#include <algorithm>

namespace fabro::agent {
namespace {

using model::Json;

// NOLINTNEXTLINE(misc-no-recursion): the depth is that of parsed JSON, at most 256.
Json Sorted(const Json& value) {
  if (const Json::Object* members = value.Members()) {
    Json::Object sorted;
    sorted.reserve(members->size());
    for (const auto& [name, member] : *members) sorted.emplace_back(name, Sorted(member));
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    return sorted;
  }
  if (const Json::Array* items = value.Items()) {
    Json::Array list;
    list.reserve(items->size());
    for (const Json& item : *items) list.push_back(Sorted(item));
    return list;
  }
  return value;
}

}  // namespace

std::string CallSignature(std::string_view name, const Json& arguments) {
  return std::string(name) + Sorted(arguments).Dump();
}

bool Repetition::Add(const std::vector<std::string>& signatures) {
  std::string turn;
  for (const std::string& signature : signatures) turn += signature + "\n";
  turns_.push_back(std::move(turn));
  if (turns_.size() > window_) turns_.pop_front();
  if (quiet_ > 0) {
    --quiet_;
    return false;
  }
  if (turns_.size() < window_) return false;
  if (!Repeats(1) && !Repeats(2) && !Repeats(3)) return false;
  quiet_ = window_;
  return true;
}

bool Repetition::Repeats(std::size_t length) const {
  const std::size_t used = window_ - window_ % length;
  const std::size_t first = turns_.size() - used;
  if (used < 2 * length) return false;
  for (std::size_t i = first + length; i < turns_.size(); ++i) {
    if (turns_[i] != turns_[i - length]) return false;
  }
  return true;
}

}  // namespace fabro::agent
