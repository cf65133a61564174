#include "fabro/store/blob_store.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <array>

#include "fabro/base/check.h"
#include "fabro/linux/file.h"

namespace fabro::store {
namespace {

constexpr ByteSize kMaxBlob = 1_GiB;

bool IsHexDigest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string Sha256Hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  // Fails only without the algorithm, which every OpenSSL has.
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kHex[digest[i] >> 4U];
    hex += kHex[digest[i] & 15U];
  }
  return hex;
}

bool IsBlobReference(std::string_view text) {
  return text.starts_with(kBlobScheme) && IsHexDigest(text.substr(kBlobScheme.size()));
}

Result<std::string> BlobStore::Put(std::string_view bytes) const {
  const std::string hex = Sha256Hex(bytes);
  const std::string folder = dir_ + "/" + hex.substr(0, 2);
  const std::string path = folder + "/" + hex.substr(2);
  struct stat info{};
  const bool there =
      ::stat(path.c_str(), &info) == 0 && static_cast<std::size_t>(info.st_size) == bytes.size();
  if (!there) {
    TRY(MakeDirs(folder, 0700));
    TRY_IN("storing a blob", ReplaceFile(path, bytes, 0600));
  }
  return std::string(kBlobScheme) + hex;
}

Result<std::string> BlobStore::Get(std::string_view reference) const {
  if (!IsBlobReference(reference)) {
    return Failure(Code::kInvalidArgument, "not a blob reference: " + std::string(reference),
                   "blob_reference_invalid");
  }
  const std::string hex(reference.substr(kBlobScheme.size()));
  auto bytes = ReadFile(dir_ + "/" + hex.substr(0, 2) + "/" + hex.substr(2), kMaxBlob);
  if (!bytes.ok()) {
    if (bytes.error().sys_errno != ENOENT) return bytes;
    return Failure(Code::kNotFound, "blob " + hex + " is missing", "blob_missing");
  }
  if (Sha256Hex(*bytes) != hex) {
    return Failure(Code::kInternal, "blob " + hex + " does not match its name", "blob_corrupt");
  }
  return bytes;
}

}  // namespace fabro::store
