#include "fabro/git/repository.h"

#include <algorithm>
#include <array>
#include <vector>

#include "fabro/git/git.h"

namespace fabro::git {
namespace {

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

// The output of a command that may have nothing to say.
Result<std::string> Optional(const std::string& directory, const std::vector<std::string>& args) {
  Output output = TRY(Run(directory, args));
  if (output.exit_code != 0) return std::string();
  while (!output.out.empty() && output.out.back() == '\n') output.out.pop_back();
  return std::move(output.out);
}

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string WithoutTail(std::string url) {
  while (!url.empty() && url.back() == '/') url.pop_back();
  if (url.ends_with(".git")) url.resize(url.size() - 4);
  return url;
}

// host[:port]/path or host:path, after the user was taken off.
std::string Https(std::string_view rest, bool ssh) {
  const std::size_t slash = rest.find('/');
  std::string host(rest.substr(0, slash));
  std::string path(slash == std::string_view::npos ? "" : rest.substr(slash + 1));
  if (const std::size_t colon = host.find(':'); colon != std::string::npos) {
    const std::string port = host.substr(colon + 1);
    if (!IsNumber(port)) {
      path = port + (slash == std::string_view::npos ? "" : "/" + path);
      host.resize(colon);
    } else if (ssh && port == "22") {
      host.resize(colon);
    }
  }
  return WithoutTail("https://" + Lower(host) + "/" + path);
}

}  // namespace

bool IsObjectId(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<std::optional<Repository>> Discover(const std::string& directory) {
  const std::vector<std::string> args = {"rev-parse",        "--path-format=absolute",
                                         "--show-toplevel",  "--git-dir",
                                         "--git-common-dir", "--is-shallow-repository"};
  auto found = Run(directory, args);
  if (!found.ok() && found.error().reason == "git_missing") return std::nullopt;
  if (!found.ok()) return found.error();
  if (found->exit_code != 0) {
    Error error = GitFailure(args, *found);
    if (error.reason == "git_ownership") return error;
    return std::nullopt;
  }
  const std::vector<std::string> lines = Lines(found->out);
  if (lines.size() != 4) return std::nullopt;
  Repository repository;
  repository.top = lines[0];
  repository.git_dir = lines[1];
  repository.common_dir = lines[2];
  repository.shallow = lines[3] == "true";
  repository.head = TRY(Optional(directory, {"rev-parse", "--verify", "-q", "HEAD^{commit}"}));
  repository.branch = TRY(Optional(directory, {"symbolic-ref", "-q", "--short", "HEAD"}));
  const std::string url = TRY(Optional(directory, {"config", "--get", "remote.origin.url"}));
  repository.origin = NormalizeUrl(url);
  return std::optional<Repository>(std::move(repository));
}

Result<bool> IsDirty(const Repository& repository) {
  Options options;
  options.without_filters = true;
  const std::string changed = TRY(Git(
      repository.top, {"status", "--porcelain=v2", "-z", "--ignore-submodules=dirty"}, options));
  return !changed.empty();
}

std::string NormalizeUrl(std::string_view url) {
  while (!url.empty() && (url.front() == ' ' || url.front() == '\t')) url.remove_prefix(1);
  while (!url.empty() && (url.back() == ' ' || url.back() == '\n' || url.back() == '\t')) {
    url.remove_suffix(1);
  }
  for (const std::string_view scheme : {"https://", "http://", "ssh://", "git://"}) {
    if (!Lower(std::string(url.substr(0, scheme.size()))).starts_with(scheme)) continue;
    std::string_view rest = url.substr(scheme.size());
    const std::size_t at = rest.substr(0, rest.find('/')).rfind('@');
    if (at != std::string_view::npos) rest.remove_prefix(at + 1);
    return Https(rest, scheme == "ssh://");
  }
  // scp form: user@host:path.
  const std::size_t colon = url.find(':');
  const std::size_t at = url.substr(0, colon).find('@');
  const bool scp = colon != std::string_view::npos && at != std::string_view::npos &&
                   url.substr(0, colon).find('/') == std::string_view::npos;
  if (scp) {
    std::string rest(url.substr(at + 1));
    rest[colon - at - 1] = '/';
    return Https(rest, true);
  }
  return WithoutTail(std::string(url));
}

}  // namespace fabro::git
