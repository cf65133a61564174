// Options of the commands that look after runs, workflows and the machine.
#pragma once

#include <string>
#include <vector>

namespace fabro::cli {

// `fabro fork` and `rewind`.
struct TimelineOptions {
  std::string run;
  std::string target;  // "node", "node@visit", "@ordinal"; empty: the latest.
  bool list = false;
  bool start = false;
  bool rewind = false;
};

struct DiffOptions {
  std::string run;
  std::string node;
  bool stat = false;
  bool shortstat = false;
};

struct DumpOptions {
  std::string run;
  std::string output;
};

// `fabro archive` and `unarchive`.
struct ArchiveOptions {
  std::vector<std::string> runs;
  bool take_out = false;
};

struct AnswerOptions {
  std::string run;
  std::string question;
  std::string value;
  std::string key;
  std::string text;
  bool list = false;
};

struct RepairOptions {};

struct PruneOptions {
  std::string before;
  std::string older_than;
  std::string workflow;
  std::string label;
  bool orphans = false;
  bool preserved = false;
  bool yes = false;
};

struct DoctorOptions {
  bool dry_run = false;
};

struct WorkflowListOptions {};

struct WorkflowCreateOptions {
  std::string name;
  std::string goal;
};

}  // namespace fabro::cli
