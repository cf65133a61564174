#include "fabro/http/client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/socket.h"
#include "fabro/linux/spawn.h"

namespace fabro::http {
namespace {

// A server that answers each connection by a function of its socket and what was asked, on a thread
// of its own; requests that were read are kept.
class Server {
 public:
  using Answer = std::function<void(int socket, const std::string& request)>;

  explicit Server(Answer answer, const std::string& unix_path = {}) : answer_(std::move(answer)) {
    if (unix_path.empty()) {
      listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
      EXPECT_EQ(::listen(listener_.get(), 16), 0);
      socklen_t size = sizeof address;
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
      port_ = ntohs(address.sin_port);
    } else {
      listener_ = *ListenUnix(unix_path, SocketType::kStream);
    }
    stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
    thread_ = std::thread([this] { Run(); });
  }
  ~Server() {
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
  }

  std::string Url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  std::uint16_t port() const { return port_; }
  int connections() const { return connections_; }
  std::string Seen() {
    const std::scoped_lock lock(mutex_);
    return seen_;
  }

 private:
  bool Readable(int fd) const {
    pollfd fds[] = {{.fd = fd, .events = POLLIN, .revents = 0},
                    {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
    return Poll(fds).has_value() && fds[1].revents == 0;
  }

  // Serves requests of one connection until it closes or the answer closes it.
  void Serve(int socket) {
    std::string bytes;
    char buffer[65536];
    while (Readable(socket)) {
      const ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
      if (got <= 0) return;
      bytes.append(buffer, static_cast<std::size_t>(got));
      const std::size_t end = bytes.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      std::size_t length = 0;
      if (const std::size_t at = bytes.find("Content-Length: "); at < end) {
        length = std::stoul(bytes.substr(at + 16));
      }
      if (bytes.size() < end + 4 + length) continue;
      {
        const std::scoped_lock lock(mutex_);
        seen_ += bytes;
      }
      answer_(socket, bytes);
      bytes.clear();
    }
  }

  void Run() {
    while (Readable(listener_.get())) {
      auto socket = Accept(listener_.get());
      if (!socket.ok()) return;
      ++connections_;
      Serve(socket->get());
    }
  }

  Answer answer_;
  UniqueFd listener_;
  UniqueFd stop_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::string seen_;
  std::thread thread_;
};

Status Say(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0) return SysFailure("send");
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Server::Answer Saying(std::string text) {
  return [text](int socket, const std::string&) { (void)Say(socket, text); };
}

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Two: a b\r\n\r\nhi";

TEST(HttpClientTest, GivesStatusHeadersAndBody) {
  Server server(Saying(kOk));
  Client client;

  const auto response = client.Send({.url = server.Url("/a?b=1")});

  ASSERT_TRUE(response.ok()) << response.error().ToString();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "hi");
  EXPECT_EQ(*FindHeader(response->headers, "x-two"), "a b");
  EXPECT_EQ(server.Seen().substr(0, 16), "GET /a?b=1 HTTP/");
}

TEST(HttpClientTest, SendsTheBodyAndTheHeadersAsTheyAre) {
  Server server(Saying(kOk));
  Client client;

  ASSERT_TRUE(client.Send({.method = "POST",
                           .url = server.Url(),
                           .headers = {{"X-Key", "s3cret"}, {"Content-Type", "application/json"}},
                           .body = "{\"a\":1}"}));

  const std::string seen = server.Seen();
  EXPECT_NE(seen.find("\r\nX-Key: s3cret\r\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("\r\nContent-Type: application/json\r\n"), std::string::npos);
  EXPECT_EQ(seen.find("Expect"), std::string::npos);
  EXPECT_TRUE(seen.ends_with("\r\n\r\n{\"a\":1}"));
}

TEST(HttpClientTest, ConnectionsAreUsedAgain) {
  Server server(Saying(kOk));
  Client client;

  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.Send({.url = server.Url()}));

  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClientTest, TheBodyComesInPiecesAfterTheHead) {
  UniqueFd heard(::eventfd(0, EFD_CLOEXEC));
  Server server([&](int socket, const std::string&) {
    (void)Say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    (void)PollOne(heard.get(), POLLIN);  // The first piece was seen before the second is sent.
    (void)Say(socket, "3\r\ntwo\r\n0\r\n\r\n");
  });
  Client client;
  std::string order;

  const auto response =
      client.Send({.url = server.Url()}, {.head = [&](const Head& head) -> Status {
                                            order += std::to_string(head.status) + " ";
                                            return {};
                                          },
                                          .body = [&](std::string_view bytes) -> Status {
                                            order += bytes;
                                            ::eventfd_write(heard.get(), 1);
                                            return {};
                                          }});

  ASSERT_TRUE(response.ok()) << response.error().ToString();
  EXPECT_EQ(order, "200 onetwo");
}

TEST(HttpClientTest, ARedirectIsAnAnswerAndIsNotFollowed) {
  Server other(Saying(kOk));
  Server server(
      Saying("HTTP/1.1 307 Go\r\nContent-Length: 0\r\nLocation: " + other.Url() + "\r\n\r\n"));
  Client client;

  const auto response = client.Send({.url = server.Url(), .headers = {{"X-Key", "s3cret"}}});

  EXPECT_EQ(response->status, 307);
  EXPECT_EQ(other.Seen(), "");
}

TEST(HttpClientTest, CancellingEndsAnExchangeThatHangs) {
  UniqueFd asked(::eventfd(0, EFD_CLOEXEC));
  UniqueFd cancel(::eventfd(0, EFD_CLOEXEC));
  Server server([&](int, const std::string&) { ::eventfd_write(asked.get(), 1); });
  std::thread canceller([&] {
    (void)PollOne(asked.get(), POLLIN);
    ::eventfd_write(cancel.get(), 1);
  });
  Client client;

  const auto response = client.Send({.url = server.Url()}, {}, cancel.get());
  canceller.join();

  EXPECT_EQ(response.error().reason, "http_canceled");
}

TEST(HttpClientTest, SilenceEndsByTheIdleTimeout) {
  Server server([](int, const std::string&) {});
  Client client;

  const auto response = client.Send(
      {.url = server.Url(), .timeouts = {.idle = std::chrono::milliseconds(30), .total = {}}});

  EXPECT_EQ(response.error().reason, "http_idle_timeout");
}

TEST(HttpClientTest, AWholeAnswerThatTakesTooLongEndsByTheTotalTimeout) {
  Server server(Saying("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome"));
  Client client;

  const auto response =
      client.Send({.url = server.Url(), .timeouts = {.total = std::chrono::milliseconds(30)}});

  EXPECT_EQ(response.error().reason, "http_total_timeout");
}

TEST(HttpClientTest, AConnectionThatEndsEarlyIsBroken) {
  Server server([](int socket, const std::string&) {
    (void)Say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome");
    ::shutdown(socket, SHUT_RDWR);
  });
  Client client;
  std::string seen;

  const auto response = client.Send({.url = server.Url()},
                                    {.head = {}, .body = [&](std::string_view bytes) -> Status {
                                       seen += bytes;
                                       return {};
                                     }});

  EXPECT_EQ(response.error().reason, "http_broken");
  EXPECT_EQ(seen, "some");
}

TEST(HttpClientTest, AnAnswerThatIsNoHttpIsBroken) {
  Server server([](int socket, const std::string&) {
    (void)Say(socket, std::string(300, '\x01') + "\r\n\r\n");
    ::shutdown(socket, SHUT_RDWR);
  });
  Client client;

  const auto response = client.Send({.url = server.Url()});

  EXPECT_EQ(response.error().reason, "http_broken");
}

TEST(HttpClientTest, MoreBodyThanAllowedIsRefused) {
  Server server(
      Saying("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + std::string(200000, 'x')));
  Client client({.max_body_bytes = 100000});

  EXPECT_EQ(client.Send({.url = server.Url()}).error().reason, "http_body_too_large");
}

TEST(HttpClientTest, AnErrorOfAHandlerIsTheResult) {
  Server server(Saying(kOk));
  Client client;
  const Handlers refusing{
      .head = [](const Head&) { return Failure(Code::kInternal, "no", "mine"); }, .body = {}};

  EXPECT_EQ(client.Send({.url = server.Url()}, refusing).error().reason, "mine");
}

TEST(HttpClientTest, NobodyListeningIsSaidWithHostAndPortAlone) {
  std::string url;
  {
    url = Server(Saying(kOk)).Url("/v1?key=s3cret");
  }
  Client client;

  const auto response = client.Send({.url = url, .headers = {{"X-Key", "s3cret"}}});

  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().reason, "http_connect");
  EXPECT_EQ(response.error().ToString().find("s3cret"), std::string::npos);
  EXPECT_FALSE(response.error().fix.empty());
}

TEST(HttpClientTest, AHeaderWithALineBreakIsRefused) {
  Client client;
  const auto send = [&](const std::string& name, const std::string& value) {
    return client.Send({.url = "http://127.0.0.1:1/", .headers = {{name, value}}}).error();
  };

  EXPECT_EQ(send("X-Key", "a\r\nX-Other: b").reason, "http_header_invalid");
  EXPECT_EQ(send("X-Key", "secret\n").ToString().find("secret\n"), std::string::npos);
  EXPECT_EQ(send("X Key", "a").reason, "http_header_invalid");
}

TEST(HttpClientTest, GoesOverAUnixSocket) {
  const TempDir dir = *TempDir::Make("fabro-http");
  const std::string path = dir.path() + "/sock";
  Server server(Saying(kOk), path);
  Client client;

  const auto response = client.Send({.url = "http://docker/info", .unix_socket = path});

  ASSERT_TRUE(response.ok()) << response.error().ToString();
  EXPECT_NE(server.Seen().find("Host: docker\r\n"), std::string::npos);
}

TEST(HttpClientTest, AProxyIsAskedForTheWholeUrl) {
  Server proxy(Saying(kOk));
  Client client({.proxy = proxy.Url()});

  const auto response = client.Send({.url = "http://models.example:8080/v1"});

  ASSERT_TRUE(response.ok()) << response.error().ToString();
  EXPECT_EQ(proxy.Seen().substr(0, 38), "GET http://models.example:8080/v1 HTTP");
}

TEST(HttpClientTest, APinnedAddressIsTheOneConnectedToPastTheProxy) {
  Server server(Saying(kOk));
  Client client({.proxy = "http://127.0.0.1:1"});
  const std::string url = "http://checked.example:" + std::to_string(server.port()) + "/x";

  const auto response = client.Send({.url = url, .pinned_address = "127.0.0.1"});

  ASSERT_TRUE(response.ok()) << response.error().ToString();
  EXPECT_NE(server.Seen().find("Host: checked.example:"), std::string::npos);
}

// openssl(1) as a TLS server with a certificate of its own making.
class TlsServer {
 public:
  explicit TlsServer(const std::string& dir) : cert(dir + "/cert.pem") {
    const std::string key = dir + "/key.pem";
    const auto made = RunCommand(
        {.argv = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                  "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                  "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert},
         .env = {},
         .cwd = {}},
        "", 1_MiB, std::nullopt);
    EXPECT_TRUE(made.ok() && made->succeeded());
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    auto process = Spawn({.argv = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-key",
                                   key, "-cert", cert},
                          .env = {},
                          .cwd = {},
                          .out = writer.get()});
    process_.emplace(*std::move(process));
    writer.reset();
    std::string said;  // "ACCEPT 127.0.0.1:43210 …"
    char c = 0;
    while (said.find("ACCEPT") == std::string::npos || c != '\n') {
      if (::read(reader.get(), &c, 1) != 1) break;
      said += c;
    }
    const std::size_t colon = said.find(':', said.find("ACCEPT"));
    port = static_cast<std::uint16_t>(std::stoi(said.substr(colon + 1)));
    out_ = std::move(reader);
  }
  std::string cert;
  std::uint16_t port = 0;

 private:
  std::optional<Process> process_;
  UniqueFd out_;
};

TEST(HttpClientTest, ACertificateMustBeSignedByACaThatIsTrusted) {
  const TempDir dir = *TempDir::Make("fabro-http");
  const TlsServer server(dir.path());
  const std::string url = "https://localhost:" + std::to_string(server.port) + "/";
  Client strangers;
  Client friends({.ca_file = server.cert});

  EXPECT_EQ(strangers.Send({.url = url}).error().reason, "http_tls");
  const auto response = friends.Send({.url = url});
  ASSERT_TRUE(response.ok()) << response.error().ToString();
}

}  // namespace
}  // namespace fabro::http
