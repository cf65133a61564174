// The imitation of the four wire formats as a process of a test, and a client of ours for each.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fabro/agent/llm/http_adapter.h"
#include "fabro/linux/process.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/json.h"

namespace fabro::llm {

// Starts tests/support/imitation/server.py; it ends with this object. Failures are the test's.
class Imitation {
 public:
  Imitation();

  std::string Url() const { return "http://127.0.0.1:" + port_; }
  // What it answers from now on: a JSON list of turns (server.py says their form).
  void Answer(const std::string& turns);
  // What it was asked since the last time.
  model::Json::Array Requests();

 private:
  std::optional<Process> process_;
  UniqueFd in_;  // Its standard input: closed, it ends.
  UniqueFd out_;
  std::string port_;
  http::Client client_;
};

// One wire format, with a model and a key that the imitation takes.
struct Format {
  Api api;
  const char* provider;
  const char* model;
  const char* base;  // After the server's address, as users write base URLs.
};
inline constexpr Format kFormats[] = {
    {Api::kAnthropic, "anthropic", "claude-opus-4-7", ""},
    {Api::kOpenAi, "openai", "gpt-5.5", "/v1"},
    {Api::kOpenAiCompatible, "local", "llama-7", "/v1"},
    {Api::kGemini, "gemini", "gemini-3.1-pro-preview", ""},
};

struct AdapterOptions {
  std::string key = "test-key-0123456789";
  http::Timeouts timeouts{};
  std::chrono::nanoseconds whole_answer = std::chrono::seconds(120);
};
std::unique_ptr<HttpAdapter> AdapterOf(const Format& format, const std::string& url,
                                       AdapterOptions options = {});

}  // namespace fabro::llm
