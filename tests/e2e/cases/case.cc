#include "case.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "../fabro/fixture.h"
#include "fabro/runs/runs.h"
#include "fabro/store/blob_store.h"
#include "fabro/store/event_store.h"

namespace fabro::e2e {
namespace {

namespace fs = std::filesystem;
using model::Event;
using model::Json;

constexpr std::size_t kAllEvents = 1'000'000;

Output Execute(std::vector<std::string> argv, std::vector<std::string> env, const std::string& cwd,
               std::string input) {
  SpawnRequest request;
  request.argv = std::move(argv);
  request.env = std::move(env);
  request.cwd = cwd;
  request.new_session = true;
  auto run = RunCommand(std::move(request), std::move(input), ByteSize(64U << 20U),
                        std::chrono::steady_clock::now() + kPatience);
  if (!run.ok()) return {.code = -1, .out = "", .err = run.error().ToString()};
  const bool exited = run->status.kind == ExitStatus::Kind::kExited;
  return {exited ? run->status.value : 128 + run->status.value, run->out, run->err};
}

std::vector<std::string> Environment(const Program& program, const Place& place) {
  std::vector<std::string> env{"HOME=" + place.home(),
                               "FABRO_STORAGE_DIR=" + place.storage(),
                               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                               "TERM=dumb",
                               "GIT_CONFIG_GLOBAL=/dev/null",
                               "FABRO_SCRIPT=" + place.root.path() + "/script.json"};
  for (const auto& [name, value] : program.variables) env.push_back(name + "=" + value);
  return env;
}

std::string Git(const std::string& directory, const std::string& command) {
  return Execute({"/bin/sh", "-c", "git " + command + " 2>/dev/null"},
                 {"PATH=/usr/bin:/bin", "HOME=/nonexistent", "GIT_CONFIG_GLOBAL=/dev/null",
                  "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@local", "GIT_COMMITTER_NAME=t",
                  "GIT_COMMITTER_EMAIL=t@local"},
                 directory, "")
      .out;
}

// Newest run that is not known yet, else the one that there was.
void FindRun(Place& place) {
  const auto runs = runs::List(place.storage());
  if (runs.ok() && !runs->empty()) place.run = runs->front().ref.id.value();
}

std::uint64_t LastSeq(const Place& place) {
  if (place.run.empty()) return 0;
  const auto run = runs::Find(place.storage(), place.run);
  if (!run.ok()) return 0;
  auto events = store::OpenRunDb(run->dir, true);
  return events.ok() ? (*events)->LastSeq().value() : 0;
}

std::map<std::string, Json> ContextOf(const Json& checkpoint, const Place& place) {
  std::map<std::string, Json> context;
  const store::BlobStore blobs(place.storage());
  const Json* values = checkpoint.Find("context_values");
  if (values == nullptr || values->Members() == nullptr) return context;
  for (const auto& [key, value] : *values->Members()) {
    context[key] = value;
    if (value.String() == nullptr || !store::IsBlobReference(*value.String())) continue;
    auto bytes = blobs.Get(*value.String());
    if (bytes.ok()) context[key] = Json(*bytes);
  }
  return context;
}

std::string Answers(const Json& one) {
  std::string input;
  for (const std::string& answer : one.StringsAt("answers")) input += answer + "\n";
  return input;
}

}  // namespace

std::string RepositoryState(const std::string& directory) {
  if (!fs::exists(directory + "/.git")) return {};
  auto index = ReadFile(directory + "/.git/index");
  return Git(directory, "rev-parse HEAD") + Git(directory, "stash list") +
         Git(directory, "reflog show HEAD") + (index.ok() ? *index : "none");
}

void MakePlace(const std::string& examples, const std::string& name, const Json& file,
               const Json& one, Place& place) {
  ASSERT_TRUE(MakeDirs(place.work()).ok());
  ASSERT_TRUE(MakeDirs(place.home()).ok());
  const Json* setup = file.Find("setup");
  if (setup != nullptr && setup->BoolAt("git")) {
    Git(place.work(), "init -q -b main . && git commit -q --allow-empty -m first");
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(examples)) {
    const std::string base = entry.path().filename();
    const bool wanted = entry.path().extension() != ".json" && base != "README.md";
    if (wanted) fs::copy_file(entry.path(), place.work() + "/" + base);
  }
  const Json* files = setup == nullptr ? nullptr : setup->Find("files");
  if (files != nullptr && files->Members() != nullptr) {
    for (const auto& [path, content] : *files->Members()) {
      const std::string full = place.work() + "/" + path;
      ASSERT_TRUE(MakeDirs(fs::path(full).parent_path().string()).ok());
      ASSERT_TRUE(WriteFile(full, content.ToText()).ok());
    }
  }
  for (const char* key : {"source", "toml"}) {
    const std::string text = one.StringAt(key);
    const std::string to = std::string(key) == "source" ? "/case.fabro" : "/x.toml";
    if (text.empty()) continue;
    ASSERT_TRUE(WriteFile(place.work() + to, text).ok());
  }
  const Json* script = file.Find("script");
  const std::string text = script == nullptr ? "{}" : script->Dump();
  ASSERT_TRUE(WriteFile(place.root.path() + "/script.json", text).ok()) << name;
  place.repository_before = RepositoryState(place.work());
}

void ReadRun(const Place& place, std::uint64_t after, Left& left) {
  if (place.run.empty()) return;
  const auto run = runs::Find(place.storage(), place.run);
  ASSERT_TRUE(run.ok()) << run.error().ToString();
  const auto summary = runs::Inspect(*run);
  ASSERT_TRUE(summary.ok()) << summary.error().ToString();
  left.run_status = runs::ToString(summary->status);
  auto store = store::OpenRunDb(run->dir, true);
  ASSERT_TRUE(store.ok()) << store.error().ToString();
  auto events = (*store)->Read(0, kAllEvents);
  ASSERT_TRUE(events.ok()) << events.error().ToString();
  left.events = *std::move(events);
  for (const Event& event : left.events) {
    if (event.seq > after) left.new_events.push_back(event);
    const Json* checkpoint = event.properties.Find("checkpoint");
    if (event.name == "checkpoint.completed" && checkpoint != nullptr)
      left.checkpoint = *checkpoint;
  }
  left.context = ContextOf(left.checkpoint, place);
}

Left RunCase(const Program& program, const std::vector<std::string>& args, const Json& one,
             Place& place) {
  std::vector<std::string> argv{program.path};
  argv.insert(argv.end(), args.begin(), args.end());
  const std::uint64_t before = LastSeq(place);
  const std::string run_before = place.run;
  Output output = Execute(std::move(argv), Environment(program, place), place.work(), Answers(one));
  FindRun(place);
  Left left;
  left.code = output.code;
  left.out = std::move(output.out);
  left.err = std::move(output.err);
  ReadRun(place, place.run == run_before ? before : 0, left);
  return left;
}

std::vector<std::pair<std::string, std::string>> VisitsOf(const std::vector<Event>& events,
                                                          const std::string& scope) {
  std::vector<std::pair<std::string, std::string>> visits;
  const auto belongs = [&](const Event& event) {
    const std::string at = event.properties.StringAt("scope");
    // "fork@1:0" is a branch of the same walk; "sub@1" is a walk of another graph.
    return at == scope || (scope.empty() && at.find(':') != std::string::npos);
  };
  for (const Event& event : events) {
    if (!belongs(event)) continue;
    if (event.name == "stage.started") {
      bool known = false;
      for (const auto& visit : visits) known = known || visit.first == event.stage_id;
      if (!known) visits.emplace_back(event.stage_id, "");
    } else if (event.name == "stage.completed") {
      for (auto& visit : visits) {
        if (visit.first == event.stage_id) visit.second = event.properties.StringAt("status");
      }
    }
  }
  std::erase_if(visits, [](const auto& visit) { return visit.second.empty(); });
  return visits;
}

}  // namespace fabro::e2e
