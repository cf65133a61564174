#include "story.h"

#include <algorithm>
#include <chrono>

#include "fabro/base/duration.h"

namespace fabro::cli {
namespace {

using model::Event;

constexpr const char* kMargin = "          ";  // As wide as a time and its blanks.
constexpr std::size_t kOutputLines = 6;
constexpr std::size_t kTextLines = 12;
constexpr std::size_t kLineWidth = 160;  // Bytes.

std::string Span(const Event& event) {
  return HumanDuration(std::chrono::milliseconds(event.properties.IntAt("duration_ms")));
}

// Cuts between characters.
std::string Cut(std::string_view text) {
  if (text.size() <= kLineWidth) return std::string(text);
  std::size_t end = kLineWidth;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "…";
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(Cut(Inert(text.substr(0, end))));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

void Quote(std::string_view text, std::size_t most, bool tail, std::vector<std::string>& lines) {
  const std::vector<std::string> all = Lines(text);
  const std::size_t left_out = all.size() > most ? all.size() - most : 0;
  const std::string gap = std::string(kMargin) + "│ … " + std::to_string(left_out) + " lines";
  if (left_out > 0 && tail) lines.push_back(gap);
  for (std::size_t i = tail ? left_out : 0; i < all.size() - (tail ? 0 : left_out); ++i) {
    lines.push_back(std::string(kMargin) + "│ " + all[i]);
  }
  if (left_out > 0 && !tail) lines.push_back(gap);
}

std::string Name(const Event& event) {
  return Inert(event.node_label.empty() ? event.node_id : event.node_label);
}

std::string Reason(const Event& event) {
  const std::string reason = event.properties.StringAt("reason");
  const std::string condition = Inert(event.properties.StringAt("condition"));
  const std::string label = Inert(event.properties.StringAt("label"));
  if (reason == "condition" && !condition.empty()) return "because " + condition;
  if (reason == "preferred_label") return "as the answer was \"" + label + "\"";
  if (reason == "suggested_next") return "as it was suggested";
  if (reason == "jump") return "jumping back";
  if (reason == "random") return "by chance";
  return label.empty() ? "" : "\"" + label + "\"";
}

}  // namespace

std::string Story::At(const Event& event, const std::string& text) const {
  const std::string time = event.ts.size() >= 19 ? event.ts.substr(11, 8) : event.ts;
  return console_.Paint("2", time) + "  " + text;
}

void Story::Output(const std::string& stage, std::vector<std::string>& lines) const {
  for (const char* stream : {"stdout", "stderr"}) {
    const auto text = runs::StageOutput(run_, stage, stream);
    if (text.ok()) Quote(*text, kOutputLines, true, lines);
  }
}

void Story::Life(const Event& event, std::vector<std::string>& lines) const {
  const model::Json& properties = event.properties;
  if (event.name == "run.created") {
    lines.push_back(At(event, "run " + run_.id.value() + " of " +
                                  Inert(properties.StringAt("workflow_slug")) + " in " +
                                  Inert(properties.StringAt("environment"))));
  } else if (event.name == "run.started") {
    const std::string goal = properties.StringAt("goal");
    lines.push_back(At(event, "it begins" + (goal.empty() ? "" : ", to: " + Cut(Inert(goal)))));
  } else if (event.name == "run.resumed") {
    lines.push_back(At(event, "it goes on after an interruption"));
  } else if (event.name == "run.paused") {
    lines.push_back(At(event, "it pauses (" + properties.StringAt("reason") + ")"));
  } else if (event.name == "run.completed") {
    lines.push_back(At(event, console_.Paint("32", "the run " + properties.StringAt("status")) +
                                  " after " + Span(event)));
  } else if (event.name == "run.failed") {
    lines.push_back(At(event, console_.Paint("31", "the run failed") + " after " + Span(event) +
                                  " (" + properties.StringAt("reason") + ")"));
    Quote(properties.StringAt("error"), kTextLines, false, lines);
  } else if (event.name == "run.notice" && properties.StringAt("level") != "info") {
    lines.push_back(At(
        event, properties.StringAt("level") + ": " + Cut(Inert(properties.StringAt("message")))));
  } else if (event.name == "run.result") {
    const std::string branch = properties.StringAt("branch");
    lines.push_back(At(
        event, branch.empty() ? "the workspace was saved as " + Inert(properties.StringAt("path"))
                              : "the result is on the branch " + Inert(branch)));
  }
}

void Story::Stage(const Event& event, std::vector<std::string>& lines) const {
  const model::Json& properties = event.properties;
  if (event.name == "stage.started") {
    const std::int64_t attempt = properties.IntAt("attempt", 1);
    std::string text = console_.Paint("1", Name(event)) + " starts";
    if (attempt > 1) text += ", attempt " + std::to_string(attempt);
    if (properties.BoolAt("rerun")) text += " again";
    lines.push_back(At(event, text));
  } else if (event.name == "stage.interrupted") {
    lines.push_back(At(event, Name(event) + " was interrupted; its workspace was " +
                                  properties.StringAt("workspace")));
  } else if (event.name == "stage.retrying") {
    lines.push_back(
        At(event, Name(event) + " is tried again in " +
                      HumanDuration(std::chrono::milliseconds(properties.IntAt("delay_ms")))));
  } else if (event.name == "stage.completed") {
    Output(event.stage_id, lines);
    const std::string status = properties.StringAt("status");
    const std::string shade = status == "succeeded" ? "32" : status == "failed" ? "31" : "33";
    lines.push_back(
        At(event, Name(event) + " " + console_.Paint(shade, status) + " after " + Span(event)));
    if (status != "succeeded") Quote(properties.StringAt("error"), kTextLines, false, lines);
    Quote(properties.StringAt("response"), kTextLines, false, lines);
  }
}

void Story::Agent(const Event& event, std::vector<std::string>& lines) const {
  const model::Json& properties = event.properties;
  if (event.name == "agent.message") {
    const std::string text = properties.StringAt("text");
    if (text.empty()) return;
    lines.push_back(At(event, Name(event) + " says:"));
    Quote(text, kTextLines, false, lines);
  } else if (event.name == "agent.tool.started") {
    const model::Json* arguments = properties.Find("arguments");
    lines.push_back(At(event, Name(event) + " uses " + Inert(properties.StringAt("tool_name")) +
                                  " " + (arguments ? Cut(Inert(arguments->ToText())) : "")));
  } else if (event.name == "agent.tool.completed" && properties.BoolAt("is_error")) {
    Quote(properties.StringAt("output"), kOutputLines, false, lines);
  } else if (event.name == "agent.error" || event.name == "agent.warning") {
    lines.push_back(At(event, Name(event) + ": " + Cut(Inert(properties.ToText()))));
  }
}

void Story::Question(const Event& event, std::vector<std::string>& lines) const {
  const model::Json& properties = event.properties;
  if (event.name == "interview.started") {
    lines.push_back(At(event, Name(event) + " asks:"));
    Quote(properties.StringAt("question"), kTextLines, false, lines);
  } else if (event.name == "interview.completed") {
    const model::Json* answer = properties.Find("answer");
    lines.push_back(At(event, "answered: " + (answer ? Cut(Inert(answer->ToText())) : "")));
  } else if (event.name == "interview.timeout") {
    lines.push_back(At(event, "nobody answered in time"));
  }
}

std::vector<std::string> Story::Tell(const Event& event) {
  std::vector<std::string> lines;
  if (event.name.starts_with("run.")) {
    Life(event, lines);
  } else if (event.name.starts_with("stage.")) {
    Stage(event, lines);
  } else if (event.name.starts_with("agent.")) {
    Agent(event, lines);
  } else if (event.name.starts_with("interview.")) {
    Question(event, lines);
  } else if (event.name == "edge.selected") {
    const std::string why = Reason(event);
    lines.push_back(std::string(kMargin) + "→ " + Inert(event.properties.StringAt("to_node")) +
                    (why.empty() ? "" : ", " + why));
  } else if (event.name == "sandbox.ready") {
    lines.push_back(At(event, "the sandbox (" + Inert(event.properties.StringAt("provider")) +
                                  ") is ready after " + Span(event)));
  } else if (event.name == "sandbox.failed") {
    lines.push_back(At(event, "no sandbox: " + Cut(Inert(event.properties.StringAt("error")))));
  } else if (event.name == "checkpoint.completed") {
    const std::string commit = event.properties.StringAt("git_commit_sha");
    if (!commit.empty())
      lines.push_back(kMargin + console_.Paint("2", "commit " + commit.substr(0, 12)));
  } else if (event.name == "asset.captured") {
    lines.push_back(kMargin + ("kept " + Inert(event.properties.StringAt("path"))));
  }
  return lines;
}

}  // namespace fabro::cli
