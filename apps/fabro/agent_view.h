// What a person sees of one agent at work: its words on stdout as they come, what it does as lines
// on stderr; with JSON every event as a line on stdout. All text of a model is made harmless first.
#pragma once

#include <mutex>
#include <string>

#include "console.h"
#include "fabro/agent/permissions/permissions.h"
#include "fabro/model/json.h"

namespace fabro::cli {

class AgentView {
 public:
  // `json`: --json, or --output-format json.
  AgentView(Console& console, bool json);

  // Events of a session; `delta` ones are pieces of a stream.
  void Show(std::string_view name, const model::Json& properties, bool delta);
  // The whole answer, when its pieces were not shown.
  void Answer(const std::string& text);

 private:
  void ShowLine(std::string_view name, const model::Json& properties);
  void Piece(const std::string& text);
  void EndLine();

  Console& console_;
  bool json_;
  bool streaming_;         // stdout is a terminal: pieces are shown as they come.
  bool in_line_ = false;   // A piece did not end its line.
  bool answered_ = false;  // The last message was shown by its pieces.
};

// Asks on the terminal: yes, always, no. EOF is no. nullptr when stdin or stderr is no terminal.
agent::Approver TerminalApprover(Console& console);

}  // namespace fabro::cli
