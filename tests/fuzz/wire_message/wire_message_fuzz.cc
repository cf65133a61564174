// What may come to the jailer from the guest's side of the clone (zygote, init, payload): the
// packet is taken apart as ReceiveWire does it, and every struct that it may be is read and
// described. The jailer must survive an init that a kernel bug gave away.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fabro/jail/supervise/channel.h"
#include "fabro/jail/supervise/classify.h"

namespace {

using namespace fabro::jail;

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  const auto message = supervise::ParseWire(packet);
  if (!message) return 0;
  Require(message->body.size() + sizeof(wire::Header) == size);
  wire::Failed failed;
  if (message->Read(failed)) {
    const fabro::Error error = supervise::StepError(failed);
    Require(!error.message.empty() && !error.fix.empty());
    // The object has no end of its own when its writer was not ours.
    Require(error.message.size() < 1024);
    supervise::ExecFacts facts;
    facts.failed = failed;
    fabro::model::Outcome outcome;
    supervise::Classify(facts, outcome);
    Require(outcome.fate != fabro::model::Fate::kExited);
  }
  wire::ExecEnded ended;
  if (message->Read(ended)) {
    supervise::ExecFacts facts;
    facts.leader_ended = true;
    facts.leader_signaled = ended.si_code != 1;
    facts.leader_status = ended.status;
    fabro::model::Outcome outcome;
    supervise::Classify(facts, outcome);
  }
  wire::InitSpawned spawned;
  wire::InitGone gone;
  wire::ExecForked forked;
  (void)message->Read(spawned);
  (void)message->Read(gone);
  (void)message->Read(forked);
  return 0;
}
