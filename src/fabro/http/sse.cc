#include "fabro/http/sse.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace fabro::http {
namespace {

constexpr std::string_view kMark = "\xEF\xBB\xBF";

Error TooLarge() {
  return Failure(Code::kResourceExhausted, "a server-sent event is larger than allowed",
                 "sse_event_too_large");
}

}  // namespace

// The mark counts only at the very start, and its three bytes may come one by one.
void SseParser::DropMark(std::string_view& bytes) {
  while (mark_ < kMark.size() && !bytes.empty()) {
    if (bytes.front() != kMark[mark_]) {
      line_ = std::string(kMark.substr(0, mark_));  // It only looked like one.
      mark_ = kMark.size();
      break;
    }
    bytes.remove_prefix(1);
    ++mark_;
  }
}

Status SseParser::Feed(std::string_view bytes, const OnEvent& on_event) {
  if (bytes.empty()) return {};
  activity_ = true;
  DropMark(bytes);
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t end = std::min(bytes.find_first_of("\r\n"), bytes.size());
    if (line_.size() + event_.data.size() + end > limit_) return TooLarge();
    line_.append(bytes.substr(0, end));
    if (end == bytes.size()) break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    TRY(Line(on_event));
  }
  return {};
}

Status SseParser::Line(const OnEvent& on_event) {
  const std::string line = std::exchange(line_, {});
  if (line.empty()) {
    SseEvent done = event_;
    event_ = SseEvent{.event = {}, .data = {}, .id = done.id};
    if (!std::exchange(has_data_, false)) return {};
    return on_event(done);
  }
  const std::size_t colon = line.find(':');
  if (colon == 0) return {};  // A comment.
  const std::string_view text = line;
  if (colon == std::string::npos) {
    Field(text, {});
    return {};
  }
  std::string_view value = text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  Field(text.substr(0, colon), value);
  return {};
}

void SseParser::Field(std::string_view name, std::string_view value) {
  if (name == "event") {
    event_.event = value;
  } else if (name == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) event_.id = value;
  } else if (name == "retry") {
    std::uint32_t millis = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), millis);
    if (error == std::errc{} && end == value.data() + value.size()) {
      retry_ = std::chrono::milliseconds(millis);
    }
  }
}

}  // namespace fabro::http
