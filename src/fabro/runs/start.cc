// Starting workers.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "fabro/linux/file.h"
#include "fabro/linux/process.h"
#include "fabro/runs/create.h"
#include "fabro/runs/paths.h"
#include "fabro/runs/runs.h"
#include "fabro/runs/worker_run.h"
#include "fabro/store/inbox.h"
#include "fabro/store/run_lock.h"
#include "fabro/workflow/engine/state.h"

namespace fabro::runs {
namespace {

constexpr int kReadyFd = 3;

struct SpawnActions {
  SpawnActions() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnActions() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

// In a session of its own with nothing of ours but the log and the ready pipe.
Result<pid_t> SpawnWorker(const RunRef& run, const WorkerCommand& worker, int log, int ready) {
  SpawnActions spawn;
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&spawn.attributes, &none);
  ::posix_spawnattr_setsigdefault(&spawn.attributes, &all);
  ::posix_spawnattr_setflags(&spawn.attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  ::posix_spawn_file_actions_addopen(&spawn.actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&spawn.actions, log, 1);
  ::posix_spawn_file_actions_adddup2(&spawn.actions, log, 2);
  ::posix_spawn_file_actions_adddup2(&spawn.actions, ready, kReadyFd);
  ::posix_spawn_file_actions_addclosefrom_np(&spawn.actions, kReadyFd + 1);
  std::vector<std::string> words{worker.program};
  words.insert(words.end(), worker.arguments.begin(), worker.arguments.end());
  words.push_back(run.dir);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::string variable = std::string(kReadyVariable) + "=" + std::to_string(kReadyFd);
  std::vector<char*> environment{variable.data()};
  for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
  environment.push_back(nullptr);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, worker.program.c_str(), &spawn.actions, &spawn.attributes,
                                   argv.data(), environment.data());
  if (failed != 0) return SysFailureOf(failed, "posix_spawn", worker.program);
  return pid;
}

// What the worker said through the pipe: nothing but "ready", or why it is not.
Status ReadyOf(const std::string& said, const RunRef& run) {
  if (said == "ready\n") return {};
  const std::size_t tab = said.find('\t');
  if (tab == std::string::npos) {
    return Failure(Code::kInternal, "the worker ended before it began", "launch_failed",
                   "look into " + ServerLogPath(run.dir));
  }
  std::string reason = said.substr(0, tab);
  const Code code = reason == "run_locked" ? Code::kFailedPrecondition : Code::kInternal;
  return Failure(code, said.substr(tab + 1, said.find('\n') - tab - 1), std::move(reason));
}

Status Launch(const RunRef& run, const WorkerCommand& worker) {
  const UniqueFd log = TRY(Open(ServerLogPath(run.dir), O_WRONLY | O_CREAT | O_APPEND, 0600));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return SysFailure("pipe2");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  // Out of the way of the numbers that the child is given.
  UniqueFd high(::fcntl(write_end.get(), F_DUPFD_CLOEXEC, 10));
  UniqueFd high_log(::fcntl(log.get(), F_DUPFD_CLOEXEC, 10));
  if (!high || !high_log) return SysFailure("fcntl", "F_DUPFD_CLOEXEC");
  write_end.reset();
  const pid_t pid = TRY(SpawnWorker(run, worker, high_log.get(), high.get()));
  high.reset();
  auto said = ReadFd(read_end.get());
  Status ready = said.ok() ? ReadyOf(*said, run) : Status(said.error());
  // One that could not begin is about to end and is ours to bury. A running worker outlives us, or
  // is a zombie of ours for as long as we follow: followers see its end by a pidfd.
  if (!ready.ok()) ::waitpid(pid, nullptr, 0);
  return ready;
}

Result<workflow::RunState> StateOf(const RunRef& run) {
  auto events = TRY(store::OpenRunDb(run.dir, true));
  return workflow::Replay(*events);
}

}  // namespace

Status Start(const RunRef& run, const WorkerCommand& worker) {
  const workflow::RunState state = TRY(StateOf(run));
  if (state.started || state.ended) {
    return Failure(Code::kFailedPrecondition, "run " + run.id.value() + " was started before",
                   "run_started", "continue it with fabro resume");
  }
  return Launch(run, worker);
}

Status Resume(const RunRef& run, const WorkerCommand& worker, std::optional<Nanos> wall_budget) {
  const bool locked = TRY(store::IsRunLocked(run.dir));
  if (locked) {
    return Failure(Code::kFailedPrecondition, "run " + run.id.value() + " is being worked on",
                   "run_locked", "follow it with fabro attach");
  }
  const workflow::RunState state = TRY(StateOf(run));
  if (state.succeeded && state.ended) {
    return Failure(Code::kFailedPrecondition, "run " + run.id.value() + " has succeeded",
                   "run_finished");
  }
  auto events = TRY(store::OpenRunDb(run.dir, true));
  const bool archived = TRY(IsArchived(*events));
  if (archived) {
    return Failure(Code::kFailedPrecondition, "run " + run.id.value() + " is archived",
                   "run_archived", "fabro unarchive " + run.id.value());
  }
  if (wall_budget) {
    model::Json body;
    body.Set("wall_ms",
             static_cast<std::int64_t>(
                 std::chrono::duration_cast<std::chrono::milliseconds>(*wall_budget).count()));
    TRY(store::Inbox(run.dir).Put("budget", body));
  }
  return Launch(run, worker);
}

}  // namespace fabro::runs
