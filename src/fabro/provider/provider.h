// Where a run's commands happen. A Provider makes Sandboxes from a resolved environment; the engine
// knows this interface and nothing of what is behind it. Header-only, so that `workflow` links no
// provider.
//
// Blocking calls. Every call on a Sandbox may be made from several threads at once (parallel
// branches), except Initialize and Cleanup. Errors carry a `reason`; what a provider cannot do is
// kUnimplemented with reason capability_missing and a message that names the capability; reasons of
// files are those of jail/files.h (file_not_found, file_is_directory, path_invalid, …) everywhere.
// Before Initialize: kFailedPrecondition, not_initialized.
// Spec: sandboxes, sections 2 to 6.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fabro/base/duration.h"
#include "fabro/base/result.h"

namespace fabro::provider {

enum class Stream { kStdout, kStderr };
enum class Termination { kExited, kTimedOut, kCancelled };

struct ExecRequest {
  std::string command;  // Run by `/bin/bash -c`; or `argv` when not empty.
  std::vector<std::string> argv;
  std::string cwd;                         // Relative to the working directory; empty: that one.
  std::map<std::string, std::string> env;  // On top of the sandbox's own.
  std::optional<Nanos> timeout;            // Unset: none.
  int cancel_fd = -1;                      // Readable means cancel; not owned.
  // Output as it comes, in order per stream; bytes, not aligned to characters. An Error ends the
  // command. May be called from another thread than the caller's, never from two at once.
  std::function<Status(Stream, std::string_view)> on_output;
  std::string exec_id;  // "<run>/<n>": goes into the environment as FABRO_EXEC.
};

struct ExecResult {
  Termination termination = Termination::kExited;
  std::optional<int> exit_code;  // Absent when timed out or cancelled; 128+n for a signal.
  std::chrono::milliseconds duration{};
  // What the isolation said: "policy_violation", "out_of_memory", "pids_limit", …; empty: nothing.
  std::string limit;
  std::vector<std::string> notes;  // One line each for people: which call, which limit, how much.
};

struct DirectoryEntry {
  std::string name;  // Relative, "sub/file"; parents before children; byte order.
  bool is_directory = false;
  std::optional<std::uint64_t> size;  // Regular files only.
  std::int64_t mtime_ns = 0;
};

struct GrepOptions {
  std::string glob;  // Empty: all files.
  bool case_insensitive = false;
  std::optional<std::size_t> max_results;
};

// Something the user should know, which stops nothing: "dirty_not_included", "local_no_isolation".
struct Notice {
  std::string code;
  std::string message;
  friend bool operator==(const Notice&, const Notice&) = default;
};

// What `info` says and the reconnect record keeps.
struct SandboxInfo {
  std::string provider;           // "local", "namespace", "fake".
  std::string identifier;         // Sandbox id; empty for local.
  std::string working_directory;  // Inside.
  std::string reconnect;          // One command for a person, or empty.
  std::string workspace;          // Of this machine: where the work lies; empty: not on it.
  std::vector<std::pair<std::string, std::string>> details;  // level, rootfs, network, shared, …
  std::vector<Notice> notices;                               // Found while initializing.
};

struct NetworkPolicy {
  std::string mode;  // "host", "block", …
  std::string enforced_by;
};

// What a provider must know of the run beside its environment.
struct SandboxContext {
  std::string run_id;          // ULID.
  std::string storage;         // Of this machine: the storage directory, absolute.
  std::string host_directory;  // Of this machine: where the run was started, absolute.
  std::string working_dir;     // run.working_dir; empty: the provider's own default.
  bool in_place = false;       // --in-place: work in host_directory itself.
  std::string jailer;          // Path of faber-jailer; empty: as jail::Jailer::Open finds it.
};

class Sandbox {
 public:
  virtual ~Sandbox() = default;

  // Makes the instance and the workspace, and checks that a command runs. Twice is an error. A
  // failed Initialize has undone what it made, except a workspace that is state of the run.
  virtual Status Initialize() = 0;
  // Stops what runs and keeps the workspace: what a resume finds again.
  virtual Status Stop() = 0;
  // Destroys instance and workspace. Idempotent.
  virtual Status Cleanup() = 0;

  virtual Result<ExecResult> Exec(const ExecRequest& request) = 0;

  virtual Result<std::string> ReadFile(std::string_view path) = 0;  // Bytes as they are.
  virtual Status WriteFile(std::string_view path, std::string_view content) = 0;
  virtual Status DeleteFile(std::string_view path) = 0;
  virtual Result<bool> FileExists(std::string_view path) = 0;
  virtual Result<std::vector<DirectoryEntry>> ListDirectory(std::string_view path,
                                                            std::uint32_t depth) = 0;
  // "file:line:text", sorted by path and line.
  virtual Result<std::vector<std::string>> Grep(std::string_view pattern, std::string_view path,
                                                const GrepOptions& options) = 0;
  virtual Result<std::vector<std::string>> Glob(std::string_view pattern,
                                                std::string_view path) = 0;
  virtual Status Upload(const std::string& host_path, std::string_view path) = 0;
  virtual Status Download(std::string_view path, const std::string& host_path) = 0;

  virtual std::string WorkingDirectory() const = 0;
  virtual std::string Platform() const = 0;
  virtual SandboxInfo Info() const = 0;
  virtual NetworkPolicy Network() const = 0;
};

}  // namespace fabro::provider
