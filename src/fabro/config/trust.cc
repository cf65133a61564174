#include "fabro/config/trust.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "fabro/config/dotenv.h"
#include "fabro/config/interpolate.h"
#include "fabro/config/toml.h"

namespace fabro::config {
namespace {

namespace fs = std::filesystem;

// "dir/f.toml:3:1" → "dir/f.toml".
std::string FileOf(const Origin& origin) {
  const std::size_t column = origin.place.rfind(':');
  return origin.place.substr(0, origin.place.rfind(':', column - 1));
}

std::string Real(const fs::path& path) {
  std::error_code failed;
  const fs::path real = fs::weakly_canonical(path, failed);
  return failed ? path.lexically_normal().string() : real.string();
}

bool IsWithin(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/") || directory == "/";
}

std::string ListText(const std::vector<std::string>& texts) {
  templates::List list;
  for (const std::string& text : texts) list.emplace_back(text);
  return templates::JsonOf(list);
}

std::string Program(const std::string& script, const std::vector<std::string>& command) {
  return script.empty() ? ListText(command) : templates::JsonOf(script);
}

class Collector {
 public:
  Collector(const Settings& settings, const std::string& home)
      : settings_(settings), own_(home.empty() ? "" : Real(fs::path(home) / ".fabro")) {}

  std::vector<HostEffect> Run(bool local_environment) {
    if (local_environment) {
      Add(settings_.OriginOf("run.environment.id"),
          "environment '" + settings_.environment + "' runs commands without isolation");
    }
    Sandbox();
    for (const Hook& hook : settings_.hooks) OfHook(hook);
    for (const auto& [name, server] : settings_.agent.mcps) OfServer(name, server);
    for (const auto& [name, provider] : settings_.llm_providers) OfProvider(name, provider);
    References("run.environment.env", settings_.overrides.env);
    return std::move(effects_);
  }

 private:
  bool OfRepositoryFile(const Origin& origin) const {
    return OfRepository(origin.layer) && (own_.empty() || !IsWithin(Real(FileOf(origin)), own_));
  }

  void Add(const Origin& origin, std::string what) {
    if (!OfRepositoryFile(origin)) return;
    const std::string directory = fs::path(Real(FileOf(origin))).parent_path().string();
    effects_.push_back({Real(ProjectRoot(directory)), std::move(what), origin.place});
  }

  // The origin of the first field of a table that a repository's file has set.
  Origin RepositoryOrigin(const std::string& table) const {
    for (auto it = settings_.origins.lower_bound(table); it != settings_.origins.end(); ++it) {
      if (!it->first.starts_with(table)) break;
      if (OfRepositoryFile(it->second)) return it->second;
    }
    return {};
  }

  void Sandbox() {
    for (const auto& [path, text] :
         {std::pair("run.environment.namespace.rootfs", settings_.overrides.namespace_rootfs),
          std::pair("run.environment.image.docker", settings_.overrides.image_docker)}) {
      if (text && *text != "host-dirs") {
        Add(settings_.OriginOf(path), "the root of the sandbox is " + *text);
      }
    }
    if (!settings_.goal_file) return;
    const Origin origin = settings_.OriginOf("run.goal_file");
    const std::string file = Real(*settings_.goal_file);
    if (OfRepositoryFile(origin)) {
      const std::string folder = fs::path(Real(FileOf(origin))).parent_path().string();
      if (!IsWithin(file, Real(ProjectRoot(folder)))) Add(origin, "the goal is read from " + file);
    }
  }

  void OfHook(const Hook& hook) {
    const std::string name = hook.id.empty() ? "hook" : "hook " + hook.id;
    if (hook.type == "http") {
      Add(hook.origin, name + " sends requests to " + hook.url);
    } else if (hook.type == "command" && !hook.sandbox) {
      Add(hook.origin, name + " starts on this machine: " + Program(hook.script, hook.command));
    }
    References(hook.origin, name + " headers", hook.headers);
    for (const std::string& variable : hook.allowed_env_vars) {
      Add(hook.origin, name + " is given the variable " + variable);
    }
  }

  void OfServer(const std::string& name, const McpServer& server) {
    const Origin origin = RepositoryOrigin("run.agent.mcps." + name + ".");
    const std::string who = "MCP server " + name;
    if (server.type == "stdio") {
      Add(origin, who + " starts on this machine: " + Program(server.script, server.command));
    }
    if (server.type == "http") {
      References(origin, who + " at " + server.url, server.headers);
    }
    References(origin, who, server.env);
  }

  // A cloned repository must not redirect keys.
  void OfProvider(const std::string& name, const LlmProvider& provider) {
    const Origin origin = RepositoryOrigin("llm.providers." + name + ".");
    if (provider.base_url) {
      Add(origin, "model provider " + name + " and its key go to " + *provider.base_url);
    }
    if (provider.api_key_env) {
      Add(origin, "model provider " + name + " is given the variable " + *provider.api_key_env);
    }
    References(origin, "model provider " + name, provider.headers);
  }

  void References(const std::string& path, const std::map<std::string, std::string>& texts) {
    References(settings_.OriginOf(path), path, texts);
  }
  void References(const Origin& origin, const std::string& who,
                  const std::map<std::string, std::string>& texts) {
    for (const auto& [name, text] : texts) {
      const auto references = ReferencesOf(text);
      if (!references.ok()) continue;  // Said where it is used.
      for (const Reference& reference : *references) {
        const bool secret = reference.kind == Reference::Kind::kSecret;
        Add(origin, who + " reads the " + (secret ? "secret " : "variable ") + reference.name);
      }
    }
  }

  const Settings& settings_;
  std::string own_;
  std::vector<HostEffect> effects_;
};

// A TOML basic string; JSON's escapes are a subset, but for DEL.
std::string Quoted(const std::string& text) {
  std::string quoted;
  for (const char c : templates::JsonOf(text)) {
    if (c == '\x7f') {
      quoted += "\\u007F";
    } else {
      quoted += c;
    }
  }
  return quoted;
}

}  // namespace

std::vector<HostEffect> HostEffects(const Settings& settings, bool local_environment,
                                    const std::string& home) {
  return Collector(settings, home).Run(local_environment);
}

Result<TrustStore> TrustStore::Parse(std::string_view text, const std::string& file) {
  const Error bad = Failure(Code::kInvalidArgument, file + " is no list of trusted directories",
                            "bad_trust_file", "mend it, or remove it and be asked again");
  const auto document = ParseToml(text, file);
  if (!document) return bad;
  TrustStore store;
  const TomlValue* list = document->Find("trusted");
  if (list == nullptr) return store;
  for (const TomlValue& item : list->items) {
    const TomlValue* path = item.Find("path");
    const TomlValue* entries = item.Find("entries");
    if (path == nullptr || path->kind != TomlValue::Kind::kString || entries == nullptr) return bad;
    auto& known = store.roots_[std::get<std::string>(path->scalar.data)];
    for (const TomlValue& entry : entries->items) {
      if (entry.kind != TomlValue::Kind::kString) return bad;
      known.push_back(std::get<std::string>(entry.scalar.data));
    }
  }
  return store;
}

std::string TrustStore::Encode() const {
  std::string text =
      "# Directories whose settings may do these things on this machine: fabro trust\n";
  for (const auto& [root, entries] : roots_) {
    text += "\n[[trusted]]\npath = " + Quoted(root) + "\nentries = [\n";
    for (const std::string& entry : entries) text += "  " + Quoted(entry) + ",\n";
    text += "]\n";
  }
  return text;
}

std::vector<HostEffect> TrustStore::Missing(const std::vector<HostEffect>& effects) const {
  std::vector<HostEffect> missing;
  for (const HostEffect& effect : effects) {
    const auto known = roots_.find(effect.root);
    const bool agreed =
        known != roots_.end() &&
        std::find(known->second.begin(), known->second.end(), effect.what) != known->second.end();
    if (!agreed) missing.push_back(effect);
  }
  return missing;
}

// Adds: another workflow of the same repository has other effects, agreed to before.
void TrustStore::Agree(const std::vector<HostEffect>& effects) {
  for (const HostEffect& effect : Missing(effects)) roots_[effect.root].push_back(effect.what);
}

bool TrustStore::Remove(const std::string& root) { return roots_.erase(root) > 0; }

}  // namespace fabro::config
