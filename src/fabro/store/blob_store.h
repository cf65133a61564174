// Content-addressed bytes below `<storage>/blobs/sha256/ab/cdef…`: large context values and command
// output. A blob is written once, whole and durable, and never changed; who refers to it holds
// "blob://sha256/<hex>". Any number of processes may put and get at once.
#pragma once

#include <string>
#include <string_view>

#include "fabro/base/result.h"

namespace fabro::store {

inline constexpr std::string_view kBlobScheme = "blob://sha256/";

class BlobStore {
 public:
  explicit BlobStore(std::string storage_dir) : dir_(std::move(storage_dir) + "/blobs/sha256") {}

  // Gives the reference. Putting what is there writes nothing.
  Result<std::string> Put(std::string_view bytes) const;
  // The bytes behind a reference: kNotFound "blob_missing", or kInternal "blob_corrupt" when they
  // no longer match their name.
  Result<std::string> Get(std::string_view reference) const;

 private:
  std::string dir_;
};

bool IsBlobReference(std::string_view text);
std::string Sha256Hex(std::string_view bytes);

}  // namespace fabro::store
