// Shows a run as its events come: on a terminal a line a stage with its time and a spinner for what
// runs now; otherwise plain lines; with --json each event as one line on stdout.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "console.h"
#include "fabro/model/event.h"
#include "fabro/runs/runs.h"

namespace fabro::cli {

class Progress {
 public:
  explicit Progress(Console& console) : console_(console) {}

  void Show(const model::Event& event);
  // Draws the spinner anew; to be called some times a second. Does nothing off a terminal.
  void Tick();
  // Takes the spinner away, before anybody else writes.
  void Clear();

 private:
  struct Active {
    std::string label;
    std::chrono::steady_clock::time_point since;
  };

  void Line(const std::string& text);
  void StageEnded(const model::Event& event);
  std::string Mark(const std::string& status) const;

  Console& console_;
  std::map<std::string, Active> active_;  // By stage id.
  bool drawn_ = false;
  unsigned frame_ = 0;
};

// The envelope as JSON, members in the order of the specification.
model::Json EventJson(const model::Event& event);

// What is said when a run has ended or was left: where it is, what it left, and what to do next.
void Summarize(const runs::RunSummary& run, Console& console);

}  // namespace fabro::cli
