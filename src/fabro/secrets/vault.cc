#include "fabro/secrets/vault.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "fabro/base/clock.h"
#include "fabro/codec/json/json.h"
#include "fabro/codec/text.h"
#include "fabro/linux/file.h"
#include "fabro/model/json.h"

namespace fabro::secrets {
namespace {

using model::Json;

constexpr std::size_t kMaxValue = 64 * 1024;

bool IsName(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  };
  return !name.empty() && name.size() <= 128 && letter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

Status CheckOwner(int fd, const std::string& path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return SysFailure("fstat", path);
  if (!S_ISREG(info.st_mode)) {
    return Failure(Code::kFailedPrecondition, path + " is no file", "vault_invalid");
  }
  if (info.st_uid != ::geteuid() || (info.st_mode & 077) != 0) {
    return Failure(Code::kPermissionDenied, path + " can be read by others than you",
                   "vault_permissions", "chmod 600 " + path + ", and change what was in it");
  }
  return {};
}

// The names and their entries; an absent file is an empty vault.
Result<Json> Load(const std::string& path) {
  Result<UniqueFd> file = Open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file.ok()) {
    if (file.error().sys_errno == ENOENT) return Json::MakeObject();
    return std::move(file).error();
  }
  TRY(CheckOwner(file->get(), path));
  const std::string text = TRY(ReadFd(file->get()));
  const Result<Json> document = codec::ParseJson(text);
  const Json* secrets = document.ok() ? document->Find("secrets") : nullptr;
  // The parser's own message could show what is in the file.
  if (secrets == nullptr || secrets->Members() == nullptr || document->IntAt("_version") != 1) {
    return Failure(Code::kFailedPrecondition, path + " is no vault of this version",
                   "vault_invalid", "move it away and set the secrets again");
  }
  return *secrets;
}

Status Save(const std::string& path, Json secrets) {
  const Json document = Json::MakeObject().Set("_version", 1).Set("secrets", std::move(secrets));
  return ReplaceFile(path, document.Dump() + "\n", 0600);
}

// Held while the file is read, changed and replaced.
Result<UniqueFd> Lock(const std::string& directory) {
  TRY(MakeDirs(directory, 0700));
  UniqueFd lock = TRY(Open(directory + "/lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return SysFailure("flock", directory + "/lock");
  }
  return lock;
}

Status CheckValue(const std::string& value) {
  if (!value.empty() && value.size() <= kMaxValue && codec::IsUtf8(value) &&
      value.find('\0') == std::string::npos) {
    return {};
  }
  return Failure(Code::kInvalidArgument, "a secret is text of 1 to 65536 bytes, UTF-8",
                 "secret_value_invalid");
}

}  // namespace

Result<std::optional<Secret>> Vault::Get(std::string_view name) const {
  const Json secrets = TRY(Load(path()));
  const Json* entry = secrets.Find(name);
  if (entry == nullptr) return std::optional<Secret>();
  return std::optional<Secret>(Secret(entry->StringAt("value")));
}

Result<std::vector<SecretInfo>> Vault::List() const {
  const Json secrets = TRY(Load(path()));
  std::vector<SecretInfo> list;
  for (const auto& [name, entry] : *secrets.Members()) {
    list.push_back({.name = name,
                    .type = entry.StringAt("type"),
                    .description = entry.StringAt("description"),
                    .updated_at = entry.StringAt("updated_at")});
  }
  std::sort(list.begin(), list.end(),
            [](const SecretInfo& a, const SecretInfo& b) { return a.name < b.name; });
  return list;
}

Status Vault::Set(const SecretInfo& info, const Secret& value) {
  if (!IsName(info.name)) {
    return Failure(Code::kInvalidArgument,
                   "a secret's name is letters, digits and _, at most 128, and no digit first",
                   "secret_name_invalid");
  }
  TRY(CheckValue(value.Reveal()));
  const UniqueFd lock = TRY(Lock(directory_));
  Json secrets = TRY(Load(path()));
  const Json* old = secrets.Find(info.name);
  Json entry = old != nullptr ? *old : Json::MakeObject();
  entry.Set("value", value.Reveal());
  entry.SetIfAny("type", info.type).SetIfAny("description", info.description);
  entry.Set("updated_at", Rfc3339(RealClock().WallNow()));
  secrets.Set(info.name, std::move(entry));
  return Save(path(), std::move(secrets));
}

Result<bool> Vault::Remove(std::string_view name) {
  const UniqueFd lock = TRY(Lock(directory_));
  Json secrets = TRY(Load(path()));
  Json::Object& members = *secrets.Members();
  const auto erased =
      std::erase_if(members, [&](const Json::Member& member) { return member.first == name; });
  if (erased == 0) return false;
  TRY(Save(path(), std::move(secrets)));
  return true;
}

}  // namespace fabro::secrets
