#include "apps/faber/config_file.h"

#include <gtest/gtest.h>

namespace fabro::faber {
namespace {

const Caller kCaller{.cwd = "/etc/faber", .tty = false, .term = ""};

Result<model::RunRequest> Read(std::string_view text) {
  return ReadConfig("faber.yaml", text, DefaultRequest(), kCaller);
}

std::string ErrorOf(std::string_view text) {
  const auto read = Read(text);
  return read.ok() ? "" : read.error().ToString();
}

TEST(ConfigFile, EachKeyReachesTheFieldOfItsFlag) {
  const auto read = Read(R"(
security: {default_security_level: high}
sandbox:
  filesystem: {tmpfs_size: 104857600}
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
)");
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  EXPECT_EQ(read->sandbox.level, model::Level::kHigh);
  EXPECT_EQ(read->sandbox.workspace.size, 100_MiB);
  EXPECT_EQ(read->sandbox.network, model::NetworkMode::kNone);
  EXPECT_TRUE(read->sandbox.fresh);
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

TEST(ConfigFile, AnEmptyFileChangesNothing) {
  const auto read = Read("");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, DefaultRequest());
}

TEST(ConfigFile, UnknownKeysAreRefusedByNameWithTheirPlace) {
  const std::string error = ErrorOf("sandbox:\n  fresh: true\n  namespaces:\n    pid: false\n");
  EXPECT_NE(error.find("faber.yaml:3:3: sandbox.namespaces"), std::string::npos) << error;
  EXPECT_NE(ErrorOf("auth: {api_key: x}\n").find("faber.yaml:1:1: auth"), std::string::npos);
  EXPECT_NE(ErrorOf("sandbox:\n  mounts:\n    - {source: /a, target: /b, mode: rw}\n").find("mode"),
            std::string::npos);
}

TEST(ConfigFile, BadValuesNameTheirKey) {
  const auto limit = [](std::string_view value) {
    return ErrorOf("resource_limits:\n  default:\n    memory_limit: " + std::string(value) + "\n");
  };
  for (const char* value : {"0", "-1", "1.5", "abc", "[1]", "1EB"}) {
    EXPECT_NE(limit(value).find("faber.yaml:3:5: resource_limits.default.memory_limit"),
              std::string::npos)
        << value << ": " << limit(value);
  }
  EXPECT_NE(ErrorOf("sandbox: {fresh: maybe}\n").find("neither true nor false"), std::string::npos);
  EXPECT_NE(ErrorOf("sandbox: {fresh: true, fresh: false}\n").find("twice"), std::string::npos);
  EXPECT_NE(ErrorOf("sandbox: {workspace: {type: disk}}\n").find("there is no path"),
            std::string::npos);
}

TEST(ConfigFile, WhatIsNoYamlIsRefusedWithItsPlace) {
  EXPECT_NE(ErrorOf("a: [1, 2\n").find("faber.yaml:"), std::string::npos);
  EXPECT_NE(ErrorOf("just text\n").find("a map of sections"), std::string::npos);
  EXPECT_NE(ErrorOf(std::string(3, '\0') + "\x01\x02").find("faber.yaml"), std::string::npos);
}

}  // namespace
}  // namespace fabro::faber
