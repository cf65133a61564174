// The command policy on its corpora: ways around it, and what people type all day. Each line is the
// text of `sh -c`; its verdict and rule are in the file.
#include <gtest/gtest.h>

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>

#include "fabro/config/engine/yaml.h"
#include "fabro/jail/command_policy/policy.h"
#include "fabro/jail/command_policy/shell.h"
#include "fabro/linux/file.h"
#include "fabro/linux/spawn.h"

namespace fabro::jail::command_policy {
namespace {

using config::engine::YamlNode;
using model::PolicyVerdict;

struct Line {
  std::string text;
  std::string verdict;
  std::string rule;
};

std::vector<Line> Read(const std::string& name) {
  const std::string path = std::string(POLICY_CORPORA) + "/" + name;
  const auto text = ReadFile(path);
  EXPECT_TRUE(text.ok()) << path;
  const auto root = config::engine::ParseYaml(name, text.ok() ? *text : "");
  EXPECT_TRUE(root.ok()) << (root.ok() ? "" : root.error().message);
  std::vector<Line> lines;
  if (!root.ok()) return lines;
  for (const YamlNode& group : root->items) {
    const YamlNode* rule = group.Find("rule");
    for (const YamlNode& line : group.Find("lines")->items) {
      lines.push_back({line.text, group.Find("verdict")->text, rule == nullptr ? "" : rule->text});
    }
  }
  return lines;
}

model::PolicyDecision Of(std::vector<std::string> argv) {
  Request request{.argv = std::move(argv)};
  request.env = {"PATH=/usr/bin:/bin", "HOME=/home/agent", "LANG=C.UTF-8"};
  return Judge(request, {}, NoResolver());
}

void ExpectVerdicts(const std::string& name, std::size_t least) {
  const std::vector<Line> lines = Read(name);
  EXPECT_GE(lines.size(), least);
  for (const Line& line : lines) {
    const auto decision = Of({"sh", "-c", line.text});
    EXPECT_EQ(ToString(decision.verdict), line.verdict) << line.text << "\n  " << decision.why;
    EXPECT_EQ(decision.rule, line.rule) << line.text;
  }
}

TEST(PolicyCorpus, EveryWayAroundGetsItsVerdict) { ExpectVerdicts("bypass.yaml", 300); }

TEST(PolicyCorpus, WhatPeopleTypeAllDayIsNotBlocked) { ExpectVerdicts("benign.yaml", 300); }

bool DashAccepts(const std::string& text) {
  SpawnRequest request;
  request.argv = {"/bin/dash", "-n"};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto done = RunCommand(std::move(request), text + "\n", 1_MiB, deadline);
  EXPECT_TRUE(done.ok()) << text;
  return done.ok() && done->succeeded();
}

TEST(PolicyCorpus, TheParserAcceptsWhatDashAccepts) {
  if (!Open("/bin/dash", O_RDONLY).ok()) GTEST_SKIP() << "no dash here";
  std::vector<Line> lines = Read("bypass.yaml");
  for (const char* more : {"benign.yaml", "syntax.yaml"}) {
    std::ranges::move(Read(more), std::back_inserter(lines));
  }
  // One dash each: `make test` takes the grammar's corners and a part of the rest.
  const std::size_t step = std::getenv("FABRO_SOAK") == nullptr ? 6 : 1;
  std::size_t count = 0;
  for (const Line& line : lines) {
    if (line.verdict != "none" && count++ % step != 0) continue;
    const Script script = ParseShell(line.text + "\n", Dialect::kPosix);
    EXPECT_EQ(!script.error, DashAccepts(line.text))
        << line.text << "\n  " << (script.error ? script.error->message : "accepted here");
  }
}

// Section 9, (3): what starts another command.
const std::vector<std::vector<std::string>> kLaunchers = {
    {"env"},
    {"env", "-i"},
    {"env", "A=b"},
    {"env", "-u", "HOME", "--"},
    {"nice"},
    {"nice", "-n", "3"},
    {"nohup"},
    {"timeout", "5"},
    {"timeout", "-k", "1", "5"},
    {"time"},
    {"stdbuf", "-oL"},
    {"setsid"},
    {"setsid", "-w"},
    {"xargs"},
    {"xargs", "-n", "1"},
    {"sudo"},
    {"sudo", "-u", "root"},
    {"sudo", "--"},
    {"doas"},
    {"ionice", "-c", "3"},
    {"taskset", "1"},
    {"busybox"},
    {"chroot", "/x"},
    {"unshare", "-r"},
    {"nsenter", "-t", "1", "-m"},
    {"setpriv", "--nnp"},
    {"runuser", "-u", "x", "--"},
    {"strace", "-f"},
    {"flock", "/tmp/l"},
    {"watch", "-n", "1"},
    {"parallel", ":::", "x", "--"},
    {"/lib/ld-linux-aarch64.so.1"},
};

std::string Quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

using Words = std::vector<std::string>;

Words Join(Words head, const Words& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

Words AsShell(const std::string& shell, const Words& argv) {
  std::string text;
  for (const std::string& word : argv) text += Quoted(word) + " ";
  return {shell, "-c", text};
}

const std::vector<Words> kBlocked = {{"rm", "-rf", "/"},        {"mkfs.ext4", "/dev/sda"},
                                     {"mount", "-a"},           {"chroot", "/x", "sh"},
                                     {"systemctl", "poweroff"}, {"dd", "if=/dev/zero"},
                                     {"/sbin/../sbin/reboot"}};

TEST(PolicyProperty, ABlockedCommandStaysBlockedInAnyLauncher) {
  for (const Words& command : kBlocked) {
    for (const Words& launcher : kLaunchers) {
      if (launcher.front() == "parallel") continue;  // Its own test: it takes shell text.
      const Words argv = Join(launcher, command);
      EXPECT_EQ(Of(argv).verdict, PolicyVerdict::kBlock)
          << launcher.front() << " " << command.front();
      EXPECT_EQ(Of(Join(launcher, AsShell("bash", command))).verdict, PolicyVerdict::kBlock)
          << launcher.front() << " bash -c " << command.front();
    }
    EXPECT_EQ(Of(Join(Join({"find", ".", "-exec"}, command), {";"})).verdict,
              PolicyVerdict::kBlock);
    EXPECT_EQ(Of(Join(Join({"find", ".", "-ok"}, command), {";"})).verdict, PolicyVerdict::kBlock);
    std::string text;
    for (const std::string& word : command) text += (text.empty() ? "" : " ") + word;
    for (const Words& taker : std::vector<Words>{{"env", "-S"},
                                                 {"su", "-c"},
                                                 {"script", "-c"},
                                                 {"sh", "-c"},
                                                 {"zsh", "-c"},
                                                 {"busybox", "sh", "-c"},
                                                 {"watch"},
                                                 {"parallel", ":::"}}) {
      EXPECT_EQ(Of(Join(taker, {text})).verdict, PolicyVerdict::kBlock) << taker.front() << text;
    }
  }
}

// Random towers of launchers from a fixed seed, up to the depth that is followed.
TEST(PolicyProperty, TowersOfLaunchersHideNothing) {
  std::uint32_t seed = 12345;
  const auto next = [&seed](std::size_t below) {
    seed = seed * 1664525U + 1013904223U;
    return static_cast<std::size_t>(seed >> 8U) % below;
  };
  for (int round = 0; round < 300; ++round) {
    Words argv = kBlocked[next(kBlocked.size())];
    const std::size_t height = 1 + next(5);
    for (std::size_t i = 0; i < height; ++i) {
      const Words& launcher = kLaunchers[next(kLaunchers.size())];
      if (launcher.front() == "parallel") continue;
      argv = next(4) == 0 ? AsShell("sh", argv) : Join(launcher, argv);
    }
    std::string shown;
    for (const std::string& word : argv) shown += word + " ";
    EXPECT_EQ(Of(argv).verdict, PolicyVerdict::kBlock) << shown;
  }
}

TEST(PolicyProperty, PastTheDepthThatIsFollowedTheVerdictIsOpen) {
  Words argv = {"rm", "-rf", "/"};
  for (int i = 0; i < 40; ++i) argv = Join({"nice"}, argv);

  EXPECT_EQ(Of(argv).verdict, PolicyVerdict::kIndeterminate);
}

TEST(PolicyProperty, HostileTextsEndSoon) {
  std::string deep = "rm -rf /";
  for (int i = 0; i < 200; ++i) deep = "$(" + deep + ")";
  EXPECT_NE(Of({"sh", "-c", deep}).verdict, PolicyVerdict::kAllow);
  std::string doubling = "x=" + std::string(1000, 'a') + ";";
  for (int i = 0; i < 100; ++i) doubling += "x=$x$x$x$x;";
  EXPECT_EQ(Of({"sh", "-c", doubling + "rm -rf /"}).verdict, PolicyVerdict::kBlock);
  std::string loops;
  for (int i = 0; i < 30; ++i) loops += "for a in 1 2 3 4 5 6 7 8 9; do ";
  loops += ":";
  for (int i = 0; i < 30; ++i) loops += "; done";
  EXPECT_EQ(Of({"sh", "-c", loops}).verdict, PolicyVerdict::kIndeterminate);
  EXPECT_NE(Of({"bash", "-c", "f() { f; f; f; }; f; rm -rf /"}).verdict, PolicyVerdict::kAllow);
  EXPECT_NE(Of({"bash", "-c", std::string(5000, '{') + "a,b" + std::string(5000, '}')}).verdict,
            PolicyVerdict::kBlock);
}

}  // namespace
}  // namespace fabro::jail::command_policy
