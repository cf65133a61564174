// A user in front of `fabro`: an own home, storage and directory, the real program, real signals.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/spawn.h"

// The build names the program under test.
#ifndef FABRO_PROGRAM
#define FABRO_PROGRAM "fabro"
#endif

namespace fabro::e2e {

inline constexpr auto kPatience = std::chrono::seconds(120);

struct Output {
  int code = -1;  // Exit code, or 128 + signal.
  std::string out;
  std::string err;
};

class FabroTest : public ::testing::Test {
 protected:
  FabroTest() : home_(TempDir::Make("fabro-e2e").value()) {
    EXPECT_TRUE(MakeDirs(work()).ok());
    EXPECT_TRUE(MakeDirs(home_.path() + "/home").ok());
  }

  std::string work() const { return home_.path() + "/work"; }
  std::string storage() const { return home_.path() + "/storage"; }

  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(WriteFile(work() + "/" + name, text).ok());
  }

  SpawnRequest Request(std::vector<std::string> args) const {
    SpawnRequest request;
    request.argv = std::move(args);
    request.argv.insert(request.argv.begin(), FABRO_PROGRAM);
    request.env = {"HOME=" + home_.path() + "/home", "FABRO_STORAGE_DIR=" + storage(),
                   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=dumb",
                   "GIT_CONFIG_GLOBAL=/dev/null"};
    request.cwd = work();
    request.new_session = true;
    return request;
  }

  static Output OutputOf(const Result<CommandOutput>& run) {
    if (!run.ok()) return {.code = -1, .out = "", .err = run.error().ToString()};
    const bool exited = run->status.kind == ExitStatus::Kind::kExited;
    return {exited ? run->status.value : 128 + run->status.value, run->out, run->err};
  }

  Output Fabro(std::vector<std::string> args) const {
    return OutputOf(RunCommand(Request(std::move(args)), "", ByteSize(64U << 20U),
                               std::chrono::steady_clock::now() + kPatience));
  }

  Output Shell(const std::string& script) const {
    SpawnRequest request = Request({});
    request.argv = {"/bin/bash", "-c", script};
    request.env.push_back(std::string("FABRO=") + FABRO_PROGRAM);
    return OutputOf(RunCommand(std::move(request), "", ByteSize(64U << 20U),
                               std::chrono::steady_clock::now() + kPatience));
  }

  // Starts a run in the background of the test and gives its id.
  std::string Detached(std::vector<std::string> args) const {
    args.insert(args.begin(), "run");
    args.emplace_back("-d");
    const Output run = Fabro(std::move(args));
    EXPECT_EQ(run.code, 0) << run.err;
    return run.out.substr(0, run.out.find('\n'));
  }

  // The run's worker, from runtime state; 0 when there is none.
  pid_t WorkerOf(const std::string& run) const {
    const Output pid = Shell("cat \"$FABRO_STORAGE_DIR\"/scratch/*-" + run + "/run.pid | head -1");
    return static_cast<pid_t>(std::atoi(pid.out.c_str()));
  }

  // Blocks until the file exists: stages say so that they have come so far.
  void AwaitFile(const std::string& path) const {
    const Output seen = Shell("for i in $(seq 600); do [ -e '" + path +
                              "' ] && exit 0; read -t 0.1 <> <(:) || true; done; exit 1");
    ASSERT_EQ(seen.code, 0) << "never came: " << path;
  }

  TempDir home_;
};

// A chain of shell stages: {"one", "echo 1"}.
inline std::string Chain(const std::vector<std::pair<std::string, std::string>>& stages,
                         const std::string& graph = "") {
  std::string text = "digraph Chain {\n  graph [goal=\"test\"" + graph +
                     "]\n  start [shape=Mdiamond]\n  exit [shape=Msquare]\n";
  std::string edges = "  start";
  for (const auto& [id, script] : stages) {
    text += "  " + id + " [shape=parallelogram, script=\"" + script + "\"]\n";
    edges += " -> " + id;
  }
  return text + edges + " -> exit\n}\n";
}

}  // namespace fabro::e2e
