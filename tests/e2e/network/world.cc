#include "tests/e2e/network/world.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "fabro/linux/file.h"
#include "fabro/linux/spawn.h"
#include "tests/e2e/faber/faber_run.h"

namespace fabro::e2e {
namespace {

const Words kEnvironment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};

// Port 80 on 127.0.0.1 and ::1, where nothing of a sandbox may ever come.
UniqueFd ListenOnLoopback() {
  UniqueFd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(80);
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
  EXPECT_EQ(::listen(listener.get(), 16), 0);
  return listener;
}

}  // namespace

World& World::Get() {
  static World world;
  return world;
}

void World::Ip(const Words& words) {
  SpawnRequest request;
  request.argv = {"ip"};
  request.argv.insert(request.argv.end(), words.begin(), words.end());
  request.env = kEnvironment;
  const auto output =
      RunCommand(request, {}, 1_MiB, std::chrono::steady_clock::now() + std::chrono::seconds(20));
  ASSERT_TRUE(output.ok()) << output.error().ToString();
  ASSERT_TRUE(output->succeeded()) << words.back() << ": " << output->err;
}

std::string World::CaFile() { return "/tmp/faber-test-ca-" + std::to_string(::getpid()); }

World::World() {
  EXPECT_EQ(::unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
  EXPECT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  const std::string resolvers = CaFile() + ".resolv";
  EXPECT_TRUE(WriteFile(resolvers, "nameserver 10.77.0.2\n").ok());
  EXPECT_EQ(::mount(resolvers.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr), 0);
  ::unlink(resolvers.c_str());
  int to[2];
  int from[2];
  EXPECT_EQ(::pipe2(to, O_CLOEXEC) | ::pipe2(from, O_CLOEXEC), 0);
  SpawnRequest request;
  // Debian's own: one found by PATH may look for its modules by ours.
  request.argv = {"/usr/bin/python3", INTERNET_PY};
  request.env = kEnvironment;
  request.env.push_back("FABER_TEST_CA=" + CaFile());
  request.in = to[0];
  request.out = from[1];
  request.err = STDERR_FILENO;
  auto internet = Spawn(request);
  ::close(to[0]);
  ::close(from[1]);
  in_.reset(to[1]);
  out_.reset(from[0]);
  if (!internet.ok()) {
    ADD_FAILURE() << internet.error().ToString();
    return;
  }
  const std::string pid = std::to_string(internet->pid());
  internet_.push_back(*std::move(internet));
  EXPECT_EQ(ReadUntil(out_.get(), "\n"), "ready\n");
  Ip({"link", "set", "lo", "up"});
  Ip({"link", "add", "host0", "type", "veth", "peer", "name", "inet0", "netns", pid});
  Ip({"addr", "add", "10.77.0.1/24", "dev", "host0"});
  Ip({"addr", "add", "fd77::1/64", "dev", "host0", "nodad"});
  Ip({"link", "set", "host0", "up"});
  EXPECT_EQ(Ask("up"), "ok");
  Ip({"route", "add", "default", "via", "10.77.0.2"});
  Ip({"-6", "route", "add", "default", "via", "fd77::2"});
  loopback_ = ListenOnLoopback();
}

World::~World() { ::unlink(CaFile().c_str()); }

std::string World::Ask(const std::string& command) {
  EXPECT_TRUE(WriteFd(in_.get(), command + "\n").ok());
  std::string line = ReadUntil(out_.get(), "\n");
  if (line.ends_with('\n')) line.pop_back();
  return line;
}

bool World::LoopbackWasTouched() {
  return UniqueFd(::accept4(loopback_.get(), nullptr, nullptr, SOCK_CLOEXEC)).get() >= 0;
}

}  // namespace fabro::e2e
