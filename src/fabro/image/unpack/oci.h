// An OCI image layout on disk, as skopeo, umoci and buildah write it (OCI image-spec, image-layout,
// index, manifest and config). Everything in it is checked against the digest that names it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"

namespace fabro::image {

struct Blob {
  std::string hex;  // Of its SHA-256.
  std::uint64_t size = 0;
};

struct OciImage {
  std::string digest;            // Hexadecimal SHA-256 of the manifest: what names the image.
  std::vector<Blob> layers;      // From the lowest to the uppermost.
  std::vector<std::string> env;  // "NAME=value" of its configuration.
};

// The image that `tag` names in the layout `dir` (a directory descriptor); an empty tag: the only
// one there. An index of several platforms gives the one of this machine. Errors: rootfs_refused.
Result<OciImage> ReadOciLayout(int dir, const std::string& tag);

// "blobs/sha256/<hex>".
std::string BlobPath(const std::string& hex);

}  // namespace fabro::image
