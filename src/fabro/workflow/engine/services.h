// What a handler may ask, answered for one stage of one engine. Internal to the room.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "fabro/workflow/engine/engine.h"

namespace fabro::workflow {

class Engine::Services final : public StageServices {
 public:
  Services(Engine& engine, const Node& node) : engine_(engine), node_(node) {}

  std::optional<std::string> Text(std::string_view key) const override;
  model::Json Value(std::string_view key) const override;
  Status Emit(std::string name, model::Json properties) override;
  void Touch() override { engine_.log_.Touch(); }
  Result<Answer> Ask(Question question) override;
  Slept Sleep(Nanos span) override;
  Result<bool> MayCallModel() override;
  std::string Preamble() const override;
  std::uint64_t FinishedAttempts() const override;

 private:
  // One question may wait for each engine at a time: the state has one.
  Result<Question> Pose(Question question, std::optional<Answer>& recorded);
  Result<Answer> WaitFor(const Question& question);
  Status Record(const Question& question, const Answer& answer);
  void ShowWhatCameBefore(Question& question) const;

  Engine& engine_;
  const Node& node_;
  std::mutex asking_;  // Handlers with threads ask one question after the other.
};

}  // namespace fabro::workflow
