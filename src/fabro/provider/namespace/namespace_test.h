// For the tests of this room: a storage directory, a user's repository and one run's sandbox.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fabro/git/git.h"
#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/provider/checkpoint/git_checkpointer.h"
#include "fabro/provider/common/exec_buffered.h"
#include "fabro/provider/namespace/marker.h"
#include "fabro/provider/namespace/namespace.h"

// The build names the program.
#ifndef FABER_JAILER
#define FABER_JAILER "faber-jailer"
#endif

namespace fabro::provider {

inline constexpr char kRun[] = "01J8ZQ4D7M3V5K9A2B6C8E0F1G";

class NamespaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeDirs(storage_).ok());
    ASSERT_TRUE(MakeDirs(repo_).ok());
  }
  void TearDown() override {
    sandbox_.reset();
    EXPECT_TRUE(DestroyNamespaceSandbox(storage_, kRun).ok());
  }
  void MakeRepository() {
    Do({"init", "-q", "."});
    Do({"config", "user.name", "user"});
    Do({"config", "user.email", "user@example.org"});
    Do({"remote", "add", "origin", "https://user:secret@example.org/o/r.git"});
    Write("a.txt", "committed\n");
    Do({"add", "-A"});
    Do({"commit", "-q", "-m", "first"});
  }
  std::string Do(const std::vector<std::string>& args) {
    const auto out = git::Git(repo_, args);
    EXPECT_TRUE(out.ok()) << out.error().ToString();
    return out.ok() ? *out : "";
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(WriteFile(repo_ + "/" + name, text).ok());
  }
  NamespaceConfig Config() {
    NamespaceConfig config;
    config.context.run_id = kRun;
    config.context.storage = storage_;
    config.context.host_directory = repo_;
    config.context.jailer = FABER_JAILER;
    return config;
  }
  // A new object, as a new process would have; the old one is dropped without Cleanup.
  Status Start(NamespaceConfig config) {
    sandbox_.reset();
    sandbox_ = MakeNamespaceSandbox(std::move(config));
    return sandbox_->Initialize();
  }
  void MustStart(NamespaceConfig config) {
    const Status started = Start(std::move(config));
    ASSERT_TRUE(started.ok()) << started.error().ToString();
  }
  BufferedResult Shell(const std::string& command) {
    ExecRequest request;
    request.command = command;
    auto done = ExecBuffered(*sandbox_, request, std::size_t{1} << 20);
    EXPECT_TRUE(done.ok()) << done.error().ToString();
    return done.ok() ? *std::move(done) : BufferedResult();
  }
  std::unique_ptr<workflow::Checkpointer> Checkpoints() {
    CheckpointConfig config;
    config.run_id = kRun;
    BundleTarget target;
    target.source = git::Discover(repo_).value();
    target.run_dir = dir_.path() + "/run";
    return MakeSandboxCheckpointer(*sandbox_, std::move(target), config);
  }
  std::string Marks() { return ReadFile(SandboxDir(storage_, kRun) + "/sandbox.json").value(); }

  TempDir dir_ = TempDir::Make("namespace").value();
  std::string storage_ = dir_.path() + "/storage";
  std::string repo_ = dir_.path() + "/repo";
  std::unique_ptr<Sandbox> sandbox_;
};

}  // namespace fabro::provider
