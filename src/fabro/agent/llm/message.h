// What is said to a model and by it: messages of typed parts, the tools it may call, and the
// request that carries them. Plain values; JSON (schemas, arguments, options) travels as its text,
// so that no JSON library is seen from here. Spec: agent 6.2, 6.3.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace fabro::llm {

// System and developer messages are joined, in order, where a provider has one place for both.
enum class Role { kSystem, kDeveloper, kUser, kAssistant, kTool };

struct TextPart {
  std::string text{};
  std::string signature{};  // Opaque (Gemini's); goes back unchanged.
  friend bool operator==(const TextPart&, const TextPart&) = default;
};

// By URL, or as bytes with their media type.
struct ImagePart {
  std::string url{};
  std::string bytes{};  // Not encoded; base64 is the wire's business.
  std::string media_type = "image/png";
  std::string detail{};  // "low", "high", or empty: the model's choice.
  friend bool operator==(const ImagePart&, const ImagePart&) = default;
};

// The model asks for a tool. `arguments` is what the model wrote: JSON when it kept to the schema,
// anything when it did not; the tool layer parses and answers with an error result.
struct ToolCallPart {
  std::string id{};  // Unique in the conversation; where a provider has none, ours ("call_<uuid>").
  std::string name{};
  std::string arguments{};
  std::string signature{};  // Opaque (Gemini's thought signature); goes back unchanged.
  friend bool operator==(const ToolCallPart&, const ToolCallPart&) = default;
};

// The answer to one ToolCallPart, in a message of role kTool (one message may hold all of a round).
struct ToolResultPart {
  std::string call_id{};
  std::string name{};  // Of the tool; Gemini matches by it.
  std::string content{};
  bool is_error = false;
  std::optional<ImagePart> image{};
  friend bool operator==(const ToolResultPart&, const ToolResultPart&) = default;
};

// Reasoning as the provider showed it. `signature` (Anthropic), the encrypted content (OpenAI) or
// redacted data is opaque and goes back verbatim to the provider and model that made it, nowhere
// else: see Message::provider.
struct ReasoningPart {
  std::string text{};  // May be empty: only the opaque data was given.
  std::string signature{};
  std::string id{};       // OpenAI's item id.
  bool redacted = false;  // `signature` is all there is.
  friend bool operator==(const ReasoningPart&, const ReasoningPart&) = default;
};

using Part = std::variant<TextPart, ImagePart, ToolCallPart, ToolResultPart, ReasoningPart>;

struct Message {
  Role role = Role::kUser;
  std::vector<Part> parts{};
  // Of an assistant message: who said it, as Response gave it. When a request goes to another
  // provider or model, opaque data of the message is left out.
  std::string provider{};
  std::string model{};
  friend bool operator==(const Message&, const Message&) = default;
};

// A message of one text.
inline Message TextMessage(Role role, std::string text) {
  Message message{.role = role, .parts = {}, .provider = {}, .model = {}};
  message.parts.emplace_back(TextPart{std::move(text)});
  return message;
}

// All text parts, one after the other.
std::string TextOf(const Message& message);
// The tool calls, in order; pointers into `message`.
std::vector<const ToolCallPart*> ToolCallsOf(const Message& message);

struct ToolDefinition {
  std::string name{};  // [A-Za-z][A-Za-z0-9_]*, at most 64.
  std::string description{};
  std::string parameters = R"({"type":"object","properties":{}})";  // A JSON Schema.
  friend bool operator==(const ToolDefinition&, const ToolDefinition&) = default;
};

struct ToolChoice {
  enum class Mode { kAuto, kNone, kRequired, kNamed };
  Mode mode = Mode::kAuto;
  std::string name{};  // kNamed.
  friend bool operator==(const ToolChoice&, const ToolChoice&) = default;
};

struct ResponseFormat {
  enum class Kind { kText, kJson, kJsonSchema };
  Kind kind = Kind::kText;
  std::string name = "answer";  // kJsonSchema.
  std::string schema{};         // kJsonSchema: its text.
  bool strict = false;
  friend bool operator==(const ResponseFormat&, const ResponseFormat&) = default;
};

// What a call is for. The scripted provider answers only turns from its file; budgets and events
// treat all alike.
enum class Purpose { kTurn, kSummary, kProbe };

// Whose call this is. Real providers do not look; the scripted one finds its entry by it.
struct Caller {
  std::string node{};          // Of the workflow; "exec" for `fabro exec`.
  std::uint64_t attempts = 0;  // Of that node that have finished, in the store.
  std::string agent{};         // Empty: the node's own; else the sub-agent's id.
  friend bool operator==(const Caller&, const Caller&) = default;
};

struct Request {
  std::string model{};     // An id or alias of the catalog, or an id that only the provider knows.
  std::string provider{};  // Empty: the model's own in the catalog, else the client's default.
  std::vector<Message> messages{};
  std::vector<ToolDefinition> tools{};
  ToolChoice tool_choice{};
  ResponseFormat response_format{};
  std::optional<double> temperature{};
  std::optional<double> top_p{};
  // Unset: the catalog's limit (capped), or the provider's.
  std::optional<std::int64_t> max_tokens{};
  std::vector<std::string> stop_sequences{};
  std::string reasoning_effort{};  // "low", "medium", "high", …; empty: nothing is sent.
  std::string speed{};             // "fast" or empty.
  std::map<std::string, std::string> metadata{};
  // By provider id: a JSON object merged into the request's body, for what is not modelled here.
  std::map<std::string, std::string> provider_options{};
  Purpose purpose = Purpose::kTurn;
  Caller caller{};
};

}  // namespace fabro::llm
