// Server-sent events (WHATWG HTML, 9.2.6) from bytes that come in any pieces: lines end by LF, CRLF
// or CR; a blank line gives the event out; a byte order mark at the start is dropped.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fabro/base/result.h"

namespace fabro::http {

struct SseEvent {
  std::string event{};  // Empty: not said ("message" to browsers).
  std::string data{};   // Lines joined by LF.
  std::string id{};     // The last one said in the stream.
};

class SseParser {
 public:
  // An event with more than `max_event_bytes` is refused: "sse_event_too_large".
  explicit SseParser(std::size_t max_event_bytes = 32 * 1024 * 1024) : limit_(max_event_bytes) {}

  using OnEvent = std::function<Status(const SseEvent&)>;
  // An Error of `on_event` ends the parsing and is returned. As the standard has it, an event that
  // is not closed by a blank line at the end of the stream is not one.
  Status Feed(std::string_view bytes, const OnEvent& on_event);

  // A comment or anything else came since the last call of this: the server is alive.
  bool TakeActivity() { return std::exchange(activity_, false); }
  // The server's wish for reconnecting, when it said one.
  std::optional<std::chrono::milliseconds> retry() const { return retry_; }

 private:
  Status Line(const OnEvent& on_event);
  void Field(std::string_view name, std::string_view value);
  void DropMark(std::string_view& bytes);

  std::size_t limit_;
  std::string line_;
  SseEvent event_;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool activity_ = false;
  std::size_t mark_ = 0;  // Bytes of the byte order mark seen; 3: past the start.
  std::optional<std::chrono::milliseconds> retry_;
};

}  // namespace fabro::http
