#include "fabro/jail/supervise/places.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "fabro/jail/plan/check.h"

namespace fabro::jail::supervise {
namespace {

using plan::PlaceFacts;

// `below` of the directory `top`, whose place inside is `inside` ("" for the root).
Result<PlaceFacts> LookAt(int top, const std::string& below, const std::string& inside) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd place(
      static_cast<int>(::syscall(SYS_openat2, top, below.c_str(), &how, sizeof how)));
  if (!place) {
    // No guest could open it either; what cannot be looked up for another reason is not guessed.
    const bool nothing = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    return nothing ? Result<PlaceFacts>(PlaceFacts()) : SysFailure("openat2", below);
  }
  struct stat status{};
  if (::fstat(place.get(), &status) != 0) return SysFailure("fstat", below);
  std::string base = TRY(KernelName(top));
  const std::string name = TRY(KernelName(place.get()));
  if (base == "/") base.clear();
  if (!name.starts_with(base + "/") && name != base) {
    return Failure(Code::kFailedPrecondition, below + " was moved while it was looked at",
                   "rootfs_refused", "leave the root alone while a sandbox starts");
  }
  PlaceFacts facts;
  facts.kind = S_ISDIR(status.st_mode) ? PlaceFacts::Kind::kDirectory : PlaceFacts::Kind::kFile;
  facts.resolved = inside + name.substr(base.size());
  if (facts.resolved.empty()) facts.resolved = "/";
  if (facts.resolved.size() >= wire::kPathMax) {
    return Failure(Code::kInvalidArgument,
                   "blocked_paths (--block-path) " + inside + "/" + below.substr(0, 200) +
                       " leads to a path of more than " + std::to_string(wire::kPathMax - 1) +
                       " bytes",
                   "spec_invalid", "block a directory above it");
  }
  return facts;
}

Result<PlaceFacts> LookInBind(const model::SandboxSpec& spec, const Sources& sources,
                              const std::string& path, bool& in_bind) {
  for (std::size_t i = 0; i < spec.binds.size(); ++i) {
    const std::string& target = spec.binds[i].target.value();
    if (path == target || !plan::IsWithin(path, target)) continue;
    in_bind = true;
    return LookAt(sources.binds[i].get(), path.substr(target.size() + 1), target);
  }
  return PlaceFacts();
}

}  // namespace

Status LookUpPlaces(const model::SandboxSpec& spec, int top, const Sources& sources,
                    plan::HostFacts& facts) {
  if (spec.allowed_paths) {
    for (const GuestPath& path : *spec.allowed_paths) {
      if (path.value().empty()) continue;  // The plan refuses it.
      PlaceFacts place = TRY(LookAt(top, path.value().substr(1), ""));
      facts.allowed.push_back(std::move(place));
    }
  }
  for (const GuestPath& path : spec.blocked_paths) {
    if (path.value().empty()) continue;
    bool in_bind = false;
    PlaceFacts place = TRY(LookInBind(spec, sources, path.value(), in_bind));
    if (!in_bind) place = TRY(LookAt(top, path.value().substr(1), ""));
    facts.blocked.push_back(std::move(place));
  }
  return {};
}

}  // namespace fabro::jail::supervise
