// Root file systems from images: a tar archive or an OCI layout on disk becomes a directory of the
// image cache, once, and is shared read-only by every sandbox from then on.
//
// What an image says is read by a program of its own, faber-unpack, which gives up the rights that
// it does not need. This side only looks names up: that an image is in the cache costs a few system
// calls and no library.
//
//   <cache>/sha256/<digest>/   see unpack/unpack.h
//   <cache>/refs/<identity>    the digest that a file had; the name holds device, inode, size and
//                              times, so a file that was changed is looked at anew
#pragma once

#include <string>
#include <vector>

#include "fabro/base/id.h"
#include "fabro/base/result.h"
#include "fabro/model/sandbox.h"

namespace fabro::image {

struct Options {
  std::string cache;    // Directory; made where it is missing, 0700.
  std::string program;  // Of faber-unpack; empty: beside this program.
};

struct Image {
  HostPath root;                 // What a RootSource::kDir shows.
  std::string digest;            // "sha256:<hex>" of the archive file or of the image's manifest.
  std::vector<std::string> env;  // "NAME=value" of the image's configuration.
};

// For RootSource::kTar and kOci. Errors: rootfs_refused, rootfs_too_large, no_space, and
// cache_refused for a cache that others may write to.
Result<Image> Open(const model::RootSource& source, const Options& options);

// An image that was opened before, by its digest; kNotFound when it is no longer in the cache.
Result<Image> OpenCached(const std::string& digest, const Options& options);

// Where `faber` has its cache: /var/lib/faber/images for root, else below $XDG_DATA_HOME or
// $HOME/.local/share.
Result<std::string> DefaultCache();

}  // namespace fabro::image
