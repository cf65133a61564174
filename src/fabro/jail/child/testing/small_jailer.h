// For tests of the guest's side: the least jailer that can drive a faber-init. It runs in the test
// program, as root, with two ids that nobody has and a root of the host's /usr. No cgroups, no
// policy.
#pragma once

#include <linux/filter.h>
#include <sys/types.h>
#include <initializer_list>
#include <string_view>
#include <utility>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/child/wire.h"
#include "fabro/linux/lifeline.h"
#include "fabro/linux/process.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::testing {

// A message of wire.h as it came.
struct Received {
  bool closed = false;
  wire::Type type = wire::Type::kFailed;
  std::string body;
  std::vector<UniqueFd> fds;

  template <typename T>
  T As() const {
    T value;
    if (body.size() < sizeof(T)) return value;
    __builtin_memcpy(&value, body.data(), sizeof(T));
    return value;
  }
};

// Blocks, ten seconds at most (then it counts as closed).
Received ReceiveWire(int socket);
Status SendWire(int socket, wire::Type type, std::string_view body,
                const std::vector<int>& fds = {});

template <typename T>
std::string BytesOf(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

// The zygote, and behind it the init when there is one. Ends both with itself.
class Slot {
 public:
  struct Options {
    bool sealed_network = false;
    bool forbid_user_ns = true;
    std::vector<wire::MountStep> more_steps;  // Without descriptors.
  };
  // Starts the program and brings it to kSlotReady. What it said instead is in the Error.
  static Result<Slot> Start(const Options& options);

  Slot(Slot&&) noexcept = default;
  Slot& operator=(Slot&&) = delete;

  int socket() const { return socket_.get(); }
  Process& zygote() { return zygote_; }
  uid_t host_setup_id() const { return host_setup_id_; }
  uid_t host_task_id() const { return host_setup_id_ + 1; }
  // Drops the zygote's lifeline alone.
  void CutLifeline() { lifeline_.owner.reset(); }

 private:
  Slot(Process zygote, UniqueFd socket, Lifeline lifeline, uid_t id)
      : lifeline_(std::move(lifeline)),
        socket_(std::move(socket)),
        zygote_(std::move(zygote)),
        host_setup_id_(id) {}
  Lifeline lifeline_;
  UniqueFd socket_;
  Process zygote_;
  uid_t host_setup_id_;
};

// The parts of Slot::Start, for tests that stop between two of them.
struct BareZygote {
  Process process;
  UniqueFd socket;
  Lifeline lifeline;
  uid_t host_setup_id;
};
Result<BareZygote> StartZygote();
Status WriteMaps(const BareZygote& zygote);  // Awaits kUserNamespaceMade, answers kMapsWritten.
Status SendBuildSlot(int socket, const Slot::Options& options);

// An init in a Slot.
struct TestJail {
  UniqueFd socket;
  UniqueFd pidfd;
  pid_t pid = -1;
  Lifeline lifeline;
};

// The defaults of the tests: 16 MiB in memory, loopback up, workspace /work, home /home/user.
wire::SpawnInit DefaultJail();
// Name in the tree, target; those of a temporary directory are open to all.
void SetPlaces(wire::SpawnInit& plan,
               std::initializer_list<std::pair<std::string_view, std::string_view>> places);
// Sends, without waiting.
Result<TestJail> SendSpawnInit(const Slot& slot, const wire::SpawnInit& plan, int workspace = -1);
// Sends and awaits kInitSpawned and kJailReady.
Result<TestJail> SpawnJail(const Slot& slot, const wire::SpawnInit& plan, int workspace = -1);

struct ExecRequest {
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string cwd = "/work";
  std::string path = "/usr/local/bin:/usr/bin:/bin";
  std::string input;
  std::vector<sock_filter> filter;  // Empty: one that allows all.
  std::vector<wire::Rlimit> rlimits;
  std::vector<int> leaf_fds;
  int program = -1;
  bool tty = false;
  bool want_listener = true;
};

struct ExecResult {
  std::optional<wire::Failed> failed;
  bool had_listener = false;
  wire::ExecForked forked;
  wire::ExecEnded ended;
  std::string out;  // stdout and stderr, or what the terminal showed.

  bool succeeded() const { return !failed.has_value() && ended.si_code == 1 && ended.status == 0; }
};

// A running Exec; its streams are in the caller's hands.
struct StartedExec {
  std::uint32_t id = 0;
  UniqueFd status;
  UniqueFd in;
  UniqueFd out;
};
Result<StartedExec> StartExec(const TestJail& jail, const ExecRequest& request);
// Runs a command to its end.
Result<ExecResult> RunExec(const TestJail& jail, const ExecRequest& request);
// `sh -c script`.
Result<ExecResult> RunShell(const TestJail& jail, const std::string& script);

}  // namespace fabro::jail::testing
