#include "fabro/agent/llm/http_adapter.h"

#include <utility>

#include "fabro/agent/llm/anthropic/wire.h"
#include "fabro/agent/llm/gemini/wire.h"
#include "fabro/agent/llm/openai/wire.h"
#include "fabro/agent/llm/openai_compatible/wire.h"
#include "fabro/agent/llm/wire/json_text.h"

namespace fabro::llm {
namespace {

constexpr std::pair<std::string_view, Api> kWords[] = {
    {"anthropic", Api::kAnthropic},
    {"openai", Api::kOpenAi},
    {"openai_compatible", Api::kOpenAiCompatible},
    {"gemini", Api::kGemini},
};

// A model's id goes into a path here: what would be a part of the path itself is escaped.
std::string PathSegment(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || c == ':';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace

std::optional<Api> ParseApi(std::string_view word) {
  for (const auto& [name, api] : kWords) {
    if (name == word) return api;
  }
  return std::nullopt;
}

std::string_view ToString(Api api) {
  for (const auto& [name, value] : kWords) {
    if (value == api) return name;
  }
  return {};
}

Result<Post> HttpAdapter::PostOf(const Request& request, bool stream,
                                 std::vector<std::string>& warnings) const {
  const ModelInfo* info = catalog_->Find(request.model);
  const std::string& provider = endpoint_.provider;
  const std::string& key = endpoint_.key;
  Post post{.url = {}, .body = {}, .stream = stream};
  switch (api_) {
    case Api::kAnthropic: {
      post.body = TRY(anthropic::Encode(request, provider, info, stream, warnings));
      post.url = VersionedUrl(endpoint_.base_url, "v1", "/messages");
      post.headers.push_back({.name = "anthropic-version", .value = "2023-06-01"});
      if (!key.empty()) post.headers.push_back({.name = "x-api-key", .value = key});
      std::string betas;
      for (const std::string& beta : OptionTexts(request, provider, "beta_headers")) {
        betas += (betas.empty() ? "" : ",") + beta;
      }
      if (!betas.empty()) post.headers.push_back({.name = "anthropic-beta", .value = betas});
      return post;
    }
    case Api::kOpenAi:
      post.body = TRY(responses::Encode(request, provider, info, stream, warnings));
      post.url = VersionedUrl(endpoint_.base_url, "v1", "/responses");
      break;
    case Api::kOpenAiCompatible:
      post.body = TRY(chat::Encode(request, provider, info, stream, warnings));
      post.url = VersionedUrl(endpoint_.base_url, "v1", "/chat/completions");
      break;
    case Api::kGemini: {
      post.body = TRY(gemini::Encode(request, provider, info, warnings));
      const std::string method = stream ? ":streamGenerateContent?alt=sse" : ":generateContent";
      post.url = VersionedUrl(endpoint_.base_url, "v1beta",
                              "/models/" + PathSegment(request.model) + method);
      if (!key.empty()) post.headers.push_back({.name = "x-goog-api-key", .value = key});
      return post;
    }
  }
  if (!key.empty()) post.headers.push_back({.name = "authorization", .value = "Bearer " + key});
  return post;
}

std::unique_ptr<Decoder> HttpAdapter::DecoderOf(const Request& request, const Sink& sink) const {
  const std::string& provider = endpoint_.provider;
  const std::string& key = endpoint_.key;
  switch (api_) {
    case Api::kAnthropic:
      return std::make_unique<anthropic::MessagesDecoder>(sink, provider, request.model, key);
    case Api::kOpenAi:
      return std::make_unique<responses::ResponsesDecoder>(sink, provider, request.model, key);
    case Api::kOpenAiCompatible:
      break;
    case Api::kGemini:
      return std::make_unique<gemini::GeminiDecoder>(sink, provider, request.model, key);
  }
  return std::make_unique<chat::ChatDecoder>(sink, provider, request.model, key);
}

Result<Response> HttpAdapter::Call(const Request& request, const Sink& sink, int cancel_fd,
                                   CallInfo& info) {
  std::vector<std::string> warnings;
  Post post = TRY(PostOf(request, static_cast<bool>(sink), warnings));
  const std::unique_ptr<Decoder> decoder = DecoderOf(request, sink);
  Response response =
      TRY(Exchange(*client_, endpoint_, std::move(post), *decoder, cancel_fd, info));
  response.warnings = std::move(warnings);
  return response;
}

}  // namespace fabro::llm
