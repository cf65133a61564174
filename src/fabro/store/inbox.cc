#include "fabro/store/inbox.h"

#include <chrono>

#include "fabro/base/clock.h"
#include "fabro/base/id.h"
#include "fabro/codec/json/json.h"
#include "fabro/linux/file.h"

namespace fabro::store {

Result<std::string> Inbox::Put(const std::string& kind, const model::Json& body) {
  TRY(MakeDirs(dir_, 0700));
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      RealClock().WallNow().time_since_epoch());
  const std::string id = MakeUlid(now, RandomBytes(10));
  model::Json message;
  message.Set("kind", kind).Set("body", body);
  TRY(ReplaceFile(dir_ + "/" + id + ".json", message.Dump(), 0600));
  return id;
}

Result<std::vector<InboxItem>> Inbox::Pending() const {
  auto dir = OpenDir(dir_);
  if (!dir.ok()) {
    if (dir.error().sys_errno == ENOENT) return std::vector<InboxItem>();
    return std::move(dir).error();
  }
  const std::vector<std::string> names = TRY(ListDir(dir->get()));
  std::vector<InboxItem> items;
  for (const std::string& name : names) {
    if (name.size() != 31 || !name.ends_with(".json") || !IsUlid(name.substr(0, 26))) continue;
    auto text = ReadFileAt(dir->get(), name);
    if (!text.ok()) continue;  // Taken out by the worker meanwhile.
    auto message = codec::ParseJson(*text);
    if (!message.ok()) continue;
    const model::Json* body = message->Find("body");
    items.push_back({.id = name.substr(0, 26),
                     .kind = message->StringAt("kind"),
                     .body = body != nullptr ? *body : model::Json()});
  }
  return items;
}

Status Inbox::Done(const std::string& id) { return RemoveTree(dir_ + "/" + id + ".json"); }

}  // namespace fabro::store
