#include "progress.h"

#include <array>
#include <cstdio>

#include "fabro/base/duration.h"

namespace fabro::cli {
namespace {

constexpr std::array<std::string_view, 10> kFrames = {"⠋", "⠙", "⠹", "⠸", "⠼",
                                                      "⠴", "⠦", "⠧", "⠇", "⠏"};

// Text of a run may hold anything; a terminal gets no control characters from it.
std::string Printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  return out;
}

std::string Milliseconds(std::int64_t count) {
  return HumanDuration(std::chrono::milliseconds(count));
}

std::string LabelOf(const model::Event& event) {
  const std::string label = Printable(event.node_label.empty() ? event.node_id : event.node_label);
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
  std::string line = Mark(status) + " " + LabelOf(event) + "  " +
                     console_.Paint("2", Milliseconds(event.properties.IntAt("duration_ms")));
  const std::string error = Printable(event.properties.StringAt("error"));
  if (status != "succeeded") line += "  " + status + (error.empty() ? "" : ": " + error);
  Line(line);
}

void Progress::Show(const model::Event& event) {
  if (console_.json()) {
    console_.Result(EventJson(event).Dump());
    return;
  }
  const model::Json& properties = event.properties;
  if (event.name == "stage.started") {
    active_[event.stage_id] = {LabelOf(event), std::chrono::steady_clock::now()};
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
  } else if (event.name == "run.notice") {
    const std::string level = properties.StringAt("level");
    if (level == "info" && !console_.verbose()) return;
    Line(console_.Paint("33", level + ": ") + Printable(properties.StringAt("message")) + " [" +
         properties.StringAt("code") + "]");
  } else if (event.name == "sandbox.ready" || event.name == "sandbox.initialized") {
    if (event.name == "sandbox.ready" || console_.verbose()) {
      Line(Mark("succeeded") + " " + event.name + " " + properties.StringAt("provider") + "  " +
           console_.Paint("2", Milliseconds(properties.IntAt("duration_ms"))));
    }
  } else if (event.name == "sandbox.failed") {
    Line(Mark("failed") + " sandbox " + properties.StringAt("provider") + ": " +
         Printable(properties.StringAt("error")));
  } else if (console_.verbose() && event.name == "edge.selected") {
    Line("     " + properties.StringAt("from_node") + " -> " + properties.StringAt("to_node") +
         " (" + properties.StringAt("reason") + ")");
  }
}

void Progress::Tick() {
  if (!console_.live() || active_.empty()) return;
  const auto& [stage, shown] = *active_.begin();
  const auto elapsed =
      std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - shown.since);
  std::string text = shown.label + "  " + std::to_string(elapsed.count()) + "s";
  if (active_.size() > 1) text += "  and " + std::to_string(active_.size() - 1) + " more";
  const std::size_t width = console_.columns() > 4 ? console_.columns() - 3 : 1;
  if (text.size() > width) text.resize(width);
  frame_ = static_cast<unsigned>((frame_ + 1) % kFrames.size());
  (void)std::fprintf(stderr, "\r\x1b[K%s %s", std::string(kFrames[frame_]).c_str(), text.c_str());
  (void)std::fflush(stderr);
  drawn_ = true;
}

void Progress::Clear() {
  if (!drawn_) return;
  (void)std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

void Summarize(const runs::RunSummary& run, Console& console) {
  const std::string id = run.ref.id.value();
  const std::string status(runs::ToString(run.status));
  const std::string shade = run.status == runs::RunStatus::kSucceeded ? "32" : "31";
  std::string head = console.Paint(shade, run.detail == "cancelled" ? "cancelled" : status);
  if (run.detail == "partially_succeeded") head += " (partially)";
  console.Say("");
  console.Say(head + " " + run.workflow + " in " + Milliseconds(run.duration_ms) + ", " +
              std::to_string(run.stages.size()) + " stages");
  if (!run.error.empty()) console.Say("  why        " + Printable(run.error));
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
