#include "apps/faber/contract.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>

#include "fabro/model/capability.h"
#include "fabro/model/layers.h"

namespace fabro::faber {
namespace {

using State = Verdict::State;

constexpr std::array<std::string_view, 8> kKinds = {"cgroup", "ipc",  "mnt",  "net",
                                                    "pid",    "time", "user", "uts"};

std::string_view At(const Evidence& evidence, std::string_view key) {
  const auto found = evidence.find(key);
  return found == evidence.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<std::uint64_t> NumberAt(const Evidence& evidence, std::string_view key) {
  const std::string_view text = At(evidence, key);
  std::uint64_t value = 0;
  const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

// Collects what was seen; the first that is not as it must be makes the verdict a failure.
class Judge {
 public:
  explicit Judge(std::string layer, std::string_view promise) {
    verdict_.layer = std::move(layer);
    verdict_.what = std::string(promise);
    verdict_.state = State::kPass;
  }

  void See(std::string_view key, std::string_view seen, bool as_it_must_be) {
    const std::string fact =
        std::string(key) + " " + (seen.empty() ? "not seen" : std::string(seen));
    const bool holds = as_it_must_be && !seen.empty();
    if (holds && verdict_.state == State::kPass) {
      verdict_.evidence += (verdict_.evidence.empty() ? "" : ", ") + fact;
    } else if (!holds) {
      if (verdict_.state == State::kPass) verdict_.evidence.clear();
      verdict_.evidence += (verdict_.evidence.empty() ? "" : ", ") + fact;
      verdict_.state = State::kFail;
    }
  }

  Verdict Take() { return std::move(verdict_); }

 private:
  Verdict verdict_;
};

void Namespaces(const Observed& seen, Judge& judge) {
  for (const std::string_view kind : kKinds) {
    const std::string key = "ns." + std::string(kind);
    const std::string_view ours = At(seen.outside, key);
    const std::string_view theirs = At(seen.inside, key);
    judge.See(kind, theirs, !ours.empty() && theirs != ours && theirs.starts_with(kind));
  }
  judge.See("mounts tied to others", At(seen.inside, "mounts.tied"),
            At(seen.inside, "mounts.tied") == "0");
}

// "0 200000 1;1000 200001 1;": two ranges of one id each, none of them an id of the host's users.
void Identity(const Observed& seen, Judge& judge) {
  for (const char* map : {"uid_map", "gid_map"}) {
    const std::string_view text = At(seen.inside, map);
    const bool two = std::ranges::count(text, ';') == 2 && text.starts_with("0 ") &&
                     !text.starts_with("0 0 ") && text.find(" 1;") != std::string_view::npos;
    judge.See(map, text, two);
  }
  judge.See("setgroups", At(seen.inside, "setgroups"), At(seen.inside, "setgroups") == "deny;");
  judge.See("Uid", At(seen.inside, "status.Uid"),
            At(seen.inside, "status.Uid") == "1000 1000 1000 1000");
}

void Capabilities(const Observed& seen, Judge& judge) {
  // As the kernel writes a set: sixteen hexadecimal digits.
  const auto given =
      model::CapabilityMask("--cap-add", seen.spec.capabilities, seen.spec.level).value_or(0);
  std::string expected(16, '0');
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expected[i] = "0123456789abcdef"[given >> (4 * (expected.size() - 1 - i)) & 15U];
  }
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    const std::string_view value = At(seen.inside, "status." + std::string(set));
    judge.See(set, value, value == expected);
  }
  const std::string_view privs = At(seen.inside, "status.NoNewPrivs");
  judge.See("NoNewPrivs", privs, privs == "1");
}

void Seccomp(const Observed& seen, Judge& judge) {
  const std::string_view mode = At(seen.inside, "status.Seccomp");
  judge.See("Seccomp", mode, mode == "2");
}

void Landlock(const Observed& seen, Judge& judge) {
  const std::string_view canary = At(seen.inside, "canary");
  judge.See("open of the canary", canary, canary == "EACCES");
  judge.See("ABI", std::to_string(seen.info.landlock_abi), seen.info.landlock_abi > 0);
}

void Cgroup(const Observed& seen, Judge& judge) {
  const std::string_view text = At(seen.inside, "cgroup");
  bool roots = !text.empty();
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(';', begin), text.size());
    roots = roots && text.substr(begin, end - begin).ends_with(":/");
    begin = end + 1;
  }
  judge.See("/proc/self/cgroup", text, roots);
  const std::string_view tree = At(seen.inside, "sys.cgroup");
  judge.See("open of the tree", tree, tree == "ENOENT" || tree == "EACCES");
  std::string_view place = At(seen.outside, "init.cgroup");
  const std::size_t ours = place.find("/faber-");
  place = place.substr(std::min(ours, place.size()));
  judge.See("group on the host", place.substr(0, place.find(';')), ours != std::string_view::npos);
}

void Root(const Observed& seen, Judge& judge) {
  for (const char* key : {"write.root", "write.usr"}) {
    const std::string_view word = At(seen.inside, key);
    judge.See(key, word, word == "EROFS" || word == "EACCES");
  }
}

void Proc(const Observed& seen, Judge& judge) {
  const auto count = NumberAt(seen.inside, "proc.processes");
  judge.See("processes seen", At(seen.inside, "proc.processes"), count && *count <= 2);
  for (const char* key : {"proc.kcore", "proc.sysrq", "proc.core_pattern"}) {
    const std::string_view word = At(seen.inside, key);
    judge.See(key, word,
              word == "ENOENT" || word == "EACCES" || word == "EPERM" || word == "EROFS" ||
                  word == "EMPTY");
  }
}

// "monotonic -1000 0;boottime -1000 0;": how much is added to the machine's clocks.
void TimeNamespace(const Observed& seen, Judge& judge) {
  const std::string_view offsets = At(seen.inside, "timens_offsets");
  const bool moved = offsets.find("monotonic 0 0;") == std::string_view::npos &&
                     offsets.find("boottime 0 0;") == std::string_view::npos;
  judge.See("offsets", offsets, moved && offsets.find("boottime") != std::string_view::npos);
  const auto boottime = NumberAt(seen.inside, "boottime");
  judge.See("seconds since boot", At(seen.inside, "boottime"), boottime.has_value());
}

// Each device is one ';' line "lo: …" behind two lines of headings.
void Network(const Observed& seen, Judge& judge) {
  const std::string_view text = At(seen.inside, "net.dev");
  std::string devices;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(';', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      devices += (devices.empty() ? "" : " ") + std::string(line.substr(0, colon));
    }
    begin = end + 1;
  }
  judge.See("devices", devices, devices == "lo");
}

void WorkspaceLimit(const Observed& seen, Judge& judge) {
  const std::string& limit = seen.info.workspace_limit;
  judge.See("held by", limit, limit != "none");
  if (limit == "tmpfs") {
    const auto bytes = NumberAt(seen.inside, "workspace.bytes");
    judge.See("bytes", At(seen.inside, "workspace.bytes"), bytes && *bytes > 0);
  }
}

struct Check {
  std::string_view layer;
  void (*run)(const Observed&, Judge&);
};
constexpr Check kChecks[] = {{"namespaces", Namespaces},
                             {"identity", Identity},
                             {"capabilities", Capabilities},
                             {"seccomp", Seccomp},
                             {"landlock", Landlock},
                             {"cgroup", Cgroup},
                             {"root", Root},
                             {"proc", Proc},
                             {"time_ns", TimeNamespace},
                             {"network", Network},
                             {"workspace_limit", WorkspaceLimit}};

}  // namespace

std::string_view ToString(Verdict::State state) {
  switch (state) {
    case State::kPass:
      return "PASS";
    case State::kFail:
      return "FAIL";
    case State::kDegraded:
      return "DEGRADED";
  }
  return "?";
}

Evidence ParseEvidence(std::string_view text) {
  Evidence evidence;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    const std::size_t space = std::min(line.find(' '), line.size());
    if (space > 0) {
      evidence.emplace(line.substr(0, space), line.substr(std::min(space + 1, line.size())));
    }
    begin = end + 1;
  }
  return evidence;
}

std::vector<Verdict> JudgeLayers(const Observed& observed) {
  std::vector<Verdict> verdicts;
  for (const model::Layer& layer : model::Layers()) {
    if (observed.spec.level == model::Level::kLow && !layer.low) continue;
    Judge judge(std::string(layer.name), layer.promise);
    const auto check =
        std::ranges::find_if(kChecks, [&](const Check& each) { return each.layer == layer.name; });
    if (check != std::end(kChecks)) check->run(observed, judge);
    Verdict verdict = judge.Take();
    const auto& degraded = observed.info.degraded;
    if (std::ranges::find(degraded, layer.name) != degraded.end()) verdict.state = State::kDegraded;
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

Status HoldsAll(const std::vector<Verdict>& verdicts, const std::vector<std::string>& required) {
  for (const std::string& layer : required) {
    const auto found = std::ranges::find_if(
        verdicts, [&](const Verdict& verdict) { return verdict.layer == layer; });
    if (found != verdicts.end() && found->state == State::kPass) continue;
    const std::string seen = found == verdicts.end() ? "nothing was seen of it" : found->evidence;
    return Failure(Code::kFailedPrecondition,
                   "--require: '" + layer + "' does not hold in this sandbox: " + seen,
                   "isolation_unavailable", "run 'faber check' to see what this machine lacks");
  }
  return {};
}

model::Json ToJson(const Verdict& verdict) {
  return model::Json::MakeObject()
      .Set("invariant", verdict.layer)
      .Set("state", ToString(verdict.state))
      .Set("what", verdict.what)
      .Set("evidence", verdict.evidence);
}

}  // namespace fabro::faber
