#include "fabro/jail/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "fabro/jail/file_session.h"
#include "fabro/linux/file.h"

namespace fabro::jail {
namespace {

struct Helper {
  Exec exec;
  FilePipes pipes;
};

Result<Helper> StartHelper(Jail& jail) {
  int request[2];
  if (::pipe2(request, O_CLOEXEC) != 0) return SysFailure("pipe2", "file helper");
  GuestStdio stdio;
  stdio.in = UniqueFd(request[0]);
  UniqueFd to_helper(request[1]);
  int reply[2];
  if (::pipe2(reply, O_CLOEXEC) != 0) return SysFailure("pipe2", "file helper");
  UniqueFd from_helper(reply[0]);
  stdio.out = UniqueFd(reply[1]);
  stdio.err = TRY(Open("/dev/null", O_WRONLY));
  Exec exec = TRY_IN("starting the file helper", jail.StartFileHelper(std::move(stdio)));
  FilePipes pipes{std::move(to_helper), std::move(from_helper)};
  return Helper{std::move(exec), std::move(pipes)};
}

// A helper that ended in the middle of a call has an Outcome that says why: its limits, a cancel, a
// Jail that is gone. In every other case the call itself has said all, and the helper goes with
// `exec`.
template <typename T>
Result<T> Explain(Exec& exec, Result<T> result) {
  if (result.ok() || result.error().reason != "file_helper_gone") return result;
  const Result<model::Outcome> outcome = exec.Wait();
  if (!outcome.ok()) return outcome.error();
  return result.error().In(std::string("file helper: ") +
                           std::string(model::ToString(outcome->fate)));
}

}  // namespace

Status ReadFile(Jail& jail, std::string_view path, std::uint64_t limit, const ByteSink& sink) {
  Helper helper = TRY(StartHelper(jail));
  return Explain(helper.exec, ReadFileOver(std::move(helper.pipes), path, limit, sink));
}

Status WriteFile(Jail& jail, std::string_view path, std::uint32_t mode, const ByteSource& source) {
  Helper helper = TRY(StartHelper(jail));
  return Explain(helper.exec, WriteFileOver(std::move(helper.pipes), path, mode, source));
}

Status DeleteFile(Jail& jail, std::string_view path) {
  Helper helper = TRY(StartHelper(jail));
  return Explain(helper.exec, DeleteFileOver(std::move(helper.pipes), path));
}

Result<std::optional<FileEntry>> StatFile(Jail& jail, std::string_view path) {
  Helper helper = TRY(StartHelper(jail));
  return Explain(helper.exec, StatFileOver(std::move(helper.pipes), path));
}

Result<std::vector<FileEntry>> ListFiles(Jail& jail, std::string_view path, std::uint32_t depth,
                                         std::size_t most) {
  Helper helper = TRY(StartHelper(jail));
  return Explain(helper.exec, ListFilesOver(std::move(helper.pipes), path, depth, most));
}

}  // namespace fabro::jail
