// `fabro workflow list` and `create`: named workflows, here and at home.
#include <algorithm>
#include <filesystem>

#include "../workflow_source.h"
#include "commands.h"
#include "fabro/linux/file.h"

namespace fabro::cli {
namespace {

namespace fs = std::filesystem;

struct Named {
  std::string name;
  std::string path;
};

void AddFrom(const fs::path& folder, std::vector<Named>& found) {
  std::error_code failed;
  std::vector<Named> here;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    for (const char* file : {"workflow.toml", "workflow.fabro"}) {
      if (!fs::exists(at->path() / file, failed)) continue;
      here.push_back({at->path().filename().string(), (at->path() / file).string()});
      break;
    }
  }
  std::sort(here.begin(), here.end(),
            [](const Named& a, const Named& b) { return a.name < b.name; });
  for (Named& one : here) {
    // The nearer one of a name is the one that is run.
    const bool known = std::any_of(found.begin(), found.end(),
                                   [&](const Named& other) { return other.name == one.name; });
    if (!known) found.push_back(std::move(one));
  }
}

constexpr const char* kGraph = R"(digraph NAME {
  graph [goal="GOAL"]
  start [shape=Mdiamond]
  exit [shape=Msquare]

  // A box is an agent, a parallelogram a command. fabro validate NAME checks what you write.
  work [shape=parallelogram, script="echo {{ goal | shell_quote }}"]

  start -> work -> exit
}
)";

constexpr const char* kSettings = R"(_version = 1

[workflow]
graph = "workflow.fabro"

[run.environment]
id = "namespace"
)";

void ReplaceAll(std::string& text, std::string_view from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string DotText(const std::string& text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\n') {
      quoted += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted;
}

bool IsPlainName(const std::string& name) {
  return !name.empty() && name.size() <= 64 && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

fabro::Result<std::string> Create(const WorkflowCreateOptions& options) {
  if (!IsPlainName(options.name)) {
    return Failure(Code::kInvalidArgument, "'" + Inert(options.name) + "' is no name",
                   "bad_workflow_name", "use letters, digits, '_' and '-'");
  }
  const std::string root = config::ProjectRoot(".");
  const std::string folder = root + "/.fabro/workflows/" + options.name;
  std::error_code failed;
  if (fs::exists(folder, failed)) {
    return Failure(Code::kAlreadyExists, folder + " is there", "workflow_exists",
                   "choose another name");
  }
  std::string graph = kGraph;
  std::string id = options.name;
  std::replace(id.begin(), id.end(), '-', '_');
  if (id.front() >= '0' && id.front() <= '9') id.insert(0, "w");
  ReplaceAll(graph, "validate NAME", "validate " + options.name);
  ReplaceAll(graph, "NAME", id);
  ReplaceAll(graph, "GOAL",
             DotText(options.goal.empty() ? "Say what is to be done" : options.goal));
  TRY(MakeDirs(folder));
  TRY(ReplaceFile(folder + "/workflow.fabro", graph));
  TRY(ReplaceFile(folder + "/workflow.toml", kSettings));
  return folder;
}

}  // namespace

int Run(const WorkflowListOptions& /*options*/, const GlobalOptions& /*global*/, Console& console) {
  std::vector<Named> found;
  const config::Surroundings around = Here();
  std::error_code failed;
  for (fs::path at = fs::current_path(failed); !failed; at = at.parent_path()) {
    if (fs::exists(at / ".fabro/workflows", failed)) {
      AddFrom(at / ".fabro/workflows", found);
      break;
    }
    if (at == at.parent_path()) break;
  }
  if (!around.home.empty()) AddFrom(fs::path(around.home) / ".fabro/workflows", found);
  for (const Named& one : found) {
    if (console.json()) {
      model::Json json = model::Json::MakeObject();
      console.Result(json.Set("name", one.name).Set("path", one.path).Dump());
    } else {
      console.Result(Inert(one.name) + "  " + Inert(one.path));
    }
  }
  if (found.empty() && !console.json()) {
    console.Say("no named workflows; make one: fabro workflow create NAME");
  }
  return kOk;
}

int Run(const WorkflowCreateOptions& options, const GlobalOptions& /*global*/, Console& console) {
  const fabro::Result<std::string> folder = Create(options);
  if (!folder.ok()) return console.Fail(folder.error());
  console.Result(*folder);
  console.Say("run it: fabro run " + options.name);
  return kOk;
}

}  // namespace fabro::cli
