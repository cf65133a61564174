#include "tests/e2e/faber/faber_run.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>

#include "fabro/codec/json/json.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/spawn.h"

namespace fabro::e2e {
namespace {

constexpr std::chrono::seconds kPatience{60};
const Words kEnvironment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                            "HOME=/root"};

Words Argv(const Words& args) {
  Words argv = {FABER};
  argv.insert(argv.end(), args.begin(), args.end());
  return argv;
}

int ShellStatus(ExitStatus status) {
  return status.kind == ExitStatus::Kind::kExited ? status.value : 128 + status.value;
}

}  // namespace

void FaberTest::SetUp() {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
}

Done Faber(const Words& args, std::string_view input) {
  SpawnRequest request;
  request.argv = Argv(args);
  request.env = kEnvironment;
  const auto output =
      RunCommand(request, input, 64_MiB, std::chrono::steady_clock::now() + kPatience);
  if (!output.ok()) {
    ADD_FAILURE() << output.error().ToString();
    return {};
  }
  return {ShellStatus(output->status), output->out, output->err};
}

Done Shell(const std::string& script, Words options, std::string_view input) {
  Words args = {"run"};
  args.insert(args.end(), options.begin(), options.end());
  args.insert(args.end(), {"--", "sh", "-c", script});
  return Faber(args, input);
}

model::Json JsonOf(const Done& done) {
  auto json = codec::ParseJson(done.out);
  EXPECT_TRUE(json.ok()) << done.out << done.err;
  EXPECT_EQ(done.out.find('\n'), done.out.size() - 1) << "one line";
  return json.ok() ? *json : model::Json();
}

Running Start(const Words& args) {
  int in[2];
  int out[2];
  int err[2];
  EXPECT_EQ(::pipe2(in, O_CLOEXEC) | ::pipe2(out, O_CLOEXEC) | ::pipe2(err, O_CLOEXEC), 0);
  SpawnRequest request;
  request.argv = Argv(args);
  request.env = kEnvironment;
  request.in = in[0];
  request.out = out[1];
  request.err = err[1];
  auto process = Spawn(request);
  EXPECT_TRUE(process.ok());
  ::close(in[0]);
  ::close(out[1]);
  ::close(err[1]);
  return {*std::move(process), UniqueFd(in[1]), UniqueFd(out[0]), UniqueFd(err[0])};
}

std::string ReadUntil(int fd, std::string_view text) {
  const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::string all;
  while (all.find(text) == std::string::npos) {
    const auto events = PollOne(fd, POLLIN, deadline);
    if (!events.ok() || *events == 0) break;
    char buffer[4096];
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count <= 0) break;
    all.append(buffer, static_cast<std::size_t>(count));
  }
  return all;
}

int StatusOf(Process& process) {
  const auto status = process.Wait();
  return status.ok() ? ShellStatus(*status) : -1;
}

}  // namespace fabro::e2e
