// The files that people look at, written behind the store and read by nothing of ours: run.json,
// stages/…/status.json, checkpoints/0001.json, events.jsonl (run specification, section 4). What
// cannot be written is dropped with one line in the worker's log: the store has it. Internal.
#pragma once

#include <string>

#include "fabro/model/event.h"
#include "fabro/runs/run_spec.h"
#include "fabro/runs/runs.h"

namespace fabro::runs {

class Projections {
 public:
  Projections(std::string run_dir, const RunSpec& spec);

  // An event of before this worker: known, not written again.
  void Know(const model::Event& event);
  void Write(const model::Event& event);

  const RunSummary& summary() const { return summary_; }

 private:
  void Count(const model::Event& event);
  void WriteRun();
  void WriteStage(const model::Event& event);
  void WriteCheckpoint(const model::Event& event);
  void AppendLine(const model::Event& event);
  void Replace(const std::string& name, const model::Json& json);

  std::string run_dir_;
  const RunSpec& spec_;
  RunSummary summary_;
  std::uint64_t checkpoints_ = 0;
  model::Json checkpoint_;
  model::Json sandbox_;
};

}  // namespace fabro::runs
