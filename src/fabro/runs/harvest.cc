#include "fabro/runs/harvest.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <set>
#include <utility>

#include "fabro/codec/json/json.h"
#include "fabro/linux/file.h"
#include "fabro/runs/paths.h"
#include "fabro/store/blob_store.h"

namespace fabro::runs {
namespace {

using model::Json;

constexpr std::uint32_t kDepth = 64;
constexpr std::array kExcluded{std::string_view("node_modules"), std::string_view(".venv"),
                               std::string_view("venv"),         std::string_view(".cache"),
                               std::string_view(".tox"),         std::string_view(".pytest_cache"),
                               std::string_view(".mypy_cache"),  std::string_view("dist"),
                               std::string_view(".git"),         std::string_view(".fabro")};

bool IsExcluded(std::string_view path) {
  if (path.find(".yarn/cache/") != std::string_view::npos) return true;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    // A file of that name is no excluded directory.
    if (end < path.size() &&
        std::find(kExcluded.begin(), kExcluded.end(), part) != kExcluded.end()) {
      return true;
    }
    begin = end + 1;
  }
  return false;
}

std::string WithoutPrefix(std::string path, const std::string& directory) {
  if (path.starts_with(directory + "/")) path.erase(0, directory.size() + 1);
  if (path.starts_with("./")) path.erase(0, 2);
  return path;
}

// A zstd file that takes at most so many bytes. libarchive's "raw" format is the filter alone.
class ZstdFile {
 public:
  ZstdFile(UniqueFd fd, ByteSize limit)
      : fd_(std::move(fd)), limit_(limit), archive_(::archive_write_new()) {}

  Status Open() {
    if (::archive_write_set_format_raw(archive_.get()) != ARCHIVE_OK ||
        ::archive_write_add_filter_zstd(archive_.get()) != ARCHIVE_OK ||
        ::archive_write_set_bytes_per_block(archive_.get(), 0) != ARCHIVE_OK ||
        ::archive_write_open2(archive_.get(), this, nullptr, &ZstdFile::Write, nullptr, nullptr) !=
            ARCHIVE_OK) {
      return Broken();
    }
    const std::unique_ptr<archive_entry, decltype(&::archive_entry_free)> entry(
        ::archive_entry_new(), &::archive_entry_free);
    ::archive_entry_set_filetype(entry.get(), AE_IFREG);
    if (::archive_write_header(archive_.get(), entry.get()) != ARCHIVE_OK) return Broken();
    return {};
  }

  Status Add(std::string_view bytes) {
    if (::archive_write_data(archive_.get(), bytes.data(), bytes.size()) < 0) return Broken();
    return {};
  }

  Status Close() {
    if (::archive_write_close(archive_.get()) != ARCHIVE_OK) return Broken();
    if (::fsync(fd_.get()) != 0) return SysFailure("fsync");
    return {};
  }

 private:
  struct Free {
    void operator()(archive* a) const { ::archive_write_free(a); }
  };

  static la_ssize_t Write(archive* a, void* self, const void* data, std::size_t size) {
    auto& file = *static_cast<ZstdFile*>(self);
    if (file.written_ + size > file.limit_.bytes()) {
      file.too_large_ = true;
      ::archive_set_error(a, EFBIG, "over the limit");
      return -1;
    }
    const Status done =
        WriteFd(file.fd_.get(), std::string_view(static_cast<const char*>(data), size));
    if (!done.ok()) {
      ::archive_set_error(a, done.error().sys_errno, "write failed");
      return -1;
    }
    file.written_ += size;
    return static_cast<la_ssize_t>(size);
  }

  Error Broken() const {
    if (too_large_) {
      return Failure(Code::kResourceExhausted,
                     "the workspace is larger than " + ToString(limit_) + " compressed",
                     "result_too_large", "raise [run.artifacts] result_limit");
    }
    const int number = ::archive_errno(archive_.get());
    const char* text = ::archive_error_string(archive_.get());
    return Failure(number == ENOSPC ? Code::kResourceExhausted : Code::kInternal,
                   std::string("compressing the workspace: ") + (text != nullptr ? text : "failed"),
                   number == ENOSPC ? "disk_full" : "result_not_saved");
  }

  UniqueFd fd_;
  ByteSize limit_;
  std::uint64_t written_ = 0;
  bool too_large_ = false;
  std::unique_ptr<archive, Free> archive_;  // Last: freeing it may still call Write.
};

Status StreamWorkspace(provider::Sandbox& sandbox, ZstdFile& file) {
  TRY(file.Open());
  std::string complaint;
  Status added;
  provider::ExecRequest request;
  request.argv = {"tar", "--create", "--file=-", "--directory=" + sandbox.WorkingDirectory(), "."};
  request.on_output = [&](provider::Stream stream, std::string_view bytes) -> Status {
    if (stream == provider::Stream::kStderr) {
      complaint.append(bytes.substr(0, 500 - std::min<std::size_t>(complaint.size(), 500)));
      return {};
    }
    added = file.Add(bytes);
    return added;
  };
  auto result = sandbox.Exec(request);
  if (!added.ok()) return added;
  if (!result.ok()) return std::move(result).error();
  if (result->exit_code != 0) {
    return Failure(Code::kInternal, "tar in the sandbox failed: " + complaint, "result_not_saved");
  }
  return file.Close();
}

}  // namespace

bool IsPlainRelative(std::string_view path) {
  if (path.empty() || path.size() > 4000) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." || part.size() > 255) return false;
    begin = end + 1;
  }
  return std::none_of(path.begin(), path.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

ArtifactCollector::ArtifactCollector(provider::Sandbox& sandbox, std::vector<std::string> globs,
                                     std::string run_dir)
    : sandbox_(sandbox), globs_(std::move(globs)), run_dir_(std::move(run_dir)) {}

Result<std::map<std::string, ArtifactCollector::Seen>> ArtifactCollector::Matching() {
  const std::string directory = sandbox_.WorkingDirectory();
  std::set<std::string> names;
  for (const std::string& glob : globs_) {
    const std::vector<std::string> found = TRY(sandbox_.Glob(glob, directory));
    for (const std::string& path : found) names.insert(WithoutPrefix(path, directory));
  }
  std::map<std::string, Seen> matching;
  if (names.empty()) return matching;
  const auto entries = TRY(sandbox_.ListDirectory(directory, kDepth));
  for (const provider::DirectoryEntry& entry : entries) {
    if (!entry.is_directory && entry.size && names.contains(entry.name) &&
        !IsExcluded(entry.name)) {
      matching[entry.name] = {.size = *entry.size, .mtime_ns = entry.mtime_ns};
    }
  }
  return matching;
}

Status ArtifactCollector::Begin() {
  if (const auto text = ReadFile(SeenPath(run_dir_), 64_MiB); text.ok()) {
    const auto json = codec::ParseJson(*text);
    const Json::Object* files = json.ok() ? json->Members() : nullptr;
    if (files != nullptr) {
      for (const auto& [path, file] : *files) {
        seen_[path] = {.size = static_cast<std::uint64_t>(file.IntAt("size")),
                       .mtime_ns = file.IntAt("mtime_ns")};
      }
      kept_ = seen_;
      return {};
    }
  }
  seen_ = TRY(Matching());
  return Write();
}

Status ArtifactCollector::Keep() {
  if (seen_ == kept_) return {};
  return Write();
}

Status ArtifactCollector::Write() {
  Json files = Json::MakeObject();
  for (const auto& [path, file] : seen_) {
    Json seen;
    seen.Set("size", file.size).Set("mtime_ns", file.mtime_ns);
    files.Set(path, std::move(seen));
  }
  TRY(ReplaceFile(SeenPath(run_dir_), files.Dump() + "\n", 0600));
  kept_ = seen_;
  return {};
}

Result<Collected> ArtifactCollector::Collect(const std::string& stage_id) {
  const std::map<std::string, Seen> now = TRY(Matching());
  const std::map<std::string, Seen> before = std::exchange(seen_, now);
  Collected collected;
  std::uint64_t total = 0;
  for (const auto& [path, file] : now) {
    const auto old = before.find(path);
    if (old != before.end() && old->second == file) continue;
    if (!IsPlainRelative(path)) {
      collected.notes.push_back("a file with an unusable name was left out");
    } else if (collected.artifacts.size() == kMaxFiles) {
      collected.notes.push_back("more than 100 files: the rest was left out");
      break;
    } else if (file.size > kFileLimit.bytes() || total + file.size > kCollectionLimit.bytes()) {
      collected.notes.push_back(path + " was left out: " + HumanBytes(ByteSize(file.size)));
    } else {
      // Read, not downloaded by the name: what is written where is then ours alone.
      auto bytes = sandbox_.ReadFile(path);
      if (!bytes.ok() || bytes->size() > kFileLimit.bytes()) {
        collected.notes.push_back(path + " was left out: it cannot be read, or grew");
        continue;
      }
      const std::string target = run_dir_ + "/artifacts/" + stage_id + "/" + path;
      TRY(MakeDirs(target.substr(0, target.rfind('/')), 0700));
      TRY(WriteFile(target, *bytes, 0600));
      total += bytes->size();
      collected.artifacts.push_back(
          {.path = path, .sha256 = store::Sha256Hex(*bytes), .size = bytes->size()});
    }
  }
  return collected;
}

Status SaveWorkspace(provider::Sandbox& sandbox, const std::string& path, ByteSize limit) {
  const std::string fresh = path + ".new";
  UniqueFd fd = TRY(Open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  ZstdFile file(std::move(fd), limit);
  Status saved = StreamWorkspace(sandbox, file);
  if (saved.ok() && ::rename(fresh.c_str(), path.c_str()) != 0) saved = SysFailure("rename", fresh);
  if (!saved.ok()) (void)::unlink(fresh.c_str());
  return saved;
}

}  // namespace fabro::runs
