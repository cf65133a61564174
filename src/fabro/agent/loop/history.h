// What was said in a session so far, and how much of a model's window it takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fabro/agent/llm/message.h"

namespace fabro::agent {

struct Turn {
  enum class Kind {
    kUser,
    kAssistant,
    kResults,   // Of the tool calls of the assistant turn before it.
    kSummary,   // In place of older turns.
    kSteering,  // Said by the user, or by us, while the model worked.
  };
  Kind kind = Kind::kUser;
  llm::Message message;
};

class History {
 public:
  void Add(Turn::Kind kind, llm::Message message);
  void AddText(Turn::Kind kind, std::string text);

  const std::vector<Turn>& turns() const { return turns_; }
  std::vector<llm::Message> Messages() const;

  // Characters / 4, as everybody estimates (agent, section 8).
  std::int64_t EstimateTokens() const;

  // Where a compaction that keeps the last `kept` turns would cut: never between a tool call and
  // its results. 0: there is nothing to cut.
  std::size_t CompactionBorder(std::size_t kept) const;
  // The turns before `border` as text for a summary: arguments and results cut to 500 characters.
  std::string Render(std::size_t border) const;
  // Puts the summary in the place of the turns before `border`. The last user turns among them stay
  // behind it, shortened.
  void Compact(std::size_t border, std::string summary);

 private:
  std::vector<Turn> turns_;
};

}  // namespace fabro::agent
