#include "fabro/workflow/engine/question.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "fabro/workflow/engine/routing.h"
#include "fabro/workflow/graph/attributes.h"

namespace fabro::workflow {
namespace {

using model::Json;

constexpr std::array kKinds{std::pair{Answer::Kind::kSelected, std::string_view("selected")},
                            std::pair{Answer::Kind::kText, std::string_view("text")},
                            std::pair{Answer::Kind::kInterrupted, std::string_view("interrupted")},
                            std::pair{Answer::Kind::kSkipped, std::string_view("skipped")},
                            std::pair{Answer::Kind::kTimeout, std::string_view("timeout")}};

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return upper;
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

Answer Selected(const QuestionOption& option) {
  Answer answer;
  answer.kind = Answer::Kind::kSelected;
  answer.key = option.key;
  answer.label = option.label;
  return answer;
}

Answer Text(std::string_view text) {
  Answer answer;
  answer.kind = Answer::Kind::kText;
  answer.text = std::string(text);
  return answer;
}

const QuestionOption* OptionWithKey(const Question& question, std::string_view key) {
  for (const QuestionOption& option : question.options) {
    if (Upper(option.key) == Upper(key)) return &option;
  }
  return nullptr;
}

const QuestionOption* OptionFor(const Question& question, std::string_view typed) {
  if (const QuestionOption* option = OptionWithKey(question, typed)) return option;
  std::size_t number = 0;
  const auto [end, failed] = std::from_chars(typed.data(), typed.data() + typed.size(), number);
  if (failed == std::errc() && end == typed.data() + typed.size() && number >= 1 &&
      number <= question.options.size()) {
    return &question.options[number - 1];
  }
  const std::string wanted = NormalizedLabel(typed);
  const QuestionOption* found = nullptr;
  for (const QuestionOption& option : question.options) {
    const std::string label = NormalizedLabel(option.label);
    if (label == wanted) return &option;
    if (!label.starts_with(wanted)) continue;
    if (found != nullptr) return nullptr;  // Fits two.
    found = &option;
  }
  return found;
}

}  // namespace

std::vector<QuestionOption> OptionsOf(const GraphIndex& index, std::size_t node) {
  std::vector<QuestionOption> options;
  for (const std::size_t number : index.Out(node)) {
    const Edge& edge = index.graph().edges[number];
    const auto freeform = GetBool(edge.attributes, "freeform");
    if (freeform.ok() && freeform->value_or(false)) continue;
    if (!Trimmed(edge.attributes.Text("condition")).empty()) continue;
    std::string_view label = edge.attributes.Text("label");
    if (Trimmed(label).empty()) label = edge.to;
    std::string key = Upper(AcceleratorKey(label));
    const bool taken = std::any_of(options.begin(), options.end(),
                                   [&](const QuestionOption& other) { return other.key == key; });
    if (taken || key.empty()) key = std::to_string(options.size() + 1);
    options.push_back({std::move(key), std::string(label), edge.to});
  }
  return options;
}

std::optional<Answer> MatchAnswer(const Question& question, std::string_view typed) {
  const std::string_view text = Trimmed(typed);
  if (!text.empty()) {
    if (const QuestionOption* option = OptionFor(question, text)) return Selected(*option);
  }
  const bool free = question.allow_freeform || question.type == "freeform";
  if (free && !text.empty()) return Text(text);
  return std::nullopt;
}

Answer Approve(const Question& question) {
  Answer answer =
      question.options.empty() ? Text("auto-approved") : Selected(question.options.front());
  answer.by = "auto-approve";
  return answer;
}

Json ToJson(const Question& question) {
  Json options = Json::MakeArray();
  for (const QuestionOption& option : question.options) {
    Json one;
    one.Set("key", option.key).Set("label", option.label).SetIfAny("to", option.to);
    options.Push(std::move(one));
  }
  Json json;
  json.Set("question_id", question.id).Set("kind", question.kind).Set("question", question.text);
  json.Set("question_type", question.type).Set("options", std::move(options));
  json.Set("allow_freeform", question.allow_freeform).SetIfAny("default", question.default_key);
  if (question.timeout_ms > 0) {
    json.Set("timeout_seconds", static_cast<double>(question.timeout_ms) / 1000.0);
  }
  if (question.metadata.Members() != nullptr && !question.metadata.Members()->empty()) {
    json.Set("metadata", question.metadata);
  }
  return json;
}

Question QuestionOf(const Json& properties) {
  Question question;
  question.id = properties.StringAt("question_id");
  question.kind = properties.StringAt("kind", "gate");
  question.type = properties.StringAt("question_type");
  question.text = properties.StringAt("question");
  question.allow_freeform = properties.BoolAt("allow_freeform");
  question.default_key = properties.StringAt("default");
  if (const Json* seconds = properties.Find("timeout_seconds")) {
    if (const double* real = seconds->Double()) {
      question.timeout_ms = static_cast<std::int64_t>(*real * 1000.0);
    } else if (const std::int64_t* whole = seconds->Int()) {
      question.timeout_ms = *whole * 1000;
    }
  }
  if (const Json* metadata = properties.Find("metadata")) question.metadata = *metadata;
  const Json* options = properties.Find("options");
  if (options == nullptr || options->Items() == nullptr) return question;
  for (const Json& one : *options->Items()) {
    question.options.push_back({one.StringAt("key"), one.StringAt("label"), one.StringAt("to")});
  }
  return question;
}

Json ToJson(const Answer& answer) {
  Json json;
  for (const auto& [kind, word] : kKinds) {
    if (kind == answer.kind) json.Set("kind", word);
  }
  json.SetIfAny("key", answer.key).SetIfAny("label", answer.label).SetIfAny("text", answer.text);
  return json;
}

std::optional<Answer> AnswerOf(const Question& question, const Json& json) {
  Answer answer;
  const std::string kind = json.StringAt("kind");
  if (json.BoolAt("interrupted") || kind == "interrupted") return answer;
  if (json.BoolAt("skipped") || kind == "skipped") {
    answer.kind = Answer::Kind::kSkipped;
    return answer;
  }
  if (kind == "timeout") {
    answer.kind = Answer::Kind::kTimeout;
    return answer;
  }
  if (const std::string key = json.StringAt("key"); !key.empty()) {
    const QuestionOption* option = OptionWithKey(question, key);
    if (option == nullptr) return std::nullopt;
    return Selected(*option);
  }
  // What was already understood as free text stays that, even where it spells an option.
  const std::string text = json.StringAt("text");
  if (kind == "text" && question.allow_freeform) return Text(text);
  return MatchAnswer(question, text);
}

}  // namespace fabro::workflow
