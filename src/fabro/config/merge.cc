// Laying layers over one another.
#include <algorithm>
#include <utility>

#include "fabro/config/resolve.h"

namespace fabro::config {
namespace {

using Entries = std::map<std::string, Entry, std::less<>>;
using Strings = std::vector<std::string>;

void MergeByKey(Entry& into, Entry&& from) {
  auto& map = std::get<templates::Map>(into.value);
  for (templates::Member& member : std::get<templates::Map>(from.value).members) {
    map.Set(std::move(member.name), std::move(member.value));
  }
  into.origin = std::move(from.origin);
}

void MergeHooks(Entry& into, Entry&& from) {
  auto& hooks = std::get<std::vector<Hook>>(into.value);
  for (Hook& hook : std::get<std::vector<Hook>>(from.value)) {
    const auto same = std::find_if(hooks.begin(), hooks.end(), [&](const Hook& known) {
      return !hook.id.empty() && known.id == hook.id;
    });
    if (same == hooks.end()) {
      hooks.push_back(std::move(hook));
    } else {
      *same = std::move(hook);
    }
  }
  into.origin = std::move(from.origin);
}

// Each "..." becomes the list below.
void Inherit(Strings& list, const Strings& below) {
  Strings whole;
  for (std::string& item : list) {
    if (item == "...") {
      whole.insert(whole.end(), below.begin(), below.end());
    } else {
      whole.push_back(std::move(item));
    }
  }
  list = std::move(whole);
}

void InheritLists(Entry& entry, const Entry* below) {
  if (auto* list = std::get_if<Strings>(&entry.value)) {
    const auto* old = below != nullptr ? std::get_if<Strings>(&below->value) : nullptr;
    return Inherit(*list, old != nullptr ? *old : Strings());
  }
  auto* models = std::get_if<Fallbacks>(&entry.value);
  if (models == nullptr) return;
  const auto* old = below != nullptr ? std::get_if<Fallbacks>(&below->value) : nullptr;
  Inherit(models->all, old != nullptr ? old->all : Strings());
  for (auto& [model, list] : models->of_model) {
    const bool known = old != nullptr && old->of_model.contains(model);
    Inherit(list, known ? old->of_model.at(model) : Strings());
  }
}

// A layer that says anything of the network says all of it: a list of one layer under the mode of
// another would be nobody's wish (environments, section 4).
void DropNetworkBelow(Entries& merged, const Layer& layer) {
  constexpr std::string_view kNetwork = "run.environment.network.";
  const auto within = [&](const auto& entry) { return entry.first.starts_with(kNetwork); };
  if (std::none_of(layer.entries.begin(), layer.entries.end(), within)) return;
  std::erase_if(merged, within);
}

// Whether `wanted` allows more than `set` does.
bool Raises(const SettingValue& wanted, const SettingValue& set) {
  if (std::holds_alternative<std::string>(wanted)) return wanted != set;  // on_limit
  if (const auto* count = std::get_if<std::int64_t>(&wanted)) {
    return *count > std::get<std::int64_t>(set);
  }
  if (const auto* money = std::get_if<double>(&wanted)) return *money > std::get<double>(set);
  return std::get<Nanos>(wanted) > std::get<Nanos>(set);
}

class Merger {
 public:
  void Lay(Layer&& layer) {
    DropNetworkBelow(merged_.entries, layer);
    for (std::string& note : layer.notes) merged_.notes.push_back(std::move(note));
    for (auto& [path, entry] : layer.entries) LayOne(layer.kind, path, std::move(entry));
  }

  Merged Done() && { return std::move(merged_); }

 private:
  void LayOne(LayerKind kind, const std::string& path, Entry&& entry) {
    merged_.said[path].push_back(entry);
    Entries& entries = merged_.entries;
    const auto known = entries.find(path);
    if (known != entries.end() && RefusedBudget(kind, path, entry, known->second)) return;
    if (path == "run.goal") entries.erase("run.goal_file");
    if (path == "run.goal_file") entries.erase("run.goal");
    const bool by_key = path == "run.labels" || path == "run.environment.env" ||
                        (path == "run.inputs" && kind == LayerKind::kFlags);
    if (path == "run.model.fallbacks" || path == "run.agent.skill_dirs") {
      InheritLists(entry, known != entries.end() ? &known->second : nullptr);
    }
    if (known == entries.end()) {
      entries.emplace(path, std::move(entry));
    } else if (by_key) {
      MergeByKey(known->second, std::move(entry));
    } else if (path == "run.hooks") {
      MergeHooks(known->second, std::move(entry));
    } else {
      known->second = std::move(entry);
    }
  }

  bool RefusedBudget(LayerKind kind, const std::string& path, const Entry& entry,
                     const Entry& below) {
    if (!path.starts_with("run.budget.") || !OfRepository(kind)) return false;
    if (below.origin.layer != LayerKind::kMachine || !Raises(entry.value, below.value)) {
      return false;
    }
    merged_.notes.push_back(entry.origin.place + ": " + path +
                            ": left out: a repository may lower the budget of " +
                            below.origin.place + ", not raise it");
    return true;
  }

  Merged merged_;
};

}  // namespace

Merged Merge(std::vector<Layer> layers) {
  std::stable_sort(layers.begin(), layers.end(),
                   [](const Layer& a, const Layer& b) { return a.kind < b.kind; });
  Merger merger;
  for (Layer& layer : layers) merger.Lay(std::move(layer));
  return std::move(merger).Done();
}

}  // namespace fabro::config
