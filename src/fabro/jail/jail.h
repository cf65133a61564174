// A live sandbox on this machine: create it once, run commands in it, copy files, stop it.
//
//   Jailer    a connection to a faber-jailer: one that this process starts, or a running one
//   Jail      the sandbox; lives as long as its lease, which is the connection: when the last
//   holder
//             of it is gone, however it died, the jailer kills everything in the Jail
//   Exec      one command in it, with its own cgroup leaf and Outcome
//
// Blocking calls; a Jail may be used from several threads at once, an Exec from one. No guest code
// ever runs in this process, and nothing here needs privilege except that the jailer it starts has
// the rights of the caller.
//
// Errors carry a stable `reason`: isolation_unavailable, cgroup_unavailable, bind_refused,
// workspace_refused, rootfs_refused, spec_invalid, jailer_unreachable,
// jailer_refused, jail_gone. Spec: isolation engine, sections 2 to 6 and 13.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/outcome.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail {

class Jailer {
 public:
  struct Options {
    // Only a jailer that already listens ($XDG_RUNTIME_DIR/faber/, root: /run/faber/), only a child
    // of ours, or the first that works.
    enum class Mode { kRunningOrChild, kRunning, kChild };
    Mode mode = Mode::kRunningOrChild;
    std::string program;  // Path of faber-jailer; empty: beside this program, else in PATH.
  };

  // From any thread: the jailer watches its connection, not its parent, so it outlives the thread,
  // and the process too while somebody holds the connection. One that runs and does not serve us is
  // passed over, but with kRunning its refusal is the Error of the first request.
  static Result<Jailer> Open(const Options& options);

  // Takes over a connection that another process handed on (Jail::ReleaseLease).
  static Jailer Adopt(UniqueFd connection) { return Jailer(std::move(connection), std::nullopt); }

  bool is_child() const { return child_.has_value(); }

 private:
  friend class Jail;
  Jailer(UniqueFd connection, std::optional<pid_t> child)
      : connection_(std::move(connection)), child_(child) {}
  UniqueFd connection_;
  std::optional<pid_t> child_;  // To be reaped once its connection is closed.
};

// The guest's ends of its standard streams. A pipe or /dev/null; the jailer refuses anything else.
// With ExecSpec::tty they stay empty, the terminal has that size when the command starts, and the
// Exec gives its other side.
struct GuestStdio {
  UniqueFd in;
  UniqueFd out;
  UniqueFd err;
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
};

class Exec {
 public:
  Exec(Exec&&) noexcept;
  Exec& operator=(Exec&&) noexcept;
  ~Exec();  // A running command is cancelled and not waited for.

  // Readable when Poll() would give the Outcome. Valid while *this lives.
  int fd() const;
  // The master side of the sandbox's pty; empty without ExecSpec::tty.
  UniqueFd TakeTerminal();

  // To the leader's process group.
  Status Signal(int signal);
  // Ends it: SIGTERM to the group, `grace`, then everything in its leaf is killed. `fate` is what
  // the Outcome will say unless something stronger happened first (kCancelled, kOutputLimit,
  // kTimedOut).
  Status Terminate(model::Fate fate, std::chrono::milliseconds grace);

  // The Outcome when there is one, without blocking.
  Result<std::optional<model::Outcome>> Poll();
  // Blocks for it. A jailer or init that died gives kInfrastructureFailure, never success.
  Result<model::Outcome> Wait();

 private:
  friend class Jail;
  struct State;
  explicit Exec(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Jail {
 public:
  // Uses the connection up: one Jail a connection.
  static Result<Jail> Create(Jailer jailer, const model::SandboxSpec& spec);
  // The Jail behind a connection that was handed on while it lived.
  static Result<Jail> Reattach(Jailer jailer);

  Jail(Jail&&) noexcept;
  Jail& operator=(Jail&&) noexcept;
  ~Jail();  // Stops it; use Stop() to hear about trouble.

  const model::SandboxInfo& info() const;

  // Starts a command. Returns when the jailer has accepted it; that it could not be executed is an
  // Outcome (kNotExecuted), not an Error.
  Result<Exec> Start(const model::ExecSpec& spec, GuestStdio stdio);

  // Starts our file helper in the Jail, as the task's user under the same limits and filter:
  // `request` and `reply` are pipes, see jail/files.h.
  Result<Exec> StartFileHelper(GuestStdio stdio);

  // Kills everything and waits until no process of a guest is left, and on disk no mount (bounded:
  // 5 s). A jailer that listens clears up and proves what it keeps for another Jail behind that.
  Status Stop();

  // Create and Start for a Jail that ends with its one command, without a wait for the answers in
  // between: a launch is then one message each way. What went wrong on the way is the Error of
  // Confirm(). Not for commands with a terminal.
  struct Alone;
  static Result<Alone> StartAlone(Jailer jailer, const model::SandboxSpec& spec,
                                  const model::ExecSpec& exec, const GuestStdio& stdio);
  // After the command's Outcome, and before info(): whether the Jail was made at all.
  Status Confirm();

  // Gives the lease away: the Jail lives on as long as somebody holds the returned connection. A
  // jailer that was our child becomes a zombie of ours when that is over.
  UniqueFd ReleaseLease();

 private:
  struct State;
  explicit Jail(std::unique_ptr<State> state);
  // Sends the wish; Confirm() has the answer.
  static Result<Jail> Wish(Jailer jailer, const model::SandboxSpec& spec);
  std::unique_ptr<State> state_;
};

struct Jail::Alone {
  Jail jail;
  Exec exec;
};

}  // namespace fabro::jail
