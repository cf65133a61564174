#include "agent_view.h"

#include <unistd.h>

#include <iostream>

namespace fabro::cli {
namespace {

using model::Json;

constexpr std::size_t kShownArgument = 100;

// "src/a.c", "make test": what a call is about, in one line.
std::string Gist(const Json& arguments) {
  for (const char* key : {"command", "file_path", "pattern", "path", "url", "query", "task"}) {
    const std::string text = arguments.StringAt(key);
    if (text.empty()) continue;
    const std::string line = Inert(text, false);
    return line.size() > kShownArgument ? line.substr(0, kShownArgument) + "..." : line;
  }
  return {};
}

std::string FirstLine(const std::string& text) {
  const std::string line = Inert(text.substr(0, text.find('\n')), false);
  return line.size() > 2 * kShownArgument ? line.substr(0, 2 * kShownArgument) + "..." : line;
}

}  // namespace

AgentView::AgentView(Console& console, bool json)
    : console_(console), json_(json), streaming_(!json && ::isatty(STDOUT_FILENO) == 1) {}

void AgentView::Show(std::string_view name, const Json& properties, bool delta) {
  if (json_) {
    Json event = Json::MakeObject();
    event.Set("event", name).Set("properties", properties);
    return console_.Result(event.Dump());
  }
  if (name == "agent.text.delta") return Piece(properties.StringAt("delta"));
  if (!delta) ShowLine(name, properties);
}

void AgentView::ShowLine(std::string_view name, const Json& properties) {
  EndLine();
  if (name == "agent.tool.started") {
    const Json* arguments = properties.Find("arguments");
    console_.Say(console_.Paint("36", "> ") + Inert(properties.StringAt("tool_name"), false) + " " +
                 (arguments == nullptr ? "" : Gist(*arguments)));
    answered_ = false;
  } else if (name == "agent.tool.completed" && properties.BoolAt("is_error")) {
    console_.Say(console_.Paint("31", "  failed: ") + FirstLine(properties.StringAt("output")));
  } else if (name == "agent.llm.retry") {
    console_.Say("  the model failed, trying again: " + FirstLine(properties.StringAt("error")));
  } else if (name == "agent.failover") {
    console_.Say("  going over to " + Inert(properties.StringAt("to_model"), false));
  } else if (name == "agent.loop.detected") {
    console_.Say("  the same calls again and again; the model was told");
  } else if (name == "agent.compaction.completed") {
    console_.Say("  the conversation was long and is summarized");
  } else if (name == "agent.warning") {
    console_.Say(console_.Paint("33", "  ") + FirstLine(properties.StringAt("message")));
  }
}

void AgentView::Piece(const std::string& text) {
  if (!streaming_) return;
  const std::string safe = Inert(text, true);
  (void)::fwrite(safe.data(), 1, safe.size(), stdout);
  (void)::fflush(stdout);
  in_line_ = !safe.ends_with('\n');
  answered_ = true;
}

void AgentView::EndLine() {
  if (in_line_) (void)::fputc('\n', stdout);
  (void)::fflush(stdout);
  in_line_ = false;
}

void AgentView::Answer(const std::string& text) {
  EndLine();
  if (json_ || answered_) return;
  // A file gets the bytes as they are; a terminal does not obey them.
  std::string shown = ::isatty(STDOUT_FILENO) == 1 ? Inert(text, true) : text;
  if (shown.ends_with('\n')) shown.pop_back();
  console_.Result(shown);
}

agent::Approver TerminalApprover(Console& console) {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1) return nullptr;
  return [&console](
             const agent::PermissionQuestion& question) -> fabro::Result<agent::PermissionAnswer> {
    console.Say("The agent wants to call " + question.tool_name + " (" +
                std::string(agent::ToString(question.category)) + "): " + question.arguments);
    for (;;) {
      console.Ask("Allow? [y]es, [a]lways, [N]o: ");
      std::string line;
      if (!std::getline(std::cin, line)) break;
      if (line == "y" || line == "yes") {
        return agent::PermissionAnswer{.consent = agent::Consent::kYes, .by = "terminal"};
      }
      if (line == "a" || line == "always") {
        return agent::PermissionAnswer{.consent = agent::Consent::kAlways, .by = "terminal"};
      }
      if (line.empty() || line == "n" || line == "no") break;
    }
    return agent::PermissionAnswer{.consent = agent::Consent::kNo, .by = "terminal"};
  };
}

}  // namespace fabro::cli
