#include "fabro/jail/command_policy/removal.h"

#include <algorithm>
#include <span>

namespace fabro::jail::command_policy {
namespace {

// A path component as an fnmatch pattern: what is quoted is escaped, an unknown part matches all.
struct Component {
  std::string pattern;
  bool unknown = false;
  bool only_unknown = true;
};

// "*", ".*", "?*", "[!.]*": takes (nearly) everything of a directory.
bool TakesAll(const Component& component) {
  std::string_view pattern = component.pattern;
  bool star = false;
  while (!pattern.empty()) {
    const char c = pattern.front();
    if (c == '[') {
      const std::size_t close = pattern.find(']', 2);
      if (close == std::string_view::npos) return false;
      pattern.remove_prefix(close + 1);
      continue;
    }
    if (c != '*' && c != '?' && c != '.') return false;
    star = star || c == '*';
    pattern.remove_prefix(1);
  }
  return star;
}

Component ComponentOf(std::string_view text, std::string_view marks) {
  Component component;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (marks[i] == Value::kHole) {
      component.unknown = true;
      component.pattern += '*';
      continue;
    }
    component.only_unknown = false;
    const bool special = c == '*' || c == '?' || c == '[' || c == ']' || c == '\\';
    if (special && marks[i] != Value::kActive) component.pattern += '\\';
    component.pattern += c;
  }
  return component;
}

std::vector<Component> ComponentsOf(const Value& path) {
  std::vector<Component> components;
  for (std::size_t begin = 0; begin <= path.text.size();) {
    const std::size_t end = std::min(path.text.find('/', begin), path.text.size());
    const std::string_view text = std::string_view(path.text).substr(begin, end - begin);
    const std::string_view marks = std::string_view(path.marks).substr(begin, end - begin);
    begin = end + 1;
    if (text.empty() || text == ".") continue;
    if (text == "..") {
      if (!components.empty()) components.pop_back();
      continue;
    }
    components.push_back(ComponentOf(text, marks));
  }
  return components;
}

bool Covers(std::span<const Component> components, std::span<const Component> blocked) {
  // What is in a blocked directory counts as the directory: /proc/*.
  if (components.size() == blocked.size() + 1 && TakesAll(components.back())) {
    components = components.first(blocked.size());
  }
  return std::ranges::equal(components, blocked, [](const Component& a, const Component& b) {
    return Matches(a.pattern, b.pattern);
  });
}

bool IsRoot(std::span<const Component> components) {
  return components.empty() || (components.size() == 1 && TakesAll(components.front()));
}

// With an unknown part at the head, which can be any path: the known tail must be one that a
// blocked path ends in.
bool TailFits(std::span<const Component> tail, const std::vector<std::string>& blocked_paths) {
  if (IsRoot(tail)) return true;
  return std::ranges::any_of(blocked_paths, [&](const std::string& path) {
    std::vector<Component> blocked = ComponentsOf(Value::Of(path));
    for (; !blocked.empty(); blocked.erase(blocked.begin())) {
      if (Covers(tail, blocked)) return true;
    }
    return false;
  });
}

}  // namespace

Reach ReachOf(const Value& operand, std::string_view cwd,
              const std::vector<std::string>& blocked_paths) {
  if (operand.text.empty()) return Reach::kNo;
  const bool absolute = operand.text.starts_with('/');
  const bool open_head = operand.marks.front() == Value::kHole || (!absolute && cwd.empty());
  Value whole;
  if (!absolute && !open_head) whole.Append(std::string(cwd) + "/");
  whole.Append(operand);
  const std::vector<Component> components = ComponentsOf(whole);
  if (open_head) {
    const auto last = std::ranges::find_if(components.rbegin(), components.rend(),
                                           [](const Component& one) { return one.unknown; });
    const auto tail = static_cast<std::size_t>(last - components.rbegin());
    return TailFits(std::span(components).last(tail), blocked_paths) ? Reach::kMaybe : Reach::kNo;
  }
  const bool unknown = std::ranges::any_of(components, &Component::unknown);
  const bool only_hole =
      components.size() == 1 && components.front().unknown && components.front().only_unknown;
  bool hit = IsRoot(components) || only_hole;
  for (const std::string& path : blocked_paths) {
    hit = hit || Covers(components, ComponentsOf(Value::Of(path)));
  }
  if (!hit) return Reach::kNo;
  return unknown ? Reach::kMaybe : Reach::kYes;
}

std::string NormalPath(std::string_view path, std::string_view cwd) {
  if (!path.starts_with('/') && cwd.empty()) return {};
  const std::string whole =
      path.starts_with('/') ? std::string(path) : std::string(cwd) + "/" + std::string(path);
  std::vector<std::string_view> parts;
  const std::string_view text = whole;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string normal;
  for (const std::string_view part : parts) normal += "/" + std::string(part);
  return normal.empty() ? "/" : normal;
}

}  // namespace fabro::jail::command_policy
