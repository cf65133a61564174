#include "fabro/model/layers.h"

#include <algorithm>
#include <array>
#include <vector>

#include "fabro/base/nearest.h"

namespace fabro::model {
namespace {

constexpr std::array kLayers = {
    Layer{"namespaces", "all eight namespaces are its own, and no mount spreads out or in"},
    Layer{"identity", "two leased ids, no way to another one, no groups", true},
    Layer{"capabilities",
          "the capability sets have what was asked for alone (nothing, by default); no_new_privs"},
    Layer{"seccomp", "the system call filter of the level is loaded"},
    Layer{"landlock", "a Landlock domain mirrors the mounts", true, false},
    Layer{"cgroup", "it is in a control group made for it, which it cannot see or leave"},
    Layer{"root", "the root is read-only and has no name of the host above it"},
    Layer{"proc", "/proc shows its own processes and no setting of the kernel"},
    Layer{"time_ns", "the monotonic and boot clocks begin with it"},
    Layer{"network", "no network device but a loopback of its own"},
    Layer{"workspace_limit", "the writable tree has a limit of bytes", true},
};

Error Bad(std::string_view where, std::string message, std::string fix) {
  return Failure(Code::kInvalidArgument, std::string(where) + ": " + std::move(message),
                 "bad_option", std::move(fix));
}

std::vector<std::string_view> Names(bool only_missable) {
  std::vector<std::string_view> names;
  for (const Layer& layer : kLayers) {
    if (layer.may_lack || !only_missable) names.push_back(layer.name);
  }
  return names;
}

}  // namespace

std::span<const Layer> Layers() { return kLayers; }

const Layer* FindLayer(std::string_view name) {
  const auto found =
      std::ranges::find_if(kLayers, [&](const Layer& layer) { return layer.name == name; });
  return found == kLayers.end() ? nullptr : &*found;
}

std::string LayerNames(bool only_missable) {
  std::string all;
  for (const std::string_view name : Names(only_missable)) {
    all += (all.empty() ? "" : ", ") + std::string(name);
  }
  return all;
}

Status CheckLayerWord(std::string_view where, std::string_view word, bool degrade) {
  const std::string quoted = "'" + std::string(word) + "'";
  const Layer* layer = FindLayer(word);
  if (layer == nullptr) {
    const auto names = Names(degrade);
    const std::string_view nearest = NearestWord(word, names);
    return Bad(where, quoted + " is no layer",
               (nearest.empty() ? "" : "did you mean '" + std::string(nearest) + "'? ") +
                   std::string("the layers are ") + LayerNames(degrade));
  }
  if (degrade && !layer->may_lack) {
    return Bad(
        where, quoted + " cannot be given up: without it nothing is isolated here",
        "mend the host ('faber check' says how); only " + LayerNames(true) + " may be missing");
  }
  return {};
}

Status CheckContract(std::string_view where_require, std::span<const std::string> require,
                     std::span<const std::string> degrade, Level level) {
  for (const std::string& word : require) {
    TRY(CheckLayerWord(where_require, word, false));
    if (std::ranges::find(degrade, word) != degrade.end()) {
      return Bad(where_require, "'" + word + "' is required and may be missing (--degrade)",
                 "take it out of one of the two lists");
    }
    if (level == Level::kLow && !FindLayer(word)->low) {
      return Bad(where_require, "level low does not have '" + word + "'", "use --level medium");
    }
  }
  return {};
}

}  // namespace fabro::model
