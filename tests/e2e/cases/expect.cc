// Every word that `expect` of a case may have.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "../fabro/fixture.h"
#include "case.h"

namespace fabro::e2e {
namespace {

using model::Event;
using model::Json;

using Runs = std::map<std::string, std::string>;

struct Look {
  const Json& wanted;
  const Left& left;
  const Place& place;
  const Runs& runs;
};

std::vector<std::string> Texts(const Json& list) {
  std::vector<std::string> texts;
  if (list.Items() == nullptr) return texts;
  for (const Json& item : *list.Items()) texts.push_back(item.ToText());
  return texts;
}

// Lists of lists, one line each.
std::string Lines(const Json& list) {
  std::string lines;
  for (const Json& row : *list.Items()) {
    for (const std::string& text : Texts(row)) lines += text + " ";
    lines += "\n";
  }
  return lines;
}

std::string Lines(const std::vector<std::pair<std::string, std::string>>& visits) {
  std::string lines;
  for (const auto& [stage, status] : visits) lines += stage + " " + status + " \n";
  return lines;
}

std::string WithRuns(std::string text, const Runs& runs) {
  for (const auto& [name, id] : runs) {
    const std::string key = "<" + name + ">";
    for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key)) {
      text.replace(at, key.size(), id);
    }
  }
  return text;
}

std::string GitOutput(const Place& place, const std::string& command) {
  SpawnRequest request;
  request.argv = {"/bin/sh", "-c", "git " + command};
  request.env = {"PATH=/usr/bin:/bin", "HOME=/nonexistent", "GIT_CONFIG_GLOBAL=/dev/null"};
  request.cwd = place.work();
  auto run = RunCommand(std::move(request), "", ByteSize(1U << 20U),
                        std::chrono::steady_clock::now() + kPatience);
  return run.ok() ? run->out : run.error().ToString();
}

void Visits(const Look& look) {
  EXPECT_EQ(Lines(VisitsOf(look.left.new_events, "")), Lines(look.wanted));
}

void ChildVisits(const Look& look) {
  for (const auto& [scope, visits] : *look.wanted.Members()) {
    EXPECT_EQ(Lines(VisitsOf(look.left.new_events, scope)), Lines(visits)) << scope;
  }
}

void Edges(const Look& look) {
  std::string lines;
  for (const Event& event : look.left.new_events) {
    if (event.name != "edge.selected" || event.properties.Find("scope") != nullptr) continue;
    lines += event.properties.StringAt("from_node") + " " + event.properties.StringAt("to_node") +
             " " + event.properties.StringAt("reason") + " \n";
  }
  EXPECT_EQ(lines, Lines(look.wanted));
}

void Context(const Look& look) {
  for (const auto& [key, value] : *look.wanted.Members()) {
    const auto found = look.left.context.find(key);
    EXPECT_EQ(found == look.left.context.end() ? "(none)" : found->second.ToText(), value.ToText())
        << key;
  }
}

void Tools(const Look& look) {
  std::string lines;
  for (const Event& event : look.left.new_events) {
    if (event.name != "agent.tool.completed") continue;
    lines += event.properties.StringAt("tool_name") +
             (event.properties.BoolAt("is_error") ? " true \n" : " false \n");
  }
  EXPECT_EQ(lines, Lines(look.wanted));
}

void Counts(const Look& look) {
  for (const auto& [key, wanted] : *look.wanted.Members()) {
    const std::size_t space = key.find(' ');
    const std::string name = key.substr(0, space);
    const std::string node = space == std::string::npos ? "" : key.substr(space + 1);
    const auto count = std::count_if(
        look.left.new_events.begin(), look.left.new_events.end(), [&](const Event& event) {
          return event.name == name && (node.empty() || event.node_id == node);
        });
    EXPECT_EQ(count, *wanted.Int()) << key;
  }
}

void Diagnostics(const Look& look) {
  const std::string said = look.left.out + look.left.err;
  for (const Json& one : *look.wanted.Items()) {
    const auto words = Texts(one);
    const std::string wanted = words[words.size() - 1] + "[" + words[words.size() - 2] + "]";
    EXPECT_NE(said.find(wanted), std::string::npos) << wanted << " is missing in:\n" << said;
  }
  if (look.wanted.Items()->empty()) {
    EXPECT_EQ(said.find("error["), std::string::npos) << said;
    EXPECT_EQ(said.find("warning["), std::string::npos) << said;
  }
}

void Files(const Look& look) {
  for (const auto& [path, content] : *look.wanted.Members()) {
    auto text = ReadFile(look.place.work() + "/" + path);
    EXPECT_EQ(text.ok() ? *text : text.error().ToString(), content.ToText()) << path;
  }
}

void Absent(const Look& look) {
  for (const std::string& path : Texts(look.wanted)) {
    EXPECT_FALSE(std::filesystem::exists(look.place.work() + "/" + path)) << path;
  }
}

void FilesTouched(const Look& look) {
  for (const auto& [node, files] : *look.wanted.Members()) {
    for (const Event& event : look.left.new_events) {
      if (event.name != "stage.completed" || event.node_id != node) continue;
      EXPECT_EQ(event.properties.StringsAt("files_touched"), Texts(files)) << node;
    }
  }
}

void Attempts(const Look& look) {
  for (const auto& [node, wanted] : *look.wanted.Members()) {
    std::int64_t most = 0;
    for (const Event& event : look.left.new_events) {
      if (event.name == "stage.started" && event.node_id == node) ++most;
    }
    EXPECT_EQ(most, *wanted.Int()) << node;
  }
}

// What was asked for lies within half of the base delay around it.
void BaseDelays(const Look& look) {
  for (const auto& [node, wanted] : *look.wanted.Members()) {
    std::vector<std::int64_t> delays;
    for (const Event& event : look.left.new_events) {
      if (event.name == "stage.retrying" && event.node_id == node) {
        delays.push_back(event.properties.IntAt("delay_ms"));
      }
    }
    ASSERT_EQ(delays.size(), wanted.Items()->size()) << node;
    for (std::size_t i = 0; i < delays.size(); ++i) {
      const std::int64_t base = *(*wanted.Items())[i].Int();
      EXPECT_GE(delays[i], base / 2 - 1) << node;
      EXPECT_LE(delays[i], base + base / 2 + 1) << node;
    }
  }
}

void Signature(const Look& look) {
  std::string last;
  for (const Event& event : look.left.new_events) {
    const std::string one = event.properties.StringAt("failure_signature");
    if (event.name == "stage.completed" && !one.empty()) last = one;
  }
  EXPECT_EQ(last, look.wanted.ToText());
}

void SignatureCount(const Look& look) {
  std::int64_t most = 0;
  for (const Event& event : look.left.new_events) {
    const Json* counts = event.properties.Find("loop_failure_signatures");
    if (event.name != "stage.completed" || counts == nullptr) continue;
    for (const auto& [signature, count] : *counts->Members()) most = std::max(most, *count.Int());
  }
  EXPECT_EQ(most, *look.wanted.Int());
}

void ParallelResults(const Look& look) {
  // As the first fork left them.
  for (const Event& event : look.left.new_events) {
    const Json* updates = event.properties.Find("context_updates");
    const Json* results = updates == nullptr ? nullptr : updates->Find("parallel.results");
    if (event.name != "stage.completed" || results == nullptr) continue;
    std::string lines;
    for (const Json& one : *results->Items()) {
      lines += one.StringAt("id") + " " + one.StringAt("status") + " \n";
    }
    EXPECT_EQ(lines, Lines(look.wanted));
    return;
  }
  ADD_FAILURE() << "no parallel.results";
}

void Models(const Look& look) {
  for (const auto& [node, wanted] : *look.wanted.Members()) {
    std::vector<std::string> used;
    for (const Event& event : look.left.new_events) {
      const Json* usage = event.properties.Find("usage");
      if (event.name != "stage.completed" || event.node_id != node || usage == nullptr) continue;
      used = {usage->StringAt("provider"), usage->StringAt("model"),
              usage->StringAt("reasoning_effort")};
    }
    EXPECT_EQ(used, Texts(wanted)) << node;
  }
}

void Prompts(const Look& look) {
  constexpr std::string_view kEnds = "ends with: ";
  for (const auto& [node, wanted] : *look.wanted.Members()) {
    std::string prompt;
    for (const Event& event : look.left.new_events) {
      if (event.name == "stage.prompt" && event.node_id == node) {
        prompt = event.properties.StringAt("text");
      }
    }
    const std::string ending = wanted.ToText().substr(kEnds.size());
    EXPECT_TRUE(prompt.ends_with(ending)) << node << ": " << prompt;
  }
}

void Checkpoint(const Look& look) {
  for (const auto& [key, value] : *look.wanted.Members()) {
    const Json* found = look.left.checkpoint.Find(key);
    EXPECT_EQ(found == nullptr ? "(none)" : found->Dump(), value.Dump()) << key;
  }
}

void BranchFiles(const Look& look) {
  for (const auto& [where, content] : *look.wanted.Members()) {
    EXPECT_EQ(GitOutput(look.place, "show '" + WithRuns(where, look.runs) + "'"), content.ToText())
        << where;
  }
}

void Commits(const Look& look) {
  const std::string log =
      GitOutput(look.place, "log --format='%s%n%b%x01' refs/heads/fabro/run/" + look.place.run);
  for (const Json& one : *look.wanted.Items()) {
    const auto words = Texts(one);
    const std::size_t at = log.find(": " + words[0]);
    ASSERT_NE(at, std::string::npos) << words[0] << " in\n" << log;
    const std::string commit = log.substr(at, log.find('\x01', at) - at);
    EXPECT_NE(commit.find(words[1]), std::string::npos) << commit;
  }
}

void Interrupted(const Look& look) {
  for (const auto& [stage, wanted] : *look.wanted.Members()) {
    bool seen = false;
    for (const Event& event : look.left.new_events) {
      if (event.name != "stage.interrupted" || event.stage_id != stage) continue;
      seen = true;
      for (const auto& [key, value] : *wanted.Members()) {
        EXPECT_EQ(event.properties.StringAt(key), value.ToText()) << stage;
      }
    }
    EXPECT_TRUE(seen) << stage;
  }
}

void ExitCode(const Look& look) {
  EXPECT_EQ(look.left.code, *look.wanted.Int()) << look.left.out << look.left.err;
}

void RunStatus(const Look& look) {
  EXPECT_EQ(look.left.run_status, look.wanted.ToText()) << look.left.err;
}

void ErrorContains(const Look& look) {
  EXPECT_NE((look.left.err + look.left.out).find(look.wanted.ToText()), std::string::npos)
      << look.left.err;
}

void RepositoryUnchanged(const Look& look) {
  EXPECT_EQ(RepositoryState(look.place.work()), look.place.repository_before);
}

void Prints(const Look& look) {
  EXPECT_NE(look.left.out.find(look.place.run), std::string::npos) << look.left.out;
}

const std::map<std::string, std::function<void(const Look&)>>& Words() {
  static const std::map<std::string, std::function<void(const Look&)>> words{
      {"run", RunStatus},
      {"exit_code", ExitCode},
      {"error_contains", ErrorContains},
      {"visits", Visits},
      {"child_visits", ChildVisits},
      {"edges", Edges},
      {"context", Context},
      {"tools", Tools},
      {"counts", Counts},
      {"diagnostics", Diagnostics},
      {"files", Files},
      {"absent", Absent},
      {"files_touched", FilesTouched},
      {"attempts", Attempts},
      {"base_delays_ms", BaseDelays},
      {"signature", Signature},
      {"signature_count", SignatureCount},
      {"parallel_results_after_merge", ParallelResults},
      {"models", Models},
      {"prompts", Prompts},
      {"checkpoint", Checkpoint},
      {"branch_file", BranchFiles},
      {"commits", Commits},
      {"interrupted", Interrupted},
      {"repo_unchanged", RepositoryUnchanged},
      {"prints", Prints}};
  return words;
}

}  // namespace

void ExpectAll(const Json& expect, const Left& left, const Place& place, const Runs& runs) {
  // Of validation cases, `expect` is the list of diagnostics.
  if (expect.Items() != nullptr) return Diagnostics({expect, left, place, runs});
  for (const auto& [word, wanted] : *expect.Members()) {
    const auto check = Words().find(word);
    if (check == Words().end()) {
      ADD_FAILURE() << "nothing checks '" << word << "'";
      continue;
    }
    SCOPED_TRACE(word);
    check->second({wanted, left, place, runs});
  }
}

}  // namespace fabro::e2e
