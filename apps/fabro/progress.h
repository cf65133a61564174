// Shows a run as its events come: on a terminal a line a stage that has ended, and below them a
// tree of what runs now with time, tokens, cost and current tool, and the question that is open;
// otherwise plain lines; with --json each event as one line on stdout.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "console.h"
#include "fabro/model/event.h"
#include "fabro/runs/runs.h"
#include "live_block.h"

namespace fabro::cli {

class Progress {
 public:
  explicit Progress(Console& console) : console_(console), block_(console) {}

  void Show(const model::Event& event);
  // Lines of a question, drawn below everything else; none takes them away.
  void SetPrompt(std::vector<LiveLine> lines);
  // Draws what runs anew; to be called some times a second. Does nothing off a terminal.
  void Tick();
  // Takes it away, before anybody else writes.
  void Clear();

 private:
  struct Active {
    std::string label;
    std::size_t depth = 0;  // Of parallel branches and sub-workflows.
    std::chrono::steady_clock::time_point since;
    std::int64_t tokens = 0;
    double cost_usd = 0;
    std::string doing;  // The tool that an agent uses, or what it waits for.
  };

  void Line(const std::string& text);
  void StageEnded(const model::Event& event);
  void OfAgent(const model::Event& event);
  void Draw();
  std::string Mark(const std::string& status) const;

  Console& console_;
  std::map<std::string, Active> active_;  // By stage id.
  std::vector<LiveLine> prompt_;
  LiveBlock block_;
  unsigned frame_ = 0;
};

// The envelope as JSON, members in the order of the specification.
model::Json EventJson(const model::Event& event);

// What is said when a run has ended or was left: where it is, what it left, and what to do next.
void Summarize(const runs::RunSummary& run, Console& console);

}  // namespace fabro::cli
