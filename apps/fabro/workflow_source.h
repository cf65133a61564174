// From the WORKFLOW argument to a graph that may run, with the settings that surround it.
#pragma once

#include <optional>
#include <string>

#include "console.h"
#include "fabro/base/result.h"
#include "fabro/config/dotenv.h"
#include "fabro/config/layer.h"
#include "fabro/config/locate.h"
#include "fabro/config/settings.h"
#include "fabro/model/json.h"
#include "fabro/workflow/validate/prepare.h"

namespace fabro::cli {

struct WorkflowSource {
  std::string name;                 // For people: the file's stem, or the name that was given.
  std::string path;                 // Of the graph's file.
  std::string directory;            // Where "@path" of the graph starts.
  std::string text;                 // Its content.
  std::optional<std::string> goal;  // Of the layers above the graph, read from its file.
  config::Settings settings;
};

// This process's surroundings: home, variables, directory.
config::Surroundings Here();

// Keys and tokens: the variables of this process, the project's .env, ~/.fabro/.env.
config::Credentials CredentialsOf(const std::string& directory);

// Finds the workflow (run specification 1.1), reads its file and resolves the layers around it.
fabro::Result<WorkflowSource> LoadWorkflow(const std::string& argument, const config::Flags& flags);

// Parses, renders and validates it.
workflow::Prepared Prepare(const WorkflowSource& source, workflow::PrepareMode mode);

model::Json DiagnosticJson(const WorkflowSource& source, const workflow::Diagnostic& diagnostic);

// Prints diagnostics: on stdout as results of `validate`, on stderr otherwise.
void PrintDiagnostics(const WorkflowSource& source, const workflow::Prepared& prepared,
                      bool as_result, Console& console);

}  // namespace fabro::cli
