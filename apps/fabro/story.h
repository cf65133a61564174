// A run as a story: what happened, in the order it happened, for people. `fabro logs -p`.
#pragma once

#include <string>
#include <vector>

#include "console.h"
#include "fabro/model/event.h"
#include "fabro/runs/runs.h"

namespace fabro::cli {

class Story {
 public:
  Story(const runs::RunRef& run, const Console& console) : run_(run), console_(console) {}

  // The lines that an event adds; none for what nobody wants to read. Text of guests and models is
  // inert in them.
  std::vector<std::string> Tell(const model::Event& event);

 private:
  std::string At(const model::Event& event, const std::string& text) const;
  void Life(const model::Event& event, std::vector<std::string>& lines) const;
  void Stage(const model::Event& event, std::vector<std::string>& lines) const;
  void Agent(const model::Event& event, std::vector<std::string>& lines) const;
  void Question(const model::Event& event, std::vector<std::string>& lines) const;
  void Output(const std::string& stage, std::vector<std::string>& lines) const;

  runs::RunRef run_;
  const Console& console_;
};

}  // namespace fabro::cli
