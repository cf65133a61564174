// `fabro artifact list` and `cp`: what a run collected, and the saved workspace as RUN:result.
#include <algorithm>
#include <filesystem>

#include "../following.h"
#include "commands.h"
#include "fabro/base/byte_size.h"

namespace fabro::cli {
namespace {

namespace fs = std::filesystem;

fabro::Result<runs::RunSummary> Look(const GlobalOptions& global, const std::string& which) {
  const std::string storage = TRY(StorageDir(global));
  const runs::RunRef run = TRY(runs::Find(storage, which));
  return runs::Inspect(run);
}

// "<node>@<visit>/path": belongs to `node` when it begins so; an empty node means all.
bool OfNode(const std::string& artifact, const std::string& node) {
  return node.empty() || artifact.rfind(node + "@", 0) == 0;
}

// Copies one file; an existing target is replaced, its folders are made.
Status CopyFile(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  if (to.has_parent_path()) fs::create_directories(to.parent_path(), failed);
  if (!failed) fs::copy_file(from, to, fs::copy_options::overwrite_existing, failed);
  if (failed) return SysFailureOf(failed.value(), "copy", from.string() + " to " + to.string());
  return {};
}

struct Source {
  std::string run;
  std::string path;  // Empty: everything.
};

Source Split(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

// A path matches as listed, or without its "<node>@<visit>/".
std::vector<std::string> Matching(const runs::RunSummary& run, const std::string& path,
                                  const std::string& node) {
  std::vector<std::string> found;
  for (const std::string& artifact : run.artifacts) {
    const std::string inner = artifact.substr(artifact.find('/') + 1);
    const bool matches = path.empty() || artifact == path || inner == path;
    if (matches && OfNode(artifact, node)) found.push_back(artifact);
  }
  return found;
}

Status CopyOut(const runs::RunSummary& run, const ArtifactCopyOptions& options,
               const std::string& path, Console& console) {
  const fs::path destination(options.destination);
  if (path == "result") {
    if (run.result.empty()) {
      return Failure(Code::kNotFound, "run " + run.ref.id.value() + " saved no workspace",
                     "no_result",
                     run.run_branch.empty() ? "" : "its result is the branch " + run.run_branch);
    }
    const fs::path to = destination / fs::path(run.result).filename();
    TRY(CopyFile(run.result, to));
    console.Result(to.string());
    return {};
  }
  const std::vector<std::string> wanted = Matching(run, path, options.node);
  if (wanted.empty()) {
    return Failure(Code::kNotFound, "run " + run.ref.id.value() + " has no such artefact",
                   "artifact_not_found", "fabro artifact list " + run.ref.id.value());
  }
  for (const std::string& artifact : wanted) {
    const fs::path to =
        destination / (options.tree ? fs::path(artifact) : fs::path(artifact).filename());
    TRY(CopyFile(fs::path(run.ref.dir) / "artifacts" / artifact, to));
    console.Result(to.string());
  }
  return {};
}

}  // namespace

int Run(const ArtifactListOptions& options, const GlobalOptions& global, Console& console) {
  const fabro::Result<runs::RunSummary> run = Look(global, options.run);
  if (!run.ok()) return console.Fail(run.error());
  for (const std::string& artifact : run->artifacts) {
    if (!OfNode(artifact, options.node)) continue;
    std::error_code unknown;
    const std::uintmax_t size =
        fs::file_size(fs::path(run->ref.dir) / "artifacts" / artifact, unknown);
    if (console.json()) {
      model::Json one = model::Json::MakeObject();
      one.Set("path", artifact).Set("bytes", unknown ? 0 : static_cast<std::int64_t>(size));
      console.Result(one.Dump());
    } else {
      console.Result(artifact + "  " + (unknown ? "?" : HumanBytes(ByteSize(size))));
    }
  }
  if (!run->result.empty() && options.node.empty() && !console.json()) {
    console.Result("result  " + run->result);
  }
  return kOk;
}

int Run(const ArtifactCopyOptions& options, const GlobalOptions& global, Console& console) {
  const Source source = Split(options.source);
  const fabro::Result<runs::RunSummary> run = Look(global, source.run);
  if (!run.ok()) return console.Fail(run.error());
  const Status copied = CopyOut(*run, options, source.path, console);
  return copied.ok() ? kOk : console.Fail(copied.error());
}

}  // namespace fabro::cli
