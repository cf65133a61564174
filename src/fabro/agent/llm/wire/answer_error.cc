// What the answers of providers say about failures: status, their own words, and when to come
// again.
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "fabro/agent/llm/wire/exchange.h"
#include "fabro/codec/json/json.h"

namespace fabro::llm {
namespace {

using model::Json;

constexpr std::size_t kMaxMessage = 400;  // Characters of a provider's text that we repeat.

struct Said {
  std::string message;
  std::string words;  // type, code and status of the error, lower case, blank between.
};

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

// All four formats wrap it differently, and gateways have forms of their own.
Said Read(std::string_view body) {
  Said said;
  Result<Json> parsed = codec::ParseJson(body);
  if (!parsed.ok()) {
    said.message = std::string(body.substr(0, kMaxMessage));
    return said;
  }
  const Json* document = &*parsed;
  if (const auto* list = document->Items(); list != nullptr && !list->empty()) {
    document = &list->front();  // Gemini without SSE.
  }
  if (const Json* response = document->Find("response"); response != nullptr) {
    document = response;  // OpenAI's response.failed.
  }
  const Json* error = document->Find("error");
  if (error == nullptr || error->IsNull()) error = document;
  if (const std::string* text = error->String()) said.message = *text;
  for (const char* key : {"message", "detail", "error"}) {
    if (said.message.empty()) said.message = error->StringAt(key);
  }
  for (const char* key : {"type", "code", "status"}) {
    said.words += Lower(error->StringAt(key)) + " ";
  }
  return said;
}

struct Hint {
  std::string_view word;
  ErrorKind kind;
};

// The providers' own types and codes; unambiguous.
constexpr Hint kCodes[] = {
    {"context_length_exceeded", ErrorKind::kContextLength},
    {"request_too_large", ErrorKind::kContextLength},
    {"insufficient_quota", ErrorKind::kQuotaExceeded},
    {"billing_error", ErrorKind::kQuotaExceeded},
    {"authentication_error", ErrorKind::kAuthentication},
    {"invalid_api_key", ErrorKind::kAuthentication},
    {"unauthenticated", ErrorKind::kAuthentication},
    {"permission_error", ErrorKind::kAccessDenied},
    {"permission_denied", ErrorKind::kAccessDenied},
    {"not_found", ErrorKind::kNotFound},
    {"rate_limit", ErrorKind::kRateLimit},
    {"resource_exhausted", ErrorKind::kRateLimit},
    {"overloaded_error", ErrorKind::kServer},
    {"server_error", ErrorKind::kServer},
    {"api_error", ErrorKind::kServer},
    {"timeout_error", ErrorKind::kServer},
    {"unavailable", ErrorKind::kServer},
    {"internal", ErrorKind::kServer},
    {"deadline_exceeded", ErrorKind::kServer},
    {"content_filter", ErrorKind::kContentFilter},
    {"content_policy", ErrorKind::kContentFilter},
    {"invalid_prompt", ErrorKind::kContentFilter},
};

// What people read; looked at where status and code leave it open (agent 6.7).
constexpr Hint kPhrases[] = {
    {"context length", ErrorKind::kContextLength},
    {"context window", ErrorKind::kContextLength},
    {"too many tokens", ErrorKind::kContextLength},
    {"prompt is too long", ErrorKind::kContextLength},
    {"api key not valid", ErrorKind::kAuthentication},
    {"invalid key", ErrorKind::kAuthentication},
    {"invalid api key", ErrorKind::kAuthentication},
    {"unauthorized", ErrorKind::kAuthentication},
    {"content filter", ErrorKind::kContentFilter},
    {"safety", ErrorKind::kContentFilter},
    {"credit balance", ErrorKind::kQuotaExceeded},
    {"quota", ErrorKind::kQuotaExceeded},
    {"billing", ErrorKind::kQuotaExceeded},
    {"insufficient", ErrorKind::kQuotaExceeded},
    {"not found", ErrorKind::kNotFound},
    {"does not exist", ErrorKind::kNotFound},
};

template <std::size_t N>
std::optional<ErrorKind> Match(const Hint (&hints)[N], std::string_view text) {
  for (const Hint& hint : hints) {
    if (text.find(hint.word) != std::string_view::npos) return hint.kind;
  }
  return std::nullopt;
}

ErrorKind ByStatus(int status) {
  if (status == 401) return ErrorKind::kAuthentication;
  if (status == 402) return ErrorKind::kQuotaExceeded;
  if (status == 403) return ErrorKind::kAccessDenied;
  if (status == 404) return ErrorKind::kNotFound;
  if (status == 400 || status == 422) return ErrorKind::kInvalidRequest;
  if (status == 408) return ErrorKind::kTimeout;
  if (status == 413) return ErrorKind::kContextLength;
  if (status == 429) return ErrorKind::kRateLimit;
  if (status >= 300 && status < 400) return ErrorKind::kConfiguration;
  if (status >= 500 && status < 600) return ErrorKind::kServer;
  return ErrorKind::kUnknown;
}

ErrorKind Classify(int status, const Said& said) {
  const ErrorKind by_status = ByStatus(status);
  const std::string text = Lower(said.message);
  switch (by_status) {
    case ErrorKind::kInvalidRequest:
    case ErrorKind::kUnknown: {
      if (const auto kind = Match(kCodes, said.words)) return *kind;
      return Match(kPhrases, text).value_or(by_status);
    }
    case ErrorKind::kRateLimit:
      // "You exceeded your current quota": another minute does not help. Gemini says "quota" of
      // its limits a minute too, with a delay after which it works.
      if (said.words.find("insufficient_quota") != std::string::npos) {
        return ErrorKind::kQuotaExceeded;
      }
      if (said.words.find("resource_exhausted") != std::string::npos) return by_status;
      return Match(kPhrases, text) == ErrorKind::kQuotaExceeded ? ErrorKind::kQuotaExceeded
                                                                : by_status;
    default:
      return by_status;
  }
}

std::string FixOf(ErrorKind kind, const std::string& provider) {
  switch (kind) {
    case ErrorKind::kAuthentication:
      return "check the key: fabro provider login --provider " + provider;
    case ErrorKind::kAccessDenied:
      return "the key may not use this model; choose another one";
    case ErrorKind::kNotFound:
      return "check model and base URL: fabro model list";
    case ErrorKind::kQuotaExceeded:
      return "check the provider's plan and billing";
    case ErrorKind::kConfiguration:
      return "set the provider's base_url to where it redirects";
    default:
      return {};
  }
}

// Somebody else's text in our message: one line, no control characters, no key, not too long.
std::string Tame(std::string text, std::string_view key) {
  if (key.size() >= 4) {
    for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at)) {
      text.replace(at, key.size(), "***");
    }
  }
  if (text.size() > kMaxMessage) {
    std::size_t end = kMaxMessage;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end) + "…";
  }
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return text;
}

std::optional<std::chrono::milliseconds> Seconds(std::string_view text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(seconds >= 0) || seconds > 1e7) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
}

// IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<std::chrono::milliseconds> UntilDate(const std::string& text, Clock& clock) {
  tm parts{};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const auto then = std::chrono::system_clock::from_time_t(::timegm(&parts));
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(then - clock.WallNow());
  return std::max(left, std::chrono::milliseconds(0));
}

// Google's RetryInfo: {"error":{"details":[{"retryDelay":"17s"}]}}.
std::optional<std::chrono::milliseconds> RetryDelayIn(std::string_view body) {
  if (body.find("retryDelay") == std::string_view::npos) return std::nullopt;
  const Result<Json> parsed = codec::ParseJson(body);
  if (!parsed.ok()) return std::nullopt;
  const Json* error = parsed->Find("error");
  const Json* details = error != nullptr ? error->Find("details") : nullptr;
  if (details == nullptr || details->Items() == nullptr) return std::nullopt;
  for (const Json& item : *details->Items()) {
    const std::string delay = item.StringAt("retryDelay");
    if (delay.ends_with('s')) return Seconds(std::string_view(delay).substr(0, delay.size() - 1));
  }
  return std::nullopt;
}

}  // namespace

Error ErrorOfAnswer(const std::string& provider, int status, std::string_view body,
                    std::string_view key) {
  const Said said = Read(body);
  const ErrorKind kind = Classify(status, said);
  std::string message = provider;
  message += status != 0 ? " answered " + std::to_string(status) : " reported an error";
  const std::string text = Tame(said.message, key);
  if (!text.empty()) message += ": " + text;
  return CallFailure(kind, std::move(message), FixOf(kind, provider));
}

std::optional<std::chrono::milliseconds> RetryAfterOf(const http::Headers& headers,
                                                      std::string_view body, Clock& clock) {
  if (const std::string* millis = http::FindHeader(headers, "retry-after-ms")) {
    if (const auto wait = Seconds(*millis)) return *wait / 1000;
  }
  if (const std::string* after = http::FindHeader(headers, "retry-after")) {
    if (const auto wait = Seconds(*after)) return wait;
    if (const auto wait = UntilDate(*after, clock)) return wait;
  }
  return RetryDelayIn(body);
}

}  // namespace fabro::llm
