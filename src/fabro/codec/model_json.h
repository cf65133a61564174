// The JSON of the values in model/, for programs that read ours: `--print`, `faber run --json`, the
// API. Units are in the names (…_bytes, …_ns); a limit that is not set is null, never 0 or -1.
// Text that is not UTF-8 in a name or message shows U+FFFD; a guest's output is never altered, it
// goes as base64 with "encoding" saying so.
#pragma once

#include <string>

#include "fabro/base/error.h"
#include "fabro/model/json.h"
#include "fabro/model/outcome.h"
#include "fabro/model/run_request.h"
#include "fabro/model/sandbox.h"

namespace fabro::codec {

model::Json ToJson(const model::Limits& limits);
model::Json ToJson(const model::EgressPolicy& policy);
model::Json ToJson(const model::NetworkUsage& usage);  // With each reason's word.
model::Json ToJson(const model::SandboxSpec& spec);
model::Json ToJson(const model::ExecSpec& spec);
model::Json ToJson(const model::RunRequest& request);
model::Json ToJson(const model::Violation& violation);
model::Json ToJson(const model::Outcome& outcome);
model::Json ToJson(const model::SandboxInfo& info);

// {code, reason, message, fix, errno, context}; what is empty is left out.
model::Json ToJson(const Error& error);

// What one stream of the guest gave.
struct CapturedOutput {
  std::string bytes;
  bool complete = true;  // False: the output limit cut it here.
};

// The whole of a run in one object: the outcome with the sandbox's facts beside it, and the output.
struct RunReport {
  model::Outcome outcome;
  model::SandboxInfo info;
  model::Limits limits;  // In force for the command.
  CapturedOutput out;
  CapturedOutput err;
};
model::Json ToJson(const RunReport& report);

// The text of a value for people, two spaces a level. No newline at the end.
std::string Indented(const model::Json& json);

}  // namespace fabro::codec
