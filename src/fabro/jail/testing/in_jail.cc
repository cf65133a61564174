#include "fabro/jail/testing/in_jail.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "fabro/linux/cgroup/job_root.h"
#include "fabro/linux/socket.h"

namespace fabro::jail::testing {

Result<Jail> MakeJail(const model::SandboxSpec& spec) {
  Jailer jailer =
      TRY(Jailer::Open({.mode = Jailer::Options::Mode::kChild, .program = FABER_JAILER}));
  return Jail::Create(std::move(jailer), spec);
}

Result<Ran> RunIn(Jail& jail, const model::ExecSpec& spec, RelayOptions options) {
  Ran ran;
  options.on_output = [&](Stream stream, std::string_view bytes) {
    (stream == Stream::kStdout ? ran.out : ran.err).append(bytes);
    return Status();
  };
  Relayed relayed = TRY(RunRelayed(jail, spec, options));
  ran.outcome = std::move(relayed.outcome);
  return ran;
}

model::ExecSpec Shell(const std::string& script) { return Command({"/bin/sh", "-c", script}); }

model::ExecSpec Command(std::vector<std::string> argv) {
  model::ExecSpec spec;
  spec.argv = std::move(argv);
  return spec;
}

Ran RunOnce(const model::SandboxSpec& sandbox, const model::ExecSpec& spec) {
  const auto give_up = [](const Error& error) {
    std::fprintf(stderr, "%s\n", error.ToString().c_str());
    std::abort();
  };
  auto jail = MakeJail(sandbox);
  if (!jail) give_up(jail.error());
  auto ran = RunIn(*jail, spec);
  if (!ran) give_up(ran.error());
  const Status stopped = jail->Stop();
  if (!stopped) give_up(stopped.error());
  return *std::move(ran);
}

bool KernelNamesPeers() {
  const auto pair = MakeSocketPair(SocketType::kSeqPacket);
  return pair.ok() && PeerPidfd(pair->first.get()).ok();
}

std::vector<std::string> SlotGroupsOf(pid_t owner) {
  namespace fs = std::filesystem;
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator at("/sys/fs/cgroup", error), end; at != end;
       at.increment(error)) {
    if (error) break;
    if (!at->is_directory(error)) continue;
    const auto slot = cgroup::ParseSlotOwner(at->path().filename().string());
    if (!slot) continue;
    const auto alive = IsAlive(slot->process);
    if (slot->process.pid == owner || !alive || !*alive) found.push_back(at->path().string());
  }
  return found;
}

}  // namespace fabro::jail::testing
