// An acceptance case: what its file says, and what a run of the real program left
// (tests/e2e/examples; the format is described in README.md there).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fabro/linux/scoped_dir.h"
#include "fabro/model/event.h"
#include "fabro/model/json.h"
#include "fabro/workflow/engine/state.h"

namespace fabro::e2e {

// A directory of its own with home, storage and working directory. Later cases of a file that name
// an earlier one go on in its place.
struct Place {
  TempDir root = *TempDir::Make("fabro-case");
  std::string run;                // Id of the run that the last command made or continued.
  std::string repository_before;  // HEAD, index, stash and reflog, when it is a repository.

  std::string work() const { return root.path() + "/work"; }
  std::string home() const { return root.path() + "/home"; }
  std::string storage() const { return root.path() + "/storage"; }
};

// What a command left.
struct Left {
  int code = -1;
  std::string out;
  std::string err;
  std::string run_status;
  std::vector<model::Event> events;            // All of the run.
  std::vector<model::Event> new_events;        // Since the command began.
  std::map<std::string, model::Json> context;  // Blob references read.
  model::Json checkpoint;                      // The last one.
};

struct Program {
  std::string path;
  std::map<std::string, std::string> variables{};  // On top of the usual ones.
};

// The files of example `name` ("03-human-gate") and the case's setup, in a new place.
void MakePlace(const std::string& examples, const std::string& name, const model::Json& file,
               const model::Json& one, Place& place);
// HEAD, index file, stash and reflog of the repository at `directory`; empty: it is none.
std::string RepositoryState(const std::string& directory);

// Runs `fabro ARGS` of a case and reads what it left.
Left RunCase(const Program& program, const std::vector<std::string>& args, const model::Json& one,
             Place& place);
// The run's events and what follows from them.
void ReadRun(const Place& place, std::uint64_t after, Left& left);

// Compares, with EXPECT.
void ExpectAll(const model::Json& expect, const Left& left, const Place& place,
               const std::map<std::string, std::string>& runs);

// "node@visit" with their final status, in the order of their start; of the walk of `scope`
// ("" takes in parallel branches).
std::vector<std::pair<std::string, std::string>> VisitsOf(const std::vector<model::Event>& events,
                                                          const std::string& scope);

}  // namespace fabro::e2e
