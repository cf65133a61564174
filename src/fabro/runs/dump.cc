#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "fabro/codec/event/event.h"
#include "fabro/linux/file.h"
#include "fabro/runs/paths.h"
#include "fabro/runs/upkeep.h"
#include "fabro/store/blob_store.h"
#include "fabro/store/event_store.h"

namespace fabro::runs {
namespace {

namespace fs = std::filesystem;
using model::Json;

constexpr std::size_t kPage = 512;
constexpr auto kLeftOut = std::to_array<std::string_view>(
    {"runtime", "git", "worktree", "inbox", "run.pid", "run.lock", "run.wake", "events.jsonl"});

bool IsLeftOut(const std::string& name) {
  return name.starts_with("run.db") ||
         std::find(kLeftOut.begin(), kLeftOut.end(), name) != kLeftOut.end();
}

Status PrepareTarget(const std::string& target) {
  std::error_code failed;
  if (fs::exists(fs::symlink_status(target, failed)) &&
      (!fs::is_directory(target, failed) || !fs::is_empty(target, failed))) {
    return Failure(Code::kAlreadyExists, target + " is there and not empty", "target_not_empty",
                   "name a directory that does not exist yet");
  }
  return MakeDirs(target, 0700);
}

// The bytes that references stand for; what is missing stays a reference.
Json Inlined(const Json& value, const store::BlobStore& blobs) {  // NOLINT(misc-no-recursion)
  if (const std::string* text = value.String()) {
    if (!store::IsBlobReference(*text)) return value;
    auto bytes = blobs.Get(*text);
    return bytes.ok() ? Json(*std::move(bytes)) : value;
  }
  if (const Json::Array* items = value.Items()) {
    Json list = Json::MakeArray();
    for (const Json& item : *items) list.Push(Inlined(item, blobs));
    return list;
  }
  if (const Json::Object* members = value.Members()) {
    Json object = Json::MakeObject();
    for (const auto& [key, member] : *members) object.Set(key, Inlined(member, blobs));
    return object;
  }
  return value;
}

Status WriteEvents(const RunRef& run, const std::string& file) {
  auto events = TRY(store::OpenRunDb(run.dir, true));
  const store::BlobStore blobs(run.storage);
  const UniqueFd out = TRY(Open(file, O_WRONLY | O_CREAT | O_EXCL, 0600));
  for (std::uint64_t after = 0;;) {
    std::vector<model::Event> page = TRY(events->Read(after, kPage));
    if (page.empty()) return {};
    for (model::Event& event : page) {
      after = event.seq;
      event.properties = Inlined(event.properties, blobs);
      TRY(WriteFd(out.get(), codec::EncodeEvent(event) + "\n"));
    }
  }
}

// Files and folders as they are; a link in a run's directory is nobody's to follow.
Status CopyTree(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::skip_symlinks, failed);
  if (failed) return SysFailureOf(failed.value(), "copy", from.string());
  return {};
}

}  // namespace

Status Dump(const RunRef& run, const std::string& target) {
  TRY(PrepareTarget(target));
  const DirFd dir = TRY(OpenDir(run.dir));
  const std::vector<std::string> names = TRY(ListDir(dir.get()));
  for (const std::string& name : names) {
    if (IsLeftOut(name)) continue;
    TRY(CopyTree(fs::path(run.dir) / name, fs::path(target) / name));
  }
  TRY(WriteEvents(run, target + "/events.jsonl"));
  const auto log = ReadFile(ServerLogPath(run.dir), 256_MiB);
  if (log.ok()) return WriteFile(target + "/run.log", *log, 0600);
  if (log.error().sys_errno == ENOENT) return {};  // It never ran.
  return log.error();
}

}  // namespace fabro::runs
