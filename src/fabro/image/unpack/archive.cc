#include "fabro/image/unpack/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "fabro/base/check.h"
#include "fabro/linux/file.h"

namespace fabro::image {
namespace {

constexpr std::size_t kBlock = std::size_t{256} << 10U;
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

struct FreeArchive {
  void operator()(archive* a) const { ::archive_read_free(a); }
};
using ArchivePtr = std::unique_ptr<archive, FreeArchive>;

// What libarchive's callbacks need.
struct Source {
  HashedFile* file;
  Status failed;
};

la_ssize_t ReadBlock(archive* a, void* data, const void** block) {
  auto& source = *static_cast<Source*>(data);
  auto bytes = source.file->Next();
  if (!bytes.ok()) {
    ::archive_set_error(a, bytes.error().sys_errno, "read failed");
    source.failed = bytes.error();
    return -1;
  }
  *block = bytes->data();
  return static_cast<la_ssize_t>(bytes->size());
}

Error Damaged(archive* a, const Source& source) {
  if (!source.failed.ok()) return source.failed.error();
  const char* text = ::archive_error_string(a);
  return Failure(Code::kInvalidArgument,
                 "rootfs: the archive is damaged or of another kind: " +
                     std::string(text == nullptr ? "no reason is given" : text),
                 "rootfs_refused", "use a tar archive: plain, gzip, xz, zstd or bzip2");
}

Error NoSpace(Error error) {
  if (error.sys_errno != ENOSPC && error.sys_errno != EDQUOT) return error;
  error.code = Code::kResourceExhausted;
  error.reason = "no_space";
  error.fix = "make room on the file system of the image cache";
  return error;
}

// Sparse files keep their holes; the holes count as content.
Status CopyData(archive* a, const Source& source, int to, TreeWriter& tree) {
  std::int64_t end = 0;
  for (;;) {
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int status = ::archive_read_data_block(a, &block, &size, &offset);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK) return Damaged(a, source);
    if (offset < end) return Damaged(a, source);
    TRY(tree.CountBytes(static_cast<std::uint64_t>(offset - end) + size, source.file->consumed()));
    const char* at = static_cast<const char*>(block);
    end = offset + static_cast<std::int64_t>(size);
    while (size > 0) {
      const ssize_t put = ::pwrite(to, at, size, offset);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return NoSpace(SysFailure("pwrite"));
      at += put;
      offset += put;
      size -= static_cast<std::size_t>(put);
    }
  }
  return ::ftruncate(to, end) == 0 ? Status() : NoSpace(SysFailure("ftruncate"));
}

Attributes AttributesOf(archive_entry* entry) {
  return {.mode = static_cast<std::uint32_t>(::archive_entry_perm(entry)),
          .uid = ::archive_entry_uid(entry),
          .gid = ::archive_entry_gid(entry),
          .mtime = ::archive_entry_mtime(entry)};
}

std::string Text(const char* text, const char* utf8) {
  if (text != nullptr) return text;
  return utf8 == nullptr ? "" : utf8;
}

Result<bool> HandleWhiteout(const std::string& path, TreeWriter& tree) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : path.substr(0, slash);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name == kOpaque) {
    TRY(tree.HideLowerBelow(directory));
    return true;
  }
  if (!name.starts_with(kWhiteout)) return false;
  const std::string hidden = name.substr(kWhiteout.size());
  if (hidden.starts_with(kWhiteout)) return true;  // Reserved names of AUFS: no content.
  TRY(tree.HideLower(directory.empty() ? hidden : directory + "/" + hidden));
  return true;
}

// The sandbox has a /dev, /proc and /sys of its own.
bool HasItsOwn(const std::string& path) {
  for (const std::string_view own : {"dev", "proc", "sys"}) {
    if (path.starts_with(own) && path.size() > own.size() && path[own.size()] == '/') return true;
  }
  return false;
}

Status AddEntry(archive* a, archive_entry* entry, const Source& source, TreeWriter& tree) {
  const std::string path =
      TRY(CleanPath(Text(::archive_entry_pathname(entry), ::archive_entry_pathname_utf8(entry))));
  if (HasItsOwn(path)) return tree.SkipSpecial();
  const std::string link =
      Text(::archive_entry_hardlink(entry), ::archive_entry_hardlink_utf8(entry));
  if (!link.empty()) return tree.MakeHardLink(path, link);
  const Attributes attributes = AttributesOf(entry);
  switch (::archive_entry_filetype(entry)) {
    case AE_IFDIR:
      return tree.MakeDirectory(path, attributes);
    case AE_IFLNK:
      return tree.MakeSymlink(
          path, Text(::archive_entry_symlink(entry), ::archive_entry_symlink_utf8(entry)));
    case AE_IFREG: {
      const UniqueFd file = TRY(tree.MakeFile(path));
      TRY(CopyData(a, source, file.get(), tree));
      return tree.FinishFile(file.get(), attributes);
    }
    default:
      return tree.SkipSpecial();
  }
}

Result<ArchivePtr> OpenTar(Source& source) {
  ArchivePtr reader(::archive_read_new());
  archive* a = reader.get();
  CHECK(a != nullptr);
  const bool ready = ::archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
                     ::archive_read_support_filter_xz(a) == ARCHIVE_OK &&
                     ::archive_read_support_filter_zstd(a) == ARCHIVE_OK &&
                     ::archive_read_support_filter_bzip2(a) == ARCHIVE_OK &&
                     ::archive_read_support_format_tar(a) == ARCHIVE_OK;
  if (!ready) return Failure(Code::kInternal, "libarchive lacks gzip, xz, zstd or bzip2");
  if (::archive_read_open(a, &source, nullptr, ReadBlock, nullptr) != ARCHIVE_OK) {
    return Damaged(a, source);
  }
  return reader;
}

}  // namespace

HashedFile::HashedFile(int fd) : fd_(fd), block_(new char[kBlock]), hash_(::EVP_MD_CTX_new()) {
  CHECK(hash_ != nullptr && ::EVP_DigestInit_ex(hash_, ::EVP_sha256(), nullptr) == 1);
}

HashedFile::~HashedFile() { ::EVP_MD_CTX_free(hash_); }

Result<std::string_view> HashedFile::Next() {
  for (;;) {
    const ssize_t got = ::read(fd_, block_.get(), kBlock);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SysFailure("read", "the image");
    const auto size = static_cast<std::size_t>(got);
    consumed_ += size;
    CHECK(::EVP_DigestUpdate(hash_, block_.get(), size) == 1);
    return std::string_view(block_.get(), size);
  }
}

Result<std::string> HashedFile::Finish() {
  for (;;) {
    const std::string_view rest = TRY(Next());
    if (rest.empty()) break;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  CHECK(::EVP_DigestFinal_ex(hash_, digest.data(), &size) == 1);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    std::array<char, 3> pair{};
    std::snprintf(pair.data(), pair.size(), "%02x", digest[i]);
    hex += pair.data();
  }
  return hex;
}

Status ExtractTar(HashedFile& file, TreeWriter& tree, bool whiteouts) {
  Source source{.file = &file, .failed = {}};
  const ArchivePtr reader = TRY(OpenTar(source));
  tree.BeginLayer();
  for (;;) {
    archive_entry* entry = nullptr;
    const int status = ::archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) return {};
    // A warning is about a name that this locale cannot show; its bytes are there all the same.
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return Damaged(reader.get(), source);
    if (whiteouts) {
      const std::string path = TRY(
          CleanPath(Text(::archive_entry_pathname(entry), ::archive_entry_pathname_utf8(entry))));
      const bool hidden = TRY(HandleWhiteout(path, tree));
      if (hidden) continue;
    }
    const Status added = AddEntry(reader.get(), entry, source, tree);
    if (!added.ok()) return NoSpace(added.error());
  }
}

}  // namespace fabro::image
