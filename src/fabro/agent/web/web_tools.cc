#include "fabro/agent/web/web_tools.h"

#include <chrono>
#include <memory>
#include <utility>

#include "fabro/agent/tools/schema.h"
#include "fabro/agent/web/markdown.h"
#include "fabro/codec/json/json.h"
#include "fabro/http/client.h"

namespace fabro::agent {
namespace {

using model::Json;

constexpr int kMaxRedirects = 5;
constexpr std::uint64_t kMaxDownload = std::uint64_t{4} << 20U;
constexpr std::size_t kMaxShown = 100'000;  // Characters.
constexpr std::int64_t kFetchMs = 30'000;

// Where a redirect leads, as a whole URL; only what a server may say (RFC 9110, 10.2.2).
std::string Follow(const std::string& from, const std::string& location) {
  if (location.starts_with("http://") || location.starts_with("https://")) return location;
  const std::size_t host = from.find("://") + 3;
  const std::string origin = from.substr(0, std::min(from.find_first_of("/?#", host), from.size()));
  if (location.starts_with("//")) return from.substr(0, host - 2) + location;
  if (location.starts_with('/')) return origin + location;
  const std::size_t query = std::min(from.find_first_of("?#"), from.size());
  const std::size_t slash = from.rfind('/', query);
  return (slash < host ? origin : from.substr(0, slash)) + "/" + location;
}

class Web {
 public:
  explicit Web(WebConfig config) : config_(std::move(config)) {}

  // One exchange, to an address that was checked.
  Result<http::Response> Get(const std::string& url, http::Headers headers, Nanos limit,
                             int cancel_fd) {
    http::Request request;
    request.url = url;
    request.headers = std::move(headers);
    request.timeouts.total = limit;
    const http::UrlParts parts = TRY(http::ParseUrl(url));
    if (config_.admit) request.pinned_address = TRY(config_.admit(parts.host, parts.port));
    return client_.Send(request, {}, cancel_fd);
  }

  ToolResult Fetch(const Json& arguments, int cancel_fd) {
    std::string url = arguments.StringAt("url");
    const auto limit = std::chrono::milliseconds(arguments.IntAt("timeout_ms", kFetchMs));
    for (int hop = 0; hop <= kMaxRedirects; ++hop) {
      const auto response =
          Get(url, {{"Accept", "text/html, text/*, application/json"}}, limit, cancel_fd);
      if (!response.ok()) return Refused(response.error());
      const std::string* location = http::FindHeader(response->headers, "location");
      if (response->status >= 300 && response->status < 400 && location != nullptr) {
        url = Follow(url, *location);
        continue;
      }
      return Show(url, *response);
    }
    return ToolResult::Fail("more than " + std::to_string(kMaxRedirects) + " redirects");
  }

  ToolResult Search(const Json& arguments, int cancel_fd) {
    std::string query;
    for (const char c : arguments.StringAt("query")) {
      static constexpr std::string_view kDigits = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      query += '%';
      query.push_back(kDigits[byte >> 4U]);
      query.push_back(kDigits[byte & 15U]);
    }
    const std::string url = config_.search_url + "?q=" + query +
                            "&count=" + std::to_string(arguments.IntAt("max_results", 5));
    const auto response =
        Get(url, {{"Accept", "application/json"}, {"X-Subscription-Token", config_.search_key}},
            std::chrono::milliseconds(kFetchMs), cancel_fd);
    if (!response.ok()) return Refused(response.error());
    if (response->status != 200) {
      return ToolResult::Fail("the search answered " + std::to_string(response->status));
    }
    const auto json = codec::ParseJson(response->body);
    const Json* web = json.ok() ? json->Find("web") : nullptr;
    const Json* results = web == nullptr ? nullptr : web->Find("results");
    if (results == nullptr || results->Items() == nullptr) return ToolResult::Text("[no result]\n");
    std::string text;
    int number = 0;
    for (const Json& one : *results->Items()) {
      text += std::to_string(++number) + ". " + one.StringAt("title") + "\n   " +
              one.StringAt("url") + "\n   " + one.StringAt("description") + "\n";
    }
    return ToolResult::Text(std::move(text));
  }

 private:
  ToolResult Refused(const Error& error) const {
    ToolResult result = ToolResult::Of(error);
    if (error.reason == "network_denied") {
      result.output += " (mode " + config_.network.mode + ")";
    }
    return result;
  }

  static ToolResult Show(const std::string& url, const http::Response& response) {
    const std::string* type = http::FindHeader(response.headers, "content-type");
    const bool html = type != nullptr && type->find("html") != std::string::npos;
    const bool text = type == nullptr || type->starts_with("text/") ||
                      type->find("json") != std::string::npos ||
                      type->find("xml") != std::string::npos;
    if (!html && !text) {
      return ToolResult::Fail(url + " is " + *type + ", which is no text", "file_binary");
    }
    std::string shown = html ? MarkdownOf(response.body) : ToUtf8(response.body);
    shown = Truncate(std::move(shown), {.characters = kMaxShown});
    if (response.status >= 200 && response.status < 300) return ToolResult::Text(std::move(shown));
    return ToolResult::Fail(url + " answered " + std::to_string(response.status) + "\n" + shown,
                            "http_status");
  }

  WebConfig config_;
  http::Client client_{{.max_body_bytes = kMaxDownload}};
};

}  // namespace

std::vector<Tool> WebTools(const WebConfig& config) {
  const bool open = config.network.mode.empty() || config.network.mode == "host";
  // A tool that can never succeed is not offered.
  if (!open && (config.network.mode == "block" || !config.admit)) return {};
  WebConfig own = config;
  if (open) own.admit = nullptr;
  const auto web = std::make_shared<Web>(std::move(own));
  std::vector<Tool> tools;
  ObjectSchema fetch;
  fetch.Required("url", "string", "An http or https address.").With("minLength", 1);
  fetch.Optional("timeout_ms", "integer", "Time limit in milliseconds, 30000 unless told.");
  fetch.With("minimum", 1).With("maximum", 60'000);
  tools.push_back({.name = "web_fetch",
                   .description = "Gets a web page as Markdown, or another text as it is.",
                   .category = Category::kShell,
                   .parameters = fetch.Build(),
                   .limit = {},
                   .run = [web](const Json& arguments, ToolContext& context) {
                     return web->Fetch(arguments, context.cancel_fd);
                   }});
  if (config.search_key.empty()) return tools;
  ObjectSchema search;
  search.Required("query", "string", "What to look for.").With("minLength", 1);
  search.Optional("max_results", "integer", "At most so many, 5 unless told.");
  search.With("minimum", 1).With("maximum", 20);
  tools.push_back({.name = "web_search",
                   .description = "Searches the web; gives titles, addresses and descriptions.",
                   .category = Category::kShell,
                   .parameters = search.Build(),
                   .limit = {.characters = 20'000},
                   .run = [web](const Json& arguments, ToolContext& context) {
                     return web->Search(arguments, context.cancel_fd);
                   }});
  return tools;
}

}  // namespace fabro::agent
