#include "fabro/provider/namespace/marker.h"

#include <array>
#include <utility>

#include "fabro/codec/json/json.h"
#include "fabro/linux/file.h"
#include "fabro/model/json.h"

namespace fabro::provider {
namespace {

constexpr ByteSize kMaxMarker = 64_KiB;
constexpr std::array<std::pair<MarkerState, std::string_view>, 3> kStates = {
    {{MarkerState::kCreating, "creating"},
     {MarkerState::kReady, "ready"},
     {MarkerState::kStopped, "stopped"}}};

std::string PathOf(const std::string& directory) { return directory + "/sandbox.json"; }

Error Invalid(std::string what) {
  return Failure(Code::kInvalidArgument, "sandbox.json: " + std::move(what), "marker_invalid");
}

}  // namespace

std::string SandboxIdOf(const std::string& run_id) {
  std::string id = "ns-" + run_id;
  for (char& c : id) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return id;
}

std::string SandboxDir(const std::string& storage, const std::string& run_id) {
  return storage + "/sandboxes/" + SandboxIdOf(run_id);
}

std::string EncodeMarker(const Marker& marker) {
  model::Json json = model::Json::MakeObject();
  json.Set("managed", true).Set("provider", "namespace").Set("run_id", marker.run_id);
  json.Set("sandbox_id", marker.sandbox_id).Set("boot_id", marker.boot_id);
  json.Set("init_pid", std::int64_t{marker.init.pid});
  json.Set("init_start_time", marker.init.start_time).Set("level", marker.level);
  json.Set("rootfs", marker.rootfs).Set("workspace_limit", marker.workspace_limit);
  json.SetIfAny("rootfs_digest", marker.rootfs_digest);
  json.Set("workspace", marker.workspace).Set("rw", "rw").Set("created_at", marker.created_at);
  for (const auto& [state, word] : kStates) {
    if (state == marker.state) json.Set("state", word);
  }
  return json.Dump() + "\n";
}

Result<Marker> DecodeMarker(std::string_view text) {
  const model::Json json = TRY(codec::ParseJson(text));
  if (!json.BoolAt("managed") || json.StringAt("provider") != "namespace") {
    return Invalid("is not a marker of ours");
  }
  Marker marker;
  marker.run_id = json.StringAt("run_id");
  marker.sandbox_id = json.StringAt("sandbox_id");
  marker.boot_id = json.StringAt("boot_id");
  marker.init.pid = static_cast<pid_t>(json.IntAt("init_pid"));
  marker.init.start_time = static_cast<std::uint64_t>(json.IntAt("init_start_time"));
  marker.level = json.StringAt("level");
  marker.rootfs = json.StringAt("rootfs");
  marker.rootfs_digest = json.StringAt("rootfs_digest");
  marker.workspace_limit = json.StringAt("workspace_limit");
  marker.workspace = json.StringAt("workspace");
  marker.created_at = json.StringAt("created_at");
  if (marker.run_id.empty() || marker.sandbox_id != SandboxIdOf(marker.run_id)) {
    return Invalid("names no run, or another sandbox");
  }
  const std::string state = json.StringAt("state");
  for (const auto& [value, word] : kStates) {
    if (word != state) continue;
    marker.state = value;
    return marker;
  }
  return Invalid("unknown state '" + state + "'");
}

Status SaveMarker(const std::string& directory, const Marker& marker) {
  return ReplaceFile(PathOf(directory), EncodeMarker(marker), 0600);
}

Result<Marker> LoadMarker(const std::string& directory) {
  const std::string text = TRY(ReadFile(PathOf(directory), kMaxMarker));
  return DecodeMarker(text);
}

Result<bool> InitIsAlive(const Marker& marker) {
  if (marker.init.pid <= 0) return false;
  const std::string boot_id = TRY(BootId());
  if (boot_id != marker.boot_id) return false;
  return IsAlive(marker.init);
}

}  // namespace fabro::provider
