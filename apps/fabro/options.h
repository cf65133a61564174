// What the command line of `fabro` says, as plain values: cli.cc fills them, commands/ act on them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model_options.h"

#include "upkeep_options.h"

namespace fabro::cli {

// Before and after every command.
struct GlobalOptions {
  bool json = false;
  bool debug = false;
  bool quiet = false;
  bool verbose = false;
  std::string storage_dir;  // Empty: FABRO_STORAGE_DIR, else ~/.fabro/storage.
};

struct RunOptions {
  std::string workflow;
  std::optional<std::string> goal;
  std::string goal_file;
  std::vector<std::string> inputs;  // "name=value"
  std::string environment;          // Empty: what the configuration says.
  std::string sandbox;              // The provider whose built-in environment is meant.
  std::string model;
  std::string provider;
  std::string permissions;
  std::vector<std::string> budget;  // "tokens=100000"
  std::vector<std::string> labels;  // "key=value"
  std::string print;                // A step: request, settings, environment.
  bool auto_approve = false;
  bool detach = false;
  bool dry_run = false;
  bool in_place = false;
  bool preserve_sandbox = false;
  bool trust = false;
};

struct ExecOptions {
  std::string prompt;  // "-": standard input.
  std::string model;
  std::string provider;
  std::string permissions;  // Empty: [cli.exec] permissions, else read-write.
  std::string output_format = "text";
  bool auto_approve = false;
};

// `fabro create`: as run, and nothing starts.
struct CreateOptions {
  RunOptions run;
};

struct StartOptions {
  std::string run;
};

struct PreflightOptions {
  RunOptions run;
};

struct AttachOptions {
  std::string run;
};

struct ResumeOptions {
  std::string run;
  bool detach = false;
};

struct ValidateOptions {
  std::string workflow;
  std::vector<std::string> inputs;
};

struct GraphOptions {
  std::string workflow;
  std::string run;        // Instead of a workflow: as far as this run came.
  std::string direction;  // "lr", "tb" or empty.
  std::string format = "svg";
  std::string output;  // Empty or "-": stdout.
};

struct PsOptions {
  bool all = false;
  bool ids_only = false;
  std::string workflow;
  std::string label;
};

struct LogsOptions {
  std::string run;
  bool follow = false;
  bool pretty = false;
  std::string since;
  std::optional<std::uint64_t> tail;
};

struct InspectOptions {
  std::string run;
};

struct PauseOptions {
  std::string run;
};

struct UnpauseOptions {
  std::string run;
};

struct CancelOptions {
  std::string run;
};

struct WaitOptions {
  std::string run;
  std::optional<std::uint64_t> timeout_seconds;
  std::uint64_t interval_ms = 1000;
};

struct RmOptions {
  std::vector<std::string> runs;
  bool force = false;
};

struct ArtifactListOptions {
  std::string run;
  std::string node;
};

struct ArtifactCopyOptions {
  std::string source;  // RUN, RUN:path or RUN:result
  std::string destination = ".";
  std::string node;
  bool tree = false;
};

struct SettingsOptions {
  std::string workflow;  // Empty: no workflow layer.
  std::string explain;   // A key.
  bool keys = false;     // All keys that there are.
  bool local = false;    // For compatibility: settings of here are always meant.
};

struct TrustOptions {
  std::string directory = ".";
  bool list = false;
  bool remove = false;
};

struct VersionOptions {};

struct CompletionOptions {
  std::string shell;
};

// The worker of one run: `fabro` re-executed; not for people.
struct WorkerOptions {
  std::string run_directory;
};

using Command =
    std::variant<std::monostate, RunOptions, CreateOptions, StartOptions, PreflightOptions,
                 PauseOptions, UnpauseOptions, AnswerOptions, TimelineOptions, DiffOptions,
                 DumpOptions, ArchiveOptions, RepairOptions, PruneOptions, DoctorOptions,
                 WorkflowListOptions, WorkflowCreateOptions, AttachOptions, ResumeOptions,
                 ValidateOptions, GraphOptions, PsOptions, LogsOptions, InspectOptions,
                 CancelOptions, WaitOptions, RmOptions, ArtifactListOptions, ArtifactCopyOptions,
                 SettingsOptions, TrustOptions, ModelListOptions, ModelTestOptions,
                 ProviderLoginOptions, SecretListOptions, SecretSetOptions, SecretRmOptions,
                 VersionOptions, CompletionOptions, WorkerOptions, ExecOptions>;

struct CommandLine {
  GlobalOptions global;
  Command command;
};

// The command line's own outcome: something to do, or an exit code after help or a usage error has
// been printed (0 or 2).
std::variant<CommandLine, int> ParseCommandLine(int argc, char** argv);

// The words after `fabro` with their options, for completion scripts: "run --goal --input …" a
// line.
std::vector<std::string> CommandWords();

}  // namespace fabro::cli
