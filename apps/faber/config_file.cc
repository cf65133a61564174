#include "apps/faber/config_file.h"

#include <yaml-cpp/yaml.h>

#include <array>
#include <charconv>
#include <set>

namespace fabro::faber {
namespace {

constexpr std::size_t kMostText = 1U << 20U;

// A scalar or list of the file, with the place that errors name.
struct Entry {
  std::string where;  // "faber.yaml:3:5: sandbox.rootfs"
  YAML::Node value;
};

using Setter = Status (*)(model::RunRequest&, const Entry&, const Caller&);

Error Bad(const Entry& entry, std::string_view why, std::string fix) {
  return Failure(Code::kInvalidArgument, entry.where + ": " + std::string(why), "config_invalid",
                 std::move(fix));
}

Result<std::string> TextOf(const Entry& entry) {
  if (!entry.value.IsScalar()) return Bad(entry, "one value is expected here", "write a scalar");
  return entry.value.Scalar();
}

Result<std::uint64_t> CountOf(const Entry& entry) {
  const std::string text = TRY(TextOf(entry));
  std::uint64_t count = 0;
  const char* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, count);
  if (status == std::errc() && stop == end) return count;
  return Bad(entry, "'" + text + "' is not a whole number of zero or more",
             "write a whole number, for example 64");
}

// Bytes as a number (the seed's form), or with a unit.
Result<ByteSize> SizeOf(const Entry& entry) {
  const std::string text = TRY(TextOf(entry));
  auto size = ParseByteSize(text);
  if (!size.ok()) return Bad(entry, size.error().message, "write bytes, or 512MiB");
  return *size;
}

// Nanoseconds as a number (the seed's form), or with a unit.
Result<Nanos> SpanOf(const Entry& entry) {
  std::string text = TRY(TextOf(entry));
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) text += "ns";
  auto span = ParseDuration(text);
  if (!span.ok()) return Bad(entry, span.error().message, "write nanoseconds, or 30s");
  return *span;
}

Result<bool> SwitchOf(const Entry& entry) {
  const std::string text = TRY(TextOf(entry));
  if (text == "true") return true;
  if (text == "false") return false;
  return Bad(entry, "'" + text + "' is neither true nor false", "write true or false");
}

Status ReadMount(model::RunRequest& request, const Entry& entry, const Caller& caller) {
  if (!entry.value.IsMap()) {
    return Bad(entry, "a mount is a map", "write source, target and read_only");
  }
  std::string source;
  std::string target;
  bool read_only = true;
  for (const auto& pair : entry.value) {
    const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : "";
    const Entry part{entry.where + "." + key, pair.second};
    if (key == "source") {
      source = TRY(TextOf(part));
    } else if (key == "target") {
      target = TRY(TextOf(part));
    } else if (key == "read_only") {
      read_only = TRY(SwitchOf(part));
    } else {
      return Bad(part, "there is no such key", "a mount has source, target and read_only");
    }
  }
  return AddBind(request, entry.where, source, target, !read_only, caller);
}

Status EachOf(const Entry& entry, const auto& visit) {
  if (!entry.value.IsSequence()) return Bad(entry, "a list is expected here", "write [a, b]");
  for (std::size_t i = 0; i < entry.value.size(); ++i) {
    TRY(visit(Entry{entry.where + "[" + std::to_string(i) + "]", entry.value[i]}));
  }
  return {};
}

Status SetMounts(model::RunRequest& request, const Entry& entry, const Caller& caller) {
  return EachOf(entry, [&](const Entry& one) { return ReadMount(request, one, caller); });
}

Status SetDegrade(model::RunRequest& request, const Entry& entry, const Caller&) {
  return EachOf(entry, [&](const Entry& one) -> Status {
    const std::string layer = TRY(TextOf(one));
    return AddDegrade(request, one.where, layer);
  });
}

Status SetWorkspaceType(model::RunRequest& request, const Entry& entry, const Caller&) {
  const std::string text = TRY(TextOf(entry));
  const auto kind = model::ParseWorkspaceKind(text);
  if (!kind) return Bad(entry, "'" + text + "' is no workspace type", "write memory or disk");
  request.sandbox.workspace.kind = *kind;
  return {};
}

Status SetWorkspacePath(model::RunRequest& request, const Entry& entry, const Caller& caller) {
  const std::string text = TRY(TextOf(entry));
  const model::WorkspaceKind kind = request.sandbox.workspace.kind;
  TRY(SetWorkspace(request, entry.where, "disk:" + text, caller));
  request.sandbox.workspace.kind = kind;  // The key `type` says which; see CheckWorkspace.
  return {};
}

struct KeyInfo {
  std::string_view name;
  Setter set;
};

template <Status (*Set)(model::RunRequest&, std::string_view, ByteSize)>
Status Size(model::RunRequest& request, const Entry& entry, const Caller&) {
  const ByteSize size = TRY(SizeOf(entry));
  return Set(request, entry.where, size);
}

template <Status (*Set)(model::RunRequest&, std::string_view, Nanos)>
Status Span(model::RunRequest& request, const Entry& entry, const Caller&) {
  const Nanos span = TRY(SpanOf(entry));
  return Set(request, entry.where, span);
}

template <Status (*Set)(model::RunRequest&, std::string_view, std::uint64_t)>
Status Count(model::RunRequest& request, const Entry& entry, const Caller&) {
  const std::uint64_t count = TRY(CountOf(entry));
  return Set(request, entry.where, count);
}

template <Status (*Set)(model::RunRequest&, std::string_view, std::string_view)>
Status Word(model::RunRequest& request, const Entry& entry, const Caller&) {
  const std::string text = TRY(TextOf(entry));
  return Set(request, entry.where, text);
}

Status SetRoot(model::RunRequest& request, const Entry& entry, const Caller& caller) {
  const std::string text = TRY(TextOf(entry));
  return SetRootfs(request, entry.where, text, caller);
}

Status SetFresh(model::RunRequest& request, const Entry& entry, const Caller&) {
  request.sandbox.fresh = TRY(SwitchOf(entry));
  return {};
}

constexpr std::array kKeys = {
    KeyInfo{"security.default_security_level", Word<SetLevel>},
    KeyInfo{"sandbox.filesystem.tmpfs_size", Size<SetTmpfs>},
    KeyInfo{"sandbox.network.mode", Word<SetNetwork>},
    KeyInfo{"sandbox.fresh", SetFresh},
    KeyInfo{"sandbox.rootfs", SetRoot},
    KeyInfo{"sandbox.mounts", SetMounts},
    KeyInfo{"sandbox.workspace.type", SetWorkspaceType},
    KeyInfo{"sandbox.workspace.path", SetWorkspacePath},
    KeyInfo{"sandbox.degrade", SetDegrade},
    KeyInfo{"resource_limits.default.memory_limit", Size<SetMemory>},
    KeyInfo{"resource_limits.default.cpu_time_limit", Span<SetCpuTime>},
    KeyInfo{"resource_limits.default.wall_time_limit", Span<SetWallTime>},
    KeyInfo{"resource_limits.default.max_processes", Count<SetPids>},
    KeyInfo{"resource_limits.default.max_file_descriptors", Count<SetOpenFiles>},
    KeyInfo{"resource_limits.default.max_output_size", Size<SetOutput>},
    KeyInfo{"resource_limits.default.cpu_rate_limit", Count<SetCpuMillis>},
};

const KeyInfo* FindKey(std::string_view name) {
  for (const KeyInfo& key : kKeys) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

bool IsSection(const std::string& name) {
  for (const KeyInfo& key : kKeys) {
    if (key.name.starts_with(name + ".")) return true;
  }
  return false;
}

std::string KnownKeys() {
  std::string all;
  for (const KeyInfo& key : kKeys) all += (all.empty() ? "" : ", ") + std::string(key.name);
  return all;
}

class Reader {
 public:
  Reader(std::string_view name, model::RunRequest& request, const Caller& caller)
      : name_(name), request_(request), caller_(caller) {}

  Status Section(const YAML::Node& map, const std::string& prefix) {
    std::set<std::string> seen;
    for (const auto& pair : map) {
      const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : "?";
      const std::string path = prefix.empty() ? key : prefix + "." + key;
      const Entry entry{Place(pair.first.Mark()) + ": " + path, pair.second};
      if (!seen.insert(key).second) return Bad(entry, "the key is here twice", "keep one of them");
      TRY(Key(path, entry));
    }
    return {};
  }

  std::string Place(const YAML::Mark& mark) const {
    return name_ + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
  }

 private:
  Status Key(const std::string& path, const Entry& entry) {
    if (const KeyInfo* key = FindKey(path)) return key->set(request_, entry, caller_);
    if (IsSection(path)) {
      if (entry.value.IsNull()) return {};
      if (!entry.value.IsMap()) return Bad(entry, "a section is expected here", "indent its keys");
      return Section(entry.value, path);
    }
    return Failure(Code::kInvalidArgument, entry.where + ": this key is not read by faber run",
                   "config_key_unknown", "take it out; the keys are " + KnownKeys());
  }

  std::string name_;
  model::RunRequest& request_;
  const Caller& caller_;
};

Status CheckWorkspace(const std::string& name, const model::Workspace& workspace) {
  const bool disk = workspace.kind == model::WorkspaceKind::kDisk;
  if (disk != workspace.dir.value().empty()) return {};
  return Failure(Code::kInvalidArgument,
                 name + (disk ? ": sandbox.workspace.type is disk and there is no path"
                              : ": sandbox.workspace.path is set and the type is memory"),
                 "config_invalid",
                 disk ? "set sandbox.workspace.path" : "set sandbox.workspace.type to disk");
}

}  // namespace

Result<model::RunRequest> ReadConfig(std::string_view name, std::string_view text,
                                     model::RunRequest base, const Caller& caller) {
  const std::string file(name);
  if (text.size() > kMostText) {
    return Failure(Code::kInvalidArgument, file + ": more than 1 MiB is no configuration",
                   "config_invalid");
  }
  Reader reader(name, base, caller);
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    if (!root.IsNull() && !root.IsMap()) {
      return Failure(Code::kInvalidArgument, file + ":1:1: a map of sections is expected",
                     "config_invalid");
    }
    if (root.IsMap()) TRY(reader.Section(root, ""));
  } catch (const YAML::Exception& error) {
    return Failure(Code::kInvalidArgument, reader.Place(error.mark) + ": " + error.msg,
                   "config_invalid", "mend the YAML at that place");
  }
  TRY(CheckWorkspace(file, base.sandbox.workspace));
  return base;
}

}  // namespace fabro::faber
