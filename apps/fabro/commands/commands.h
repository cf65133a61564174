// One function a command: options in, exit code out.
#pragma once

#include "../console.h"
#include "../options.h"

namespace fabro::cli {

// The whole program; gives its exit code (main.cc).
int Main(int argc, char** argv);

int Run(const RunOptions& options, const GlobalOptions& global, Console& console);
int Run(const ExecOptions& options, const GlobalOptions& global, Console& console);
int Run(const CreateOptions& options, const GlobalOptions& global, Console& console);
int Run(const StartOptions& options, const GlobalOptions& global, Console& console);
int Run(const PreflightOptions& options, const GlobalOptions& global, Console& console);
int Run(const AnswerOptions& options, const GlobalOptions& global, Console& console);
int Run(const PauseOptions& options, const GlobalOptions& global, Console& console);
int Run(const UnpauseOptions& options, const GlobalOptions& global, Console& console);
int Run(const TimelineOptions& options, const GlobalOptions& global, Console& console);
int Run(const DiffOptions& options, const GlobalOptions& global, Console& console);
int Run(const DumpOptions& options, const GlobalOptions& global, Console& console);
int Run(const ArchiveOptions& options, const GlobalOptions& global, Console& console);
int Run(const RepairOptions& options, const GlobalOptions& global, Console& console);
int Run(const PruneOptions& options, const GlobalOptions& global, Console& console);
int Run(const DoctorOptions& options, const GlobalOptions& global, Console& console);
int Run(const WorkflowListOptions& options, const GlobalOptions& global, Console& console);
int Run(const WorkflowCreateOptions& options, const GlobalOptions& global, Console& console);
int Run(const AttachOptions& options, const GlobalOptions& global, Console& console);
int Run(const ResumeOptions& options, const GlobalOptions& global, Console& console);
int Run(const ValidateOptions& options, const GlobalOptions& global, Console& console);
int Run(const GraphOptions& options, const GlobalOptions& global, Console& console);
int Run(const PsOptions& options, const GlobalOptions& global, Console& console);
int Run(const LogsOptions& options, const GlobalOptions& global, Console& console);
int Run(const InspectOptions& options, const GlobalOptions& global, Console& console);
int Run(const CancelOptions& options, const GlobalOptions& global, Console& console);
int Run(const WaitOptions& options, const GlobalOptions& global, Console& console);
int Run(const RmOptions& options, const GlobalOptions& global, Console& console);
int Run(const ArtifactListOptions& options, const GlobalOptions& global, Console& console);
int Run(const ArtifactCopyOptions& options, const GlobalOptions& global, Console& console);
int Run(const SettingsOptions& options, const GlobalOptions& global, Console& console);
int Run(const TrustOptions& options, const GlobalOptions& global, Console& console);
int Run(const ModelListOptions& options, const GlobalOptions& global, Console& console);
int Run(const ModelTestOptions& options, const GlobalOptions& global, Console& console);
int Run(const ProviderLoginOptions& options, const GlobalOptions& global, Console& console);
int Run(const SecretListOptions& options, const GlobalOptions& global, Console& console);
int Run(const SecretSetOptions& options, const GlobalOptions& global, Console& console);
int Run(const SecretRmOptions& options, const GlobalOptions& global, Console& console);
int Run(const VersionOptions& options, const GlobalOptions& global, Console& console);
int Run(const CompletionOptions& options, const GlobalOptions& global, Console& console);
int Run(const WorkerOptions& options, const GlobalOptions& global, Console& console);

}  // namespace fabro::cli
