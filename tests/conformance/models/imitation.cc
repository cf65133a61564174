#include "imitation.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <utility>

#include "fabro/codec/json/json.h"
#include "fabro/linux/spawn.h"

namespace fabro::llm {

Imitation::Imitation() {
  int in[2];
  int out[2];
  EXPECT_EQ(::pipe2(in, O_CLOEXEC), 0);
  EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
  const UniqueFd child_in(in[0]);
  UniqueFd child_out(out[1]);
  in_ = UniqueFd(in[1]);
  out_ = UniqueFd(out[0]);
  auto started = Spawn({.argv = {"/usr/bin/python3", "-B", FABRO_IMITATION},
                        .env = {"PATH=/usr/bin:/bin"},
                        .cwd = {},
                        .in = child_in.get(),
                        .out = child_out.get(),
                        .err = STDERR_FILENO});
  EXPECT_TRUE(started.ok()) << started.error().ToString();
  process_.emplace(*std::move(started));
  child_out.reset();
  std::string said;  // "listening 43210"
  for (char c = 0; c != '\n' && ::read(out_.get(), &c, 1) == 1;) said += c;
  EXPECT_TRUE(said.starts_with("listening ")) << said;
  port_ = said.substr(said.find(' ') + 1, said.size() - said.find(' ') - 2);
}

void Imitation::Answer(const std::string& turns) {
  const auto told =
      client_.Send({.method = "POST", .url = Url() + "/imitation/answers", .body = turns});
  EXPECT_TRUE(told.ok() && told->status == 200);
}

model::Json::Array Imitation::Requests() {
  const auto seen = client_.Send({.url = Url() + "/imitation/requests"});
  EXPECT_TRUE(seen.ok());
  const auto parsed = codec::ParseJson(seen->body);
  EXPECT_TRUE(parsed.ok());
  return *parsed->Items();
}

std::unique_ptr<HttpAdapter> AdapterOf(const Format& format, const std::string& url,
                                       AdapterOptions options) {
  static const auto catalog = std::make_shared<const Catalog>(Catalog::BuiltIn());
  Endpoint endpoint{.provider = format.provider,
                    .base_url = url + format.base,
                    .key = options.key,
                    .timeouts = options.timeouts,
                    .whole_answer = options.whole_answer};
  return std::make_unique<HttpAdapter>(format.api, std::move(endpoint),
                                       std::make_shared<http::Client>(http::ClientOptions{
                                           .proxy = "none", .max_body_bytes = kMaxAnswerBytes}),
                                       catalog);
}

}  // namespace fabro::llm
