#include "fabro/workflow/engine/preamble.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace fabro::workflow {
namespace {

using model::Json;

constexpr std::array<std::string_view, 6> kModes{"full",           "compact",     "summary:high",
                                                 "summary:medium", "summary:low", "truncate"};

// Characters of about so many tokens (four a token).
constexpr std::size_t kHigh = 3000 * 4;
constexpr std::size_t kMedium = 1500 * 4;
constexpr std::size_t kLow = 600 * 4;
constexpr std::size_t kCompact = 16000;
constexpr std::size_t kLines = 25;  // Of a command's output; 50 for summary:high.
constexpr std::size_t kFinding = 600;

bool IsQuiet(const StageRecord& record) {
  return record.kind == "start" || record.kind == "exit" || record.kind == "conditional";
}

// Keys that are the engine's, or that stages show already.
bool IsHidden(std::string_view key) {
  constexpr std::array<std::string_view, 5> kPrefixes{"internal.", "current", "graph.", "thread.",
                                                      "response."};
  constexpr std::array<std::string_view, 9> kKeys{
      "outcome",       "preferred_label", "failure_class",  "failure_signature",    "last_stage",
      "last_response", "command.output",  "command.stderr", "parallel.branch_count"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return key.starts_with(prefix); }) ||
         std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

// Never inside of a character.
std::string Cut(const std::string& text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;
  return text.substr(0, limit) + " …";
}

std::string LastLines(const std::string& text, std::size_t lines) {
  std::size_t end = text.find_last_not_of("\r\n");
  if (end == std::string::npos) return {};
  std::size_t begin = end;
  for (std::size_t seen = 0; seen < lines; ++seen) {
    begin = text.rfind('\n', begin == 0 ? 0 : begin - 1);
    if (begin == std::string::npos) return text.substr(0, end + 1);
  }
  return text.substr(begin + 1, end - begin);
}

// Two blanks before every line.
std::string Indented(const std::string& text) {
  std::string out;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out += "    " + text.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

class Writer {
 public:
  explicit Writer(const PreambleRequest& request) : request_(request) {}

  std::string Write() {
    if (!request_.goal.empty()) text_ = "Goal: " + request_.goal + "\n";
    if (request_.fidelity == "truncate") return text_ + "Run: " + request_.run_id + "\n";
    Stages();
    if (request_.fidelity == "compact" || request_.fidelity == "summary:high") Context();
    return text_;
  }

 private:
  bool detailed() const { return request_.fidelity == "compact" || high(); }
  bool high() const { return request_.fidelity == "summary:high"; }

  std::size_t Limit() const {
    if (high()) return kHigh;
    if (request_.fidelity == "summary:medium") return kMedium;
    return request_.fidelity == "summary:low" ? kLow : kCompact;
  }

  std::string TextOf(const std::string& value) const {
    if (!store::IsBlobReference(value)) return value;
    auto bytes = request_.blobs.Get(value);
    return bytes.ok() ? *std::move(bytes) : std::string();
  }

  void Command(const StageRecord& record, std::string& out) const {
    const std::string script = record.details.StringAt("command");
    if (!script.empty()) out += "  - script:\n" + Indented(Cut(script, 2000));
    const std::string output = LastLines(TextOf(record.output), high() ? 2 * kLines : kLines);
    if (!output.empty()) out += "  - output:\n" + Indented(Cut(output, 4000));
  }

  void Model(const StageRecord& record, std::string& out) const {
    const std::string model = record.usage.StringAt("model");
    if (!model.empty()) out += "  - model: " + model + "\n";
    const std::int64_t in = record.usage.IntAt("input_tokens");
    const std::int64_t answered = record.usage.IntAt("output_tokens");
    if (in + answered > 0) {
      out += "  - tokens: " + std::to_string(in) + " in, " + std::to_string(answered) + " out\n";
    }
    if (!record.files.empty()) {
      out += "  - files:";
      for (const std::string& file : record.files) out += " " + file;
      out += '\n';
    }
    if (high() && !record.response.empty()) {
      out += "  - response:\n" + Indented(Cut(TextOf(record.response), 2000));
    }
  }

  std::string StageText(const StageRecord& record) const {
    std::string out = (high() ? "\n### " : "- ") + record.node + ": " + record.status + "\n";
    if (request_.fidelity == "summary:low") return out;
    if (!record.error.empty()) out += "  - error: " + Cut(record.error, kFinding) + "\n";
    if (request_.fidelity == "summary:medium" && !record.response.empty()) {
      out += Indented(Cut(TextOf(record.response), kFinding));
    }
    if (detailed() && record.kind == "command") Command(record, out);
    if (detailed() && record.kind != "command") Model(record, out);
    return out;
  }

  // The newest stages matter most: where all do not fit, the oldest are left out.
  void Stages() {
    std::vector<std::string> parts;
    std::size_t size = 0;
    std::size_t left_out = 0;
    const auto& records = request_.walk.records;
    for (auto record = records.rbegin(); record != records.rend(); ++record) {
      if (IsQuiet(*record)) continue;
      std::string part = StageText(*record);
      if (size + part.size() > Limit() && !parts.empty()) {
        ++left_out;
        continue;
      }
      size += part.size();
      parts.push_back(std::move(part));
    }
    if (parts.empty()) return;
    text_ += "\n## Completed stages\n";
    if (left_out > 0) text_ += "(" + std::to_string(left_out) + " earlier stages left out)\n";
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) text_ += *part;
  }

  void Context() {
    std::string lines;
    for (const auto& [key, value] : request_.walk.context) {
      if (IsHidden(key)) continue;
      std::string text = value.ToText();
      if (text.find_first_not_of(" \t\r\n") == std::string::npos) continue;
      lines += "- " + key + ": " + Cut(text, 2000) + "\n";
    }
    if (!lines.empty()) text_ += "\n## Context\n" + Cut(lines, Limit());
  }

  const PreambleRequest& request_;
  std::string text_;
};

}  // namespace

bool IsFidelity(std::string_view word) {
  return std::find(kModes.begin(), kModes.end(), word) != kModes.end();
}

std::string BuildPreamble(const PreambleRequest& request) {
  if (request.fidelity == "full") return {};
  return Writer(request).Write();
}

}  // namespace fabro::workflow
