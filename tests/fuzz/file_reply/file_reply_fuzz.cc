// What a guest in the file helper's place may answer: each call must end with a value or an Error,
// and a listing must name nothing outside of the directory asked for.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fabro/jail/file_session.h"

namespace {

using fabro::UniqueFd;
using fabro::jail::FilePipes;

void Require(bool holds) {
  if (!holds) std::abort();
}

struct Call {
  FilePipes pipes;
  UniqueFd request_reader;  // Open, so that the request does not break the pipe.
};

// The reply lies ready in the pipe; more than a pipe holds would need a writer of its own.
Call Prepare(std::string_view reply) {
  int request[2];
  int answer[2];
  Require(::pipe2(request, O_CLOEXEC) == 0 && ::pipe2(answer, O_CLOEXEC) == 0);
  Call call{{UniqueFd(request[1]), UniqueFd(answer[0])}, UniqueFd(request[0])};
  const UniqueFd writer(answer[1]);
  Require(::write(writer.get(), reply.data(), reply.size()) == static_cast<ssize_t>(reply.size()));
  return call;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kPipe = 32 * 1024;
  const std::string_view reply(reinterpret_cast<const char*>(data), std::min(size, kPipe));
  {
    Call call = Prepare(reply);
    std::uint64_t total = 0;
    (void)fabro::jail::ReadFileOver(std::move(call.pipes), "/f", 1000, [&](std::string_view bytes) {
      total += bytes.size();
      return fabro::Status();
    });
    Require(total <= 1000);
  }
  {
    Call call = Prepare(reply);
    (void)fabro::jail::StatFileOver(std::move(call.pipes), "/f");
  }
  Call call = Prepare(reply);
  const auto entries = fabro::jail::ListFilesOver(std::move(call.pipes), "/d", 0, 20);
  if (!entries.ok()) return 0;
  Require(entries->size() <= 20);
  for (const auto& entry : *entries) {
    Require(!entry.path.empty() && entry.path.front() != '/');
    Require(("/" + entry.path + "/").find("/../") == std::string::npos);
  }
  return 0;
}
