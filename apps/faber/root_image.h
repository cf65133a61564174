// `--rootfs tar:FILE` and `oci:LAYOUT[:TAG]`: the image as a tree of the image cache.
#pragma once

#include "fabro/base/result.h"
#include "fabro/model/run_request.h"

namespace fabro::faber {

// Replaces an image by its tree, which is unpacked when it is not in the cache yet, and lays the
// image's environment below the request's. Does nothing for the other root sources. Errors:
// image/image.h.
Status OpenRootImage(model::RunRequest& request);

// Variables of an image below those of a request: what the request says stays, but for a PATH that
// nobody chose. HOME is the sandbox's. Pure.
void LayImageEnv(const std::vector<std::string>& image, const std::string& default_path,
                 std::vector<std::string>& env);

}  // namespace fabro::faber
