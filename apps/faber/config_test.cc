// The configuration as users meet it: a file's text to the request that the engine gets.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "apps/faber/config_print.h"
#include "apps/faber/settings_request.h"

namespace fabro::faber {
namespace {

using config::engine::Finding;
using config::engine::Inputs;
using config::engine::Layer;
using config::engine::Load;
using config::engine::Loaded;
using config::engine::Severity;

const Caller kCaller{.cwd = "/etc/faber", .tty = false, .term = ""};

Loaded LoadText(std::string_view text) {
  Inputs inputs;
  inputs.file_name = "faber.yaml";
  inputs.file_text = std::string(text);
  return Load(inputs);
}

Result<model::RunRequest> Read(std::string_view text) {
  const Loaded loaded = LoadText(text);
  TRY(Usable(loaded.findings));
  model::RunRequest request = DefaultRequest();
  TRY(ApplySettings(loaded.settings, request, kCaller));
  return request;
}

std::string ErrorOf(std::string_view text) {
  const auto read = Read(text);
  return read.ok() ? "" : read.error().ToString();
}

std::string Example(const std::string& name) {
  std::ifstream file(std::string(FABRO_SOURCE_DIR) + "/examples/" + name);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

bool Has(const Loaded& loaded, std::string_view code, Severity severity) {
  return std::ranges::any_of(loaded.findings, [&](const Finding& one) {
    return one.code == code && one.severity == severity;
  });
}

bool HasErrors(const Loaded& loaded) {
  return std::ranges::any_of(loaded.findings,
                             [](const Finding& one) { return one.severity == Severity::kError; });
}

TEST(Config, EachKeyReachesTheFieldOfItsFlag) {
  const auto read = Read(R"(
security: {default_security_level: high}
sandbox:
  filesystem: {tmpfs_size: 104857600, allowed_paths: [/data/out], blocked_paths: [/boot]}
  network: {mode: none}
  fresh: true
  rootfs: dir:roots/debian
  degrade: [landlock]
  mounts:
    - {source: /srv/data, target: /data}
    - {source: src, target: /src, read_only: false}
resource_limits:
  default:
    memory_limit: 1GiB
    cpu_time_limit: 30000000000
    wall_time_limit: 2m
    max_processes: 20
    max_file_descriptors: 200
    max_output_size: 2097152
    cpu_rate_limit: 500
container: {hostname: box}
)");
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  EXPECT_EQ(read->sandbox.level, model::Level::kHigh);
  EXPECT_EQ(read->sandbox.workspace.size, 100_MiB);
  EXPECT_EQ(read->sandbox.network, model::NetworkMode::kNone);
  EXPECT_TRUE(read->sandbox.fresh);
  EXPECT_EQ(read->sandbox.hostname, "box");
  EXPECT_EQ(read->sandbox.allowed_paths, std::vector<GuestPath>{GuestPath("/data/out")});
  EXPECT_EQ(read->sandbox.blocked_paths, std::vector<GuestPath>{GuestPath("/boot")});
  EXPECT_EQ(read->sandbox.root.dir, HostPath("/etc/faber/roots/debian"));
  EXPECT_EQ(read->sandbox.degrade, std::vector<std::string>{"landlock"});
  ASSERT_EQ(read->sandbox.binds.size(), 2U);
  EXPECT_FALSE(read->sandbox.binds[0].writable);
  EXPECT_EQ(read->sandbox.binds[1].source, HostPath("/etc/faber/src"));
  EXPECT_TRUE(read->sandbox.binds[1].writable);
  const model::Limits& limits = read->exec.limits;
  EXPECT_EQ(limits.memory, 1_GiB);
  EXPECT_EQ(limits.cpu_time, Nanos(std::chrono::seconds(30)));
  EXPECT_EQ(limits.wall_time, Nanos(std::chrono::minutes(2)));
  EXPECT_EQ(limits.pids, 20U);
  EXPECT_EQ(limits.open_files, 200U);
  EXPECT_EQ(limits.output, 2_MiB);
  EXPECT_EQ(limits.cpu_millis, 500U);
}

TEST(Config, AnEmptyFileChangesNothing) {
  const auto read = Read("");
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  EXPECT_EQ(*read, DefaultRequest());
  EXPECT_EQ(PolicyOf(LoadText("").settings), model::CommandPolicy());
}

TEST(Config, MistakesNameTheirPlace) {
  const auto limit = [](std::string_view value) {
    return ErrorOf("resource_limits:\n  default:\n    memory_limit: " + std::string(value) + "\n");
  };
  for (const char* value : {"0", "-1", "1.5", "abc", "[1]", "1EB"}) {
    EXPECT_NE(limit(value).find("faber.yaml:3:5: resource_limits.default.memory_limit"),
              std::string::npos)
        << value << ": " << limit(value);
  }
  EXPECT_NE(ErrorOf("sandbox:\n  mounts:\n    - {source: /a, target: /b, mode: rw}\n").find("mode"),
            std::string::npos);
  EXPECT_NE(ErrorOf("a: [1, 2\n").find("faber.yaml:"), std::string::npos);
  EXPECT_NE(ErrorOf("just text\n").find("a map of sections"), std::string::npos);
  EXPECT_NE(ErrorOf(std::string(3, '\0') + "\x01\x02").find("faber.yaml"), std::string::npos);
}

TEST(Config, TheCommandPolicyIsReadFromValidation) {
  const Loaded loaded = LoadText(
      "validation: {mode: allow, preset: precise, blocked: [curl], allowed: ['@seed', go], "
      "on_indeterminate: deny, allow_workspace_binaries: false, blocked_env_vars: [BASH_ENV], "
      "max_command_length: 100, max_env_value_length: 10}");
  ASSERT_TRUE(loaded.findings.empty());
  const model::CommandPolicy policy = PolicyOf(loaded.settings);
  EXPECT_EQ(policy.mode, model::PolicyMode::kAllow);
  EXPECT_EQ(policy.preset, model::PolicyPreset::kPrecise);
  EXPECT_EQ(policy.blocked, std::vector<std::string>{"curl"});
  EXPECT_EQ(policy.allowed, (std::vector<std::string>{"@seed", "go"}));
  EXPECT_EQ(policy.on_indeterminate, model::OnIndeterminate::kDeny);
  EXPECT_FALSE(policy.allow_workspace_binaries);
  EXPECT_EQ(policy.blocked_env_vars, std::vector<std::string>{"BASH_ENV"});
  EXPECT_EQ(policy.max_command_length, 100U);
  EXPECT_EQ(policy.max_env_value_length, 10U);
}

// What this command prints can be its input again, and then means the same.
TEST(Config, PrintedYamlIsReadAsTheSameSettings) {
  const Loaded first = LoadText(
      "validation: {blocked: ['git push', \"it's\", '@x', '12']}\n"
      "sandbox: {mounts: [{source: /a, target: /b c}]}\n"
      "resource_limits: {judge: {memory_limit: 256MiB}}\nlimits_profile: judge\n");
  const std::string yaml = SettingsYaml(first.settings);
  const Loaded second = LoadText(yaml);
  EXPECT_FALSE(HasErrors(second)) << FindingsText(second.findings) << yaml;
  for (const auto& [key, setting] : first.settings.all()) {
    ASSERT_NE(second.settings.Find(key), nullptr) << key;
    EXPECT_EQ(second.settings.Find(key)->value, setting.value) << key;
  }
}

TEST(Config, EverySettingIsPrintedWithItsSource) {
  Inputs inputs;
  inputs.environment = {"FABER_AUTH_API_KEY=hunter2-very-secret"};
  const Loaded loaded = Load(inputs);
  const std::string yaml = SettingsYaml(loaded.settings);
  const std::string json = SettingsJson(loaded.settings).Dump();
  EXPECT_NE(yaml.find("# environment, FABER_AUTH_API_KEY"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("# built-in"), std::string::npos);
  EXPECT_EQ(yaml.find("hunter2"), std::string::npos);
  EXPECT_EQ(json.find("hunter2"), std::string::npos);
}

TEST(ExampleProfiles, LoadAsWritten) {
  for (const char* name : {"development.yaml", "production.yaml", "high-security.yaml"}) {
    const Loaded loaded = LoadText(Example(name));
    EXPECT_FALSE(HasErrors(loaded)) << name << "\n" << FindingsText(loaded.findings);
    EXPECT_TRUE(Has(loaded, "CFG_NETNS_IMPLIED", Severity::kWarning)) << name;
  }
}

// `network: false` reads like "the host's network" there; it is not.
TEST(ExampleProfiles, dev_profile_network_is_private) {
  const Loaded loaded = LoadText(Example("development.yaml"));
  EXPECT_EQ(loaded.settings.Find("sandbox.namespaces.network")->value, model::Json(false));
  EXPECT_TRUE(loaded.settings.IsBuiltIn("sandbox.network.mode"));
  EXPECT_FALSE(loaded.settings.Flag("sandbox.network.enabled"));
  EXPECT_TRUE(Has(loaded, "CFG_NETNS_IMPLIED", Severity::kWarning));
}

TEST(ExampleProfiles, HighSecurityHasItsLimits) {
  const Loaded loaded = LoadText(Example("high-security.yaml"));
  EXPECT_EQ(loaded.settings.Number("resource_limits.default.memory_limit"), 268435456U);
  EXPECT_EQ(loaded.settings.Text("logging.file"), "/var/log/faber.log");
  EXPECT_EQ(loaded.settings.Texts("sandbox.filesystem.blocked_paths").size(), 7U);
  EXPECT_TRUE(loaded.settings.Texts("sandbox.filesystem.allowed_paths").empty());
}

TEST(ConfigTest, AnEnabledNetworkIsEgressToWhatIsAllowed) {
  const auto read = Read(
      "sandbox: {network: {enabled: true, allowed_hosts: ['*.Example.com', 10.1.0.0/16],"
      " allowed_ports: [443, 8000-8010], synthetic_v4: 10.200.0.0/15}}\n");
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  const model::SandboxSpec& sandbox = read->sandbox;
  EXPECT_EQ(sandbox.network, model::NetworkMode::kEgress);
  ASSERT_EQ(sandbox.egress.hosts.size(), 2U);
  EXPECT_EQ(model::ToString(sandbox.egress.hosts[0]), "*.example.com");
  ASSERT_EQ(sandbox.egress.ports.size(), 2U);
  EXPECT_EQ(model::ToString(sandbox.egress.ports[1]), "8000-8010");
  EXPECT_EQ(model::ToString(sandbox.egress.synthetic_v4), "10.200.0.0/15");
}

TEST(ConfigTest, ANetworkThatIsNotEnabledHasNoHosts) {
  const auto read = Read("sandbox: {network: {allowed_hosts: [example.com]}}\n");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->sandbox.network, std::nullopt);
  EXPECT_TRUE(read->sandbox.egress.hosts.empty());
}

TEST(ConfigTest, ABadHostNamesItsPlace) {
  const std::string error =
      ErrorOf("sandbox: {network: {enabled: true, allowed_hosts: ['a b.test']}}\n");
  EXPECT_NE(error.find("faber.yaml:1:"), std::string::npos) << error;
}

TEST(ConfigTest, RightsAndClocksReachTheSandbox) {
  const auto read = Read(
      "security: {allow_ptrace: true, capabilities: {allowed: [CAP_CHOWN]}}\n"
      "sandbox: {time: {boottime_offset: 3h}}\n"
      "resource_limits: {default: {io_read_limit: 4MiB}}\n");
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  EXPECT_EQ(read->sandbox.capabilities, std::vector<std::string>{"CAP_CHOWN"});
  EXPECT_TRUE(read->sandbox.syscalls.allow_ptrace);
  EXPECT_EQ(read->sandbox.boottime_start, std::chrono::hours(3));
  EXPECT_EQ(read->sandbox.limits.io_read_rate, 4_MiB);
}

}  // namespace
}  // namespace fabro::faber
