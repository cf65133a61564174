#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "fabro/agent/tools/guard.h"
#include "fabro/agent/web/markdown.h"
#include "fabro/agent/web/web_tools.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/provider/fake/fake.h"

namespace fabro::agent {
namespace {

using model::Json;

TEST(Markdown, KeepsWhatAPageSays) {
  EXPECT_EQ(MarkdownOf("<html><head><title>x</title></head><body><h1>A &amp; B</h1>"
                       "<p>one <a href=\"/u\">two</a></p><ul><li>a<li>b</ul>"
                       "<pre>x  y\n</pre><script>evil()</script>end"),
            "# A & B\n\none [two](/u)\n\n- a\n- b\n\n```\nx  y\n\n```\n\nend\n");
  EXPECT_EQ(MarkdownOf("a < b &#8364; &#x41; &bogus; <b"), "a < b \u20AC A &bogus; <b\n");
  EXPECT_EQ(MarkdownOf("<script>never closed"), "\n");
  EXPECT_EQ(MarkdownOf("<STYLE>x</Style>y"), "y\n");
}

// Answers each connection with what it was told to, and counts them.
class LittleServer {
 public:
  explicit LittleServer(std::string answer) : answer_(std::move(answer)) {
    fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    auto* plain = reinterpret_cast<sockaddr*>(&address_);
    EXPECT_EQ(::bind(fd_.get(), plain, size), 0);
    EXPECT_EQ(::listen(fd_.get(), 8), 0);
    EXPECT_EQ(::getsockname(fd_.get(), plain, &size), 0);
    thread_ = std::thread([this] { Serve(); });
  }
  ~LittleServer() {
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::uint16_t port() const { return ntohs(address_.sin_port); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }
  int connections() const { return connections_.load(); }
  void Answer(std::string answer) { answer_ = std::move(answer); }

 private:
  void Serve() {
    for (;;) {
      const UniqueFd client(::accept(fd_.get(), nullptr, nullptr));
      if (!client) return;
      ++connections_;
      std::array<char, 4096> request{};
      (void)!::read(client.get(), request.data(), request.size());
      (void)!::write(client.get(), answer_.data(), answer_.size());
    }
  }
  std::string answer_;
  UniqueFd fd_;
  sockaddr_in address_{};
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

std::string Page(const std::string& body, const std::string& type = "text/html") {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" +
         body;
}

class WebTest : public ::testing::Test {
 protected:
  ToolResult Call(const WebConfig& config, std::string_view name, const Json& arguments) {
    for (const Tool& tool : WebTools(config)) {
      if (tool.name != name) continue;
      ToolContext context{.place = place_,
                          .default_timeout = std::chrono::seconds(1),
                          .max_timeout = std::chrono::seconds(1)};
      return tool.run(arguments, context);
    }
    return ToolResult::Fail("not offered", "not_offered");
  }
  static mcp::Admit Only(std::uint16_t allowed) {
    return [allowed](const std::string& host, std::uint16_t port) -> Result<std::string> {
      if (port == allowed) return std::string("127.0.0.1");
      return Failure(Code::kPermissionDenied, "not allowed: " + host, "network_denied");
    };
  }
  static Json Url(const std::string& url) { return Json::MakeObject().Set("url", url); }

  provider::FakeSandbox sandbox_;
  ReadSet read_;
  GuardedSandbox place_{sandbox_, read_};
  WebConfig open_{.network = {.mode = "host", .enforced_by = {}}};
};

TEST_F(WebTest, FetchesAPageAsMarkdown) {
  LittleServer server(Page("<h1>Hi</h1>"));
  EXPECT_EQ(Call(open_, "web_fetch", Url(server.url() + "/")).output, "# Hi\n");
  server.Answer(Page("\x7f", "image/png"));
  EXPECT_TRUE(Call(open_, "web_fetch", Url(server.url() + "/x.png")).is_error);
  EXPECT_TRUE(Call(open_, "web_fetch", Url("file:///etc/passwd")).is_error);
}

TEST_F(WebTest, IsNotOfferedWhereNothingGetsThrough) {
  EXPECT_TRUE(
      WebTools({.network = {.mode = "block", .enforced_by = {}}, .search_key = "k"}).empty());
  EXPECT_TRUE(WebTools({.network = {.mode = "host_allow_list", .enforced_by = {}}}).empty());
  EXPECT_EQ(WebTools(open_).size(), 1U);
}

TEST_F(WebTest, AForbiddenHostIsNeverConnectedTo) {
  LittleServer forbidden(Page("secret"));
  LittleServer allowed(Page("fine", "text/plain"));
  WebConfig config{.network = {.mode = "host_allow_list", .enforced_by = {}},
                   .admit = Only(allowed.port()),
                   .search_key = "k"};
  EXPECT_EQ(Call(config, "web_fetch", Url(allowed.url())).output, "fine");
  EXPECT_EQ(Call(config, "web_fetch", Url(forbidden.url())).reason, "network_denied");
  config.search_url = forbidden.url();
  EXPECT_EQ(Call(config, "web_search", Json::MakeObject().Set("query", "x")).reason,
            "network_denied");
  // Nor by a redirect of an allowed one.
  allowed.Answer("HTTP/1.1 302 Found\r\nLocation: " + forbidden.url() +
                 "/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(Call(config, "web_fetch", Url(allowed.url())).reason, "network_denied");
  EXPECT_EQ(forbidden.connections(), 0);
}

TEST_F(WebTest, SearchListsWhatItFound) {
  LittleServer server(
      Page(R"({"web":{"results":[{"title":"T","url":"https://u","description":"D"}]}})",
           "application/json"));
  WebConfig config = open_;
  config.search_key = "k";
  config.search_url = server.url() + "/search";
  EXPECT_EQ(Call(config, "web_search", Json::MakeObject().Set("query", "a b")).output,
            "1. T\n   https://u\n   D\n");
}

}  // namespace
}  // namespace fabro::agent
