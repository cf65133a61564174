#include "progress.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "fabro/base/duration.h"

namespace fabro::cli {
namespace {

constexpr std::array<std::string_view, 10> kFrames = {"⠋", "⠙", "⠹", "⠸", "⠼",
                                                      "⠴", "⠦", "⠧", "⠇", "⠏"};

std::string Milliseconds(std::int64_t count) {
  return HumanDuration(std::chrono::milliseconds(count));
}

// "  1.2k tokens  $0.03"; nothing of what was not used.
std::string Used(std::int64_t tokens, double cost_usd) {
  std::array<char, 64> text{};
  std::string used;
  if (tokens >= 1000) {
    (void)std::snprintf(text.data(), text.size(), "  %.1fk tokens",
                        static_cast<double>(tokens) / 1000.0);
    used += text.data();
  } else if (tokens > 0) {
    used += "  " + std::to_string(tokens) + " tokens";
  }
  if (cost_usd > 0) {
    (void)std::snprintf(text.data(), text.size(), "  $%.2f", cost_usd);
    used += text.data();
  }
  return used;
}

std::int64_t TokensOf(const model::Json& usage) {
  return usage.IntAt("input_tokens") + usage.IntAt("output_tokens");
}

double CostOf(const model::Json& usage) {
  const model::Json* cost = usage.Find("cost_usd");
  if (cost == nullptr) return 0;
  if (const double* real = cost->Double()) return *real;
  const std::int64_t* whole = cost->Int();
  return whole != nullptr ? static_cast<double>(*whole) : 0;
}

// "fan@1/2": how many walks lie around this one.
std::size_t DepthOf(const model::Event& event) {
  const std::string scope = event.properties.StringAt("scope");
  if (scope.empty()) return 0;
  return 1 + static_cast<std::size_t>(std::count(scope.begin(), scope.end(), '/'));
}

std::string LabelOf(const model::Event& event) {
  const std::string label = Inert(event.node_label.empty() ? event.node_id : event.node_label);
  return event.stage_id.empty() ? label : label + " (" + event.stage_id + ")";
}

}  // namespace

model::Json EventJson(const model::Event& event) {
  model::Json json = model::Json::MakeObject();
  json.Set("id", event.id).Set("seq", event.seq).Set("ts", event.ts);
  json.Set("run_id", event.run_id.value()).Set("event", event.name);
  json.SetIfAny("node_id", event.node_id).SetIfAny("node_label", event.node_label);
  json.SetIfAny("stage_id", event.stage_id);
  return json.Set("properties", event.properties);
}

std::string Progress::Mark(const std::string& status) const {
  if (status == "succeeded") return console_.Paint("32", console_.live() ? "✓" : "ok  ");
  if (status == "failed") return console_.Paint("31", console_.live() ? "✗" : "FAIL");
  return console_.Paint("33", console_.live() ? "·" : "    ");
}

void Progress::Line(const std::string& text) {
  Clear();
  console_.Say(text);
}

void Progress::StageEnded(const model::Event& event) {
  active_.erase(event.stage_id);
  const std::string status = event.properties.StringAt("status");
  std::string line = std::string(DepthOf(event) * 2, ' ') + Mark(status) + " " + LabelOf(event) +
                     "  " +
                     console_.Paint("2", Milliseconds(event.properties.IntAt("duration_ms")));
  if (const model::Json* usage = event.properties.Find("usage")) {
    line += Used(TokensOf(*usage), CostOf(*usage));
  }
  const std::string error = Inert(event.properties.StringAt("error"));
  if (status != "succeeded") line += "  " + status + (error.empty() ? "" : ": " + error);
  Line(line);
}

void Progress::OfAgent(const model::Event& event) {
  const auto stage = active_.find(event.stage_id);
  if (stage == active_.end()) return;
  Active& shown = stage->second;
  const model::Json& properties = event.properties;
  if (event.name == "agent.tool.started") {
    shown.doing = Inert(properties.StringAt("tool_name"));
    if (const model::Json* arguments = properties.Find("arguments")) {
      constexpr std::size_t kMost = 120;
      const std::string text = Inert(arguments->ToText());
      shown.doing += " " + FitWidth(text, kMost);
    }
    if (!console_.live() && console_.verbose()) Line("     " + shown.label + ": " + shown.doing);
  } else if (event.name == "agent.tool.completed") {
    shown.doing.clear();
  } else if (event.name == "agent.message") {
    if (const model::Json* usage = properties.Find("usage")) {
      shown.tokens += TokensOf(*usage);
      shown.cost_usd += CostOf(*usage);
    }
  } else if (event.name == "agent.llm.retry") {
    shown.doing = "waits for the model";
  }
}

void Progress::Show(const model::Event& event) {
  if (console_.json()) {
    console_.Result(EventJson(event).Dump());
    return;
  }
  const model::Json& properties = event.properties;
  if (event.name == "stage.started") {
    active_[event.stage_id] = {.label = LabelOf(event),
                               .depth = DepthOf(event),
                               .since = std::chrono::steady_clock::now(),
                               .doing = {}};
    if (!console_.live() && console_.verbose()) Line("     " + LabelOf(event) + " started");
    Tick();
  } else if (event.name == "stage.completed") {
    StageEnded(event);
  } else if (event.name == "stage.interrupted") {
    Line(Mark("") + " " + LabelOf(event) + "  was interrupted and runs again (workspace " +
         properties.StringAt("workspace") + ")");
  } else if (event.name == "stage.retrying") {
    Line(Mark("") + " " + LabelOf(event) + "  attempt " +
         std::to_string(properties.IntAt("attempt")) + " of " +
         std::to_string(properties.IntAt("max_attempts")) + " in " +
         Milliseconds(properties.IntAt("delay_ms")));
  } else if (event.name.starts_with("agent.")) {
    OfAgent(event);
  } else if (event.name == "interview.started") {
    if (!console_.live()) Line("  ?  " + Inert(properties.StringAt("question")));
    if (const auto stage = active_.find(event.stage_id); stage != active_.end()) {
      stage->second.doing = "waits for an answer";
    }
  } else if (event.name == "interview.completed" || event.name == "interview.timeout") {
    const model::Json* answer = properties.Find("answer");
    const std::string label = answer != nullptr ? answer->StringAt("label") : "";
    const std::string text = answer != nullptr ? answer->StringAt("text") : "";
    const std::string by = properties.StringAt("by");
    const bool late = event.name == "interview.timeout";
    Line(Mark("") + " " + Inert(properties.StringAt("question")) + "  " +
         (late ? "nobody answered in time" : Inert(label.empty() ? text : label)) +
         (by.empty() ? "" : ", by " + Inert(by)));
  } else if (event.name == "run.notice") {
    const std::string level = properties.StringAt("level");
    if (level == "info" && !console_.verbose()) return;
    Line(console_.Paint("33", level + ": ") + Inert(properties.StringAt("message")) + " [" +
         properties.StringAt("code") + "]");
  } else if (event.name == "sandbox.ready" || event.name == "sandbox.initialized") {
    if (event.name == "sandbox.ready" || console_.verbose()) {
      Line(Mark("succeeded") + " " + event.name + " " + properties.StringAt("provider") + "  " +
           console_.Paint("2", Milliseconds(properties.IntAt("duration_ms"))));
    }
  } else if (event.name == "sandbox.failed") {
    Line(Mark("failed") + " sandbox " + properties.StringAt("provider") + ": " +
         Inert(properties.StringAt("error")));
  } else if (console_.verbose() && event.name == "edge.selected") {
    Line("     " + properties.StringAt("from_node") + " -> " + properties.StringAt("to_node") +
         " (" + properties.StringAt("reason") + ")");
  }
}

void Progress::SetPrompt(std::vector<LiveLine> lines) {
  prompt_ = std::move(lines);
  Draw();
}

void Progress::Draw() {
  if (!console_.live()) return;
  std::vector<LiveLine> lines;
  const std::string frame(kFrames[frame_]);
  for (const auto& [stage, shown] : active_) {
    const auto elapsed =
        std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - shown.since);
    std::string text = std::string(shown.depth * 2, ' ') + frame + " " + shown.label + "  " +
                       std::to_string(elapsed.count()) + "s" + Used(shown.tokens, shown.cost_usd);
    if (!shown.doing.empty()) text += "  " + shown.doing;
    lines.push_back({std::move(text), ""});
  }
  lines.insert(lines.end(), prompt_.begin(), prompt_.end());
  if (lines.empty()) return block_.Clear();
  block_.Draw(lines);
}

void Progress::Tick() {
  if (!console_.live() || (active_.empty() && prompt_.empty())) return;
  frame_ = static_cast<unsigned>((frame_ + 1) % kFrames.size());
  Draw();
}

void Progress::Clear() { block_.Clear(); }

void Summarize(const runs::RunSummary& run, Console& console) {
  const std::string id = run.ref.id.value();
  const std::string status(runs::ToString(run.status));
  const std::string shade = run.status == runs::RunStatus::kSucceeded ? "32" : "31";
  std::string head = console.Paint(shade, run.detail == "cancelled" ? "cancelled" : status);
  if (run.detail == "partially_succeeded") head += " (partially)";
  console.Say("");
  console.Say(head + " " + run.workflow + " in " + Milliseconds(run.duration_ms) + ", " +
              std::to_string(run.stages.size()) + " stages");
  if (!run.error.empty()) console.Say("  why        " + Inert(run.error));
  console.Say("  run        " + id);
  console.Say("  directory  " + run.ref.dir);
  console.Say("  events     fabro logs " + id);
  console.Say("  drawing    " + run.ref.dir + "/graph.svg");
  if (!run.run_branch.empty()) {
    console.Say("  result     branch " + run.run_branch + "; take it: git merge " + run.run_branch);
  }
  if (!run.result.empty()) {
    console.Say("  result     " + run.result + "; take it: fabro artifact cp " + id + ":result");
  }
  if (!run.kept_workspace.empty()) {
    console.Say("  kept       " + run.kept_workspace + "; remove it: fabro rm " + id);
  }
  for (const std::string& artifact : run.artifacts) {
    console.Say("  artefact   " + run.ref.dir + "/artifacts/" + artifact);
  }
  const bool resumable = run.status == runs::RunStatus::kDead ||
                         run.status == runs::RunStatus::kPaused || run.detail == "sandbox_lost" ||
                         (!runs::IsTerminal(run.status) && !run.live);
  if (resumable) console.Say("  go on      fabro resume " + id);
}

}  // namespace fabro::cli
