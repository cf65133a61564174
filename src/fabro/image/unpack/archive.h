// Tar archives, plain or compressed (gzip, xz, zstd, bzip2), into a TreeWriter. libarchive reads
// them; what they say is judged by the TreeWriter.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "fabro/base/result.h"
#include "fabro/image/unpack/tree.h"

namespace fabro::image {

// A file that is read once from its offset on and hashed on the way, so that what was checked is
// what was used.
class HashedFile {
 public:
  explicit HashedFile(int fd);  // Not owned.
  ~HashedFile();
  HashedFile(const HashedFile&) = delete;
  HashedFile& operator=(const HashedFile&) = delete;

  // The next bytes, empty at the end. The view holds until the next call.
  Result<std::string_view> Next();
  // Reads what is left; then the SHA-256 of all of it in hexadecimal. Once.
  Result<std::string> Finish();
  std::uint64_t consumed() const { return consumed_; }

 private:
  int fd_;
  std::uint64_t consumed_ = 0;
  std::unique_ptr<char[]> block_;
  EVP_MD_CTX* hash_;
};

// Reads `file` to the end of the archive. `whiteouts`: `.wh.` entries hide earlier layers.
// Errors: rootfs_refused for what is no archive, is damaged or is not safe; rootfs_too_large;
// no_space.
Status ExtractTar(HashedFile& file, TreeWriter& tree, bool whiteouts);

}  // namespace fabro::image
