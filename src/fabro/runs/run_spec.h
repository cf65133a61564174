// What a run is, fixed when it is created: the content of `workflow_bundle.json`. A resume uses
// this and nothing from the user's disk. Spec: run, sections 2.4 and 4.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/duration.h"
#include "fabro/base/id.h"
#include "fabro/base/result.h"
#include "fabro/model/json.h"

namespace fabro::runs {

struct PrepareStep {
  std::string script;  // By `sh -c`; or `command`.
  std::vector<std::string> command;
  std::map<std::string, std::string> env;
  Nanos timeout = std::chrono::minutes(5);

  friend bool operator==(const PrepareStep&, const PrepareStep&) = default;
};

struct RunSpec {
  RunId id;                                  // Given by Create.
  std::string created_at;                    // RFC 3339; given by Create.
  std::string workflow;                      // Name for people: "hello".
  std::string workflow_path;                 // Absolute, of this machine; for messages.
  std::string graph_source;                  // The workflow file's text.
  std::map<std::string, std::string> files;  // workflow::Prepared::files: "@file" attributes.
  std::string goal;                          // Beats the graph's when not empty.
  model::Json inputs = model::Json::MakeObject();
  std::map<std::string, std::string> labels;

  std::string environment;  // Slug: "namespace".
  // The resolved environment and the settings as JSON. Opaque here: what opens sandboxes reads the
  // one, people read the other.
  model::Json environment_settings = model::Json::MakeObject();
  model::Json settings = model::Json::MakeObject();
  std::string source_directory;  // Where `fabro run` stood: the repository.
  std::string working_dir;       // `[run] working_dir`, or empty.

  std::vector<PrepareStep> prepare;
  std::vector<std::string> artifacts_include;  // Globs; empty: no collection.
  ByteSize result_limit = 1_GiB;
  bool events_jsonl = false;  // `[run.artifacts] events`.
  std::optional<Nanos> wall_budget;
  std::optional<std::int64_t> token_budget;
  std::optional<double> cost_budget;   // US dollars.
  bool fail_on_budget = false;         // `on_limit = "fail"`; else the run pauses.
  std::optional<Nanos> stall_timeout;  // Beats the graph's.
  bool auto_resume = true;
  bool dry_run = false;
  bool in_place = false;
  bool preserve_sandbox = false;
  bool auto_approve = false;  // Gates are answered by their first option.

  friend bool operator==(const RunSpec&, const RunSpec&) = default;
};

// The bundle as JSON text and back. kInvalidArgument "run_bundle_invalid" names the member.
std::string EncodeSpec(const RunSpec& spec);
Result<RunSpec> DecodeSpec(std::string_view text);

}  // namespace fabro::runs
