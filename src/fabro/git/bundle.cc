#include "fabro/git/bundle.h"

#include "fabro/git/git.h"
#include "fabro/linux/file.h"

namespace fabro::git {
namespace {

Error Refused(Error error) {
  error.code = Code::kFailedPrecondition;
  error.reason = "bundle_refused";
  return error;
}

// A bare repository of ours that sees the other's objects, so that what the guest did not send is
// found there and what it sent is checked here.
Status MakeQuarantine(const Repository& repository, const std::string& quarantine) {
  TRY(MakeDirs(quarantine, 0700));
  TRY(Git(quarantine, {"init", "-q", "--bare", "--template=", "."}));
  TRY(WriteFile(quarantine + "/objects/info/alternates", repository.common_dir + "/objects\n"));
  if (!repository.shallow) return {};
  const std::string boundary = TRY(ReadFile(repository.common_dir + "/shallow"));
  return WriteFile(quarantine + "/shallow", boundary);
}

// git 2.39 does not check the objects of a bundle, whatever fetch.fsckObjects says; index-pack over
// the pack that it made does, and takes each warning for an error.
Status CheckPacks(const std::string& quarantine) {
  const std::string packs = quarantine + "/objects/pack";
  const DirFd dir = TRY(OpenDir(packs));
  const std::vector<std::string> names = TRY(ListDir(dir.get()));
  for (const std::string& name : names) {
    if (!name.ends_with(".pack")) continue;
    const std::string index = quarantine + "/" + name + ".checked.idx";
    auto checked = Git(quarantine, {"index-pack", "--strict", "-o", index, packs + "/" + name});
    if (!checked.ok()) return Refused(checked.error());
  }
  return {};
}

Status CheckInQuarantine(const Import& import) {
  const std::string refspec = import.ref + ":" + import.ref;
  auto fetched = Git(import.quarantine,
                     {"fetch", "-q", "--no-tags", "--no-write-fetch-head", import.bundle, refspec});
  if (!fetched.ok()) return Refused(fetched.error());
  TRY(CheckPacks(import.quarantine));
  const std::string got = TRY(ReadRef(import.quarantine, import.ref));
  if (got != import.expected) {
    return Refused(
        Failure(Code::kInternal, import.ref + " in the bundle is not " + import.expected));
  }
  return {};
}

}  // namespace

Status BundleCommit(const Repository& repository, const std::string& commit,
                    const std::string& file) {
  if (commit == repository.head) {
    TRY(Git(repository.top, {"bundle", "create", "-q", file, "HEAD"}));
    return {};
  }
  const std::string ref = "refs/fabro/bundle/" + commit;
  TRY(Git(repository.top, {"update-ref", ref, commit}));
  const auto made = Git(repository.top, {"bundle", "create", "-q", file, ref});
  TRY(Git(repository.top, {"update-ref", "-d", ref}));
  if (!made.ok()) return made.error();
  return {};
}

Result<std::string> ReadRef(const std::string& directory, const std::string& ref) {
  const Output output = TRY(Run(directory, {"rev-parse", "--verify", "-q", ref}));
  if (output.exit_code != 0) return std::string();
  std::string id = output.out.substr(0, output.out.find('\n'));
  if (!IsObjectId(id)) return Failure(Code::kInternal, ref + " is no object", "git_failed");
  return id;
}

Status ImportBundle(const Repository& repository, const Import& import) {
  TRY_IN("quarantine", MakeQuarantine(repository, import.quarantine));
  TRY(CheckInQuarantine(import));
  // A bundle of our own, of nothing but the checked branch.
  const std::string clean = import.quarantine + "/clean.bundle";
  const bool has_base = !repository.head.empty();
  std::vector<std::string> create = {"bundle", "create", "-q", clean, import.ref};
  if (has_base) create.push_back("^" + repository.head);
  TRY(Git(import.quarantine, create));
  TRY(Git(repository.top, {"bundle", "unbundle", clean}));
  const std::string none(import.expected.size(), '0');
  const std::string old_value = import.old_value.empty() ? none : import.old_value;
  auto moved = Git(repository.top, {"update-ref", "--no-deref", "-m", "fabro: checkpoint",
                                    import.ref, import.expected, old_value});
  if (moved.ok()) return {};
  return Failure(Code::kFailedPrecondition, import.ref + " was changed by somebody else",
                 "ref_moved")
      .In(moved.error().message);
}

}  // namespace fabro::git
