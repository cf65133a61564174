// Real Jails for the attacks of the threat matrix: run a probe inside, then look at the host for
// what it left (the matrix' host checks H1 to H8 and H11).
//
// The test program has mount, network, IPC and UTS namespaces of its own, which stand for the
// host's: what is compared there cannot change by somebody else's doing.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fabro/jail/jail.h"
#include "fabro/jail/relay.h"
#include "fabro/model/outcome.h"
#include "fabro/model/sandbox.h"

namespace fabro::security {

// Every level that is built; a new one joins here.
inline std::vector<model::Level> Levels() {
  return {model::Level::kLow, model::Level::kMedium, model::Level::kHigh};
}

struct Ran {
  model::Outcome outcome;
  std::string out;
  std::string err;
};

// "violation_of mount", "exited 0: PASS …": for messages of assertions.
std::string Describe(const Ran& ran);

// What of the host belongs to one Jail, noted while it lives.
struct HostTraces {
  pid_t init = -1;
  std::vector<unsigned> ids;                // Leased: set-up and task.
  std::vector<std::string> groups;          // Directories of its slot, one a hierarchy.
  std::vector<std::string> namespaces;      // "net:[4026532000]".
  std::uint64_t noted = ~std::uint64_t{0};  // When it was about to end, in ticks since boot.
};

// Of the "host": equal before and after every Jail.
struct HostState {
  std::string mounts;
  std::string host_name;
  std::string ipc;
  std::vector<std::string> descriptors;
  static HostState Now();
  friend bool operator==(const HostState&, const HostState&) = default;
};

class Sandbox {
 public:
  // Medium: network loopback; high: none. The probe stands at /probe/faber-probe.
  static model::SandboxSpec SpecOf(model::Level level);
  // A failure to make it is a failure of the test; then ok() is false.
  explicit Sandbox(const model::SandboxSpec& spec);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  bool ok() const { return jail_.has_value(); }
  jail::Jail& jail() { return *jail_; }
  const HostTraces& traces() const { return traces_; }
  pid_t jailer() const { return jailer_; }

  // Runs `faber-probe args…`; an Error is a failure of the test.
  Ran Probe(std::vector<std::string> args, model::Limits limits = {});
  Ran Run(const model::ExecSpec& spec);
  static model::ExecSpec ProbeSpec(std::vector<std::string> args, model::Limits limits = {});

  // Stops the Jail and does the host checks; also done on destruction.
  void End();
  // The test killed the jailer or init: nothing can be stopped any more, but it must end by itself.
  void EndBroken();

 private:
  void AwaitJailer() const;
  HostState before_;
  std::optional<jail::Jail> jail_;
  HostTraces traces_;
  pid_t jailer_ = -1;
};

// H1, H2 and H4 now; `why` is for the message.
void ExpectNothingLeft(const HostTraces& traces, const std::string& why);

// The same probe without a sandbox, as user nobody: its line.
std::string RunOutside(const std::vector<std::string>& args);

// A command in a Jail of any jailer, with what it wrote.
Ran RunInJail(jail::Jail& jail, const model::ExecSpec& spec);

// What a row expects (words of the matrix).
struct Expected {
  enum class Kind { kSilent, kEvent, kKill, kPass, kSkip };
  Kind kind = Kind::kSkip;
  std::string words;    // Comma-separated errno words or facts, any of them; empty: any.
  std::string syscall;  // kEvent, kKill.
};
inline Expected S(std::string words) { return {Expected::Kind::kSilent, std::move(words), ""}; }
inline Expected E(std::string words, std::string syscall) {
  return {Expected::Kind::kEvent, std::move(words), std::move(syscall)};
}
inline Expected K(std::string syscall) { return {Expected::Kind::kKill, "", std::move(syscall)}; }
inline Expected A(std::string facts = "") { return {Expected::Kind::kPass, std::move(facts), ""}; }
inline Expected None() { return {}; }

void Check(const Ran& ran, const Expected& expected);

// A row of a table: one call of one probe in a fresh Jail, at medium and at high.
struct Row {
  const char* name;  // "A4_remount_usr_writable"
  std::vector<std::string> args;
  Expected medium;
  Expected high;
};
struct RowAtLevel {
  Row row;
  model::Level level;
  const Expected& Wanted() const { return level == model::Level::kHigh ? row.high : row.medium; }
};
void PrintTo(const RowAtLevel& row, std::ostream* out);
std::string NameOf(const ::testing::TestParamInfo<RowAtLevel>& info);
std::vector<RowAtLevel> AtBothLevels(const std::vector<Row>& rows);
// Of all tables, at medium and high.
std::vector<RowAtLevel> AllRows();

class RowTest : public ::testing::TestWithParam<RowAtLevel> {
 protected:
  void Attack();
};

}  // namespace fabro::security
