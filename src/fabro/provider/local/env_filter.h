// Which of our own environment a command on this machine may see. Spec: sandboxes, section 4.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fabro::provider {

struct EnvFilter {
  bool strict = true;            // Bare API_KEY, TOKEN, … and known secret carriers go too.
  bool filter_explicit = false;  // Configured variables are filtered as well.
};

// A secret by its name: `_token` and so on, in any case; with `strict` more.
bool IsSensitiveName(std::string_view name, bool strict);

// `host` ("NAME=value", as in environ) less what is sensitive, then `wanted` on top. Safelisted
// names always pass; bytes pass as they are.
std::vector<std::string> FilteredEnvironment(const std::vector<std::string>& host,
                                             const std::map<std::string, std::string>& wanted,
                                             const EnvFilter& filter);

}  // namespace fabro::provider
