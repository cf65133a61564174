#include "apps/faber/root_image.h"

#include <algorithm>

#include "apps/faber/run_request.h"
#include "fabro/image/image.h"

namespace fabro::faber {

void LayImageEnv(const std::vector<std::string>& image, const std::string& default_path,
                 std::vector<std::string>& env) {
  for (const std::string& entry : image) {
    const std::string name = entry.substr(0, entry.find('=') + 1);
    if (name == "HOME=") continue;
    const auto found =
        std::ranges::find_if(env, [&](const std::string& each) { return each.starts_with(name); });
    if (found == env.end()) {
      env.push_back(entry);
    } else if (*found == default_path) {
      *found = entry;
    }
  }
}

Status OpenRootImage(model::RunRequest& request) {
  using Kind = model::RootSource::Kind;
  model::RootSource& root = request.sandbox.root;
  if (root.kind != Kind::kTar && root.kind != Kind::kOci) return {};
  const std::string cache = TRY(image::DefaultCache());
  const image::Image opened = TRY(image::Open(root, {.cache = cache, .program = {}}));
  root = {.kind = Kind::kDir, .dir = opened.root, .tag = {}};
  LayImageEnv(opened.env, DefaultRequest().exec.env.front(), request.exec.env);
  return {};
}

}  // namespace fabro::faber
