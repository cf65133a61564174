#include "fabro/agent/loop/history.h"

#include <algorithm>
#include <utility>

#include "fabro/agent/tools/output.h"

namespace fabro::agent {
namespace {

using llm::Message;
using llm::Role;

constexpr std::size_t kShown = 500;       // Characters of an argument or result in a rendering.
constexpr std::size_t kKeptUser = 3;      // User messages that survive a compaction,
constexpr std::size_t kKeptText = 4'000;  // and so many characters of each.

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

std::size_t SizeOf(const llm::Part& part) {
  return std::visit(
      Overloaded{[](const llm::TextPart& text) { return CountCharacters(text.text); },
                 // About what a picture costs (1,600 tokens), whatever its bytes.
                 [](const llm::ImagePart&) { return std::size_t{6'400}; },
                 [](const llm::ToolCallPart& call) {
                   return call.name.size() + CountCharacters(call.arguments);
                 },
                 [](const llm::ToolResultPart& result) {
                   return CountCharacters(result.content) + (result.image ? 6'400 : 0);
                 },
                 [](const llm::ReasoningPart& reasoning) {
                   return CountCharacters(reasoning.text) + reasoning.signature.size();
                 }},
      part);
}

std::string Short(std::string_view text) {
  if (CountCharacters(text) <= kShown) return std::string(text);
  return std::string(FirstCharacters(text, kShown)) + " [...]";
}

std::string RenderPart(const llm::Part& part) {
  return std::visit(Overloaded{[](const llm::TextPart& text) { return text.text + "\n"; },
                               [](const llm::ImagePart&) { return std::string("[image]\n"); },
                               [](const llm::ToolCallPart& call) {
                                 return "[calls " + call.name + " " + Short(call.arguments) + "]\n";
                               },
                               [](const llm::ToolResultPart& result) {
                                 return (result.is_error ? "[" + result.name + " failed: "
                                                         : "[" + result.name + " gave: ") +
                                        Short(result.content) + "]\n";
                               },
                               [](const llm::ReasoningPart&) { return std::string(); }},
                    part);
}

std::string_view Speaker(Turn::Kind kind) {
  switch (kind) {
    case Turn::Kind::kUser:
    case Turn::Kind::kSteering:
      return "User";
    case Turn::Kind::kAssistant:
      return "Assistant";
    case Turn::Kind::kResults:
      return "Tools";
    case Turn::Kind::kSummary:
      return "Summary of what came before";
  }
  return "User";
}

}  // namespace

void History::Add(Turn::Kind kind, Message message) {
  turns_.push_back({kind, std::move(message)});
}

void History::AddText(Turn::Kind kind, std::string text) {
  Add(kind, llm::TextMessage(Role::kUser, std::move(text)));
}

std::vector<Message> History::Messages() const {
  std::vector<Message> messages;
  messages.reserve(turns_.size());
  for (const Turn& turn : turns_) messages.push_back(turn.message);
  return messages;
}

std::int64_t History::EstimateTokens() const {
  std::size_t characters = 0;
  for (const Turn& turn : turns_) {
    for (const llm::Part& part : turn.message.parts) characters += SizeOf(part);
  }
  return static_cast<std::int64_t>(characters / 4);
}

std::size_t History::CompactionBorder(std::size_t kept) const {
  if (turns_.size() <= kept + 1) return 0;
  std::size_t border = turns_.size() - kept;
  while (border > 0 && turns_[border].kind == Turn::Kind::kResults) --border;
  // A summary alone is not worth another one.
  return border <= 1 && turns_.front().kind == Turn::Kind::kSummary ? 0 : border;
}

std::string History::Render(std::size_t border) const {
  std::string text;
  for (std::size_t i = 0; i < border; ++i) {
    text.append(Speaker(turns_[i].kind)).append(":\n");
    for (const llm::Part& part : turns_[i].message.parts) text += RenderPart(part);
    text += "\n";
  }
  return text;
}

void History::Compact(std::size_t border, std::string summary) {
  std::vector<Turn> kept;
  kept.push_back(
      {Turn::Kind::kSummary, llm::TextMessage(Role::kUser,
                                              "[Summary of the work so far; the older messages "
                                              "are gone]\n" +
                                                  std::move(summary))});
  std::vector<Turn> users;
  for (std::size_t i = border; i-- > 0 && users.size() < kKeptUser;) {
    if (turns_[i].kind != Turn::Kind::kUser) continue;
    Turn user = std::move(turns_[i]);
    const std::string text = llm::TextOf(user.message);
    if (CountCharacters(text) > kKeptText) {
      user.message =
          llm::TextMessage(Role::kUser, std::string(FirstCharacters(text, kKeptText)) + "\n[cut]");
    }
    users.push_back(std::move(user));
  }
  std::move(users.rbegin(), users.rend(), std::back_inserter(kept));
  std::move(turns_.begin() + static_cast<std::ptrdiff_t>(border), turns_.end(),
            std::back_inserter(kept));
  turns_ = std::move(kept);
}

}  // namespace fabro::agent
