// A file system that is really full: a small tmpfs in a mount namespace of the test's own.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <string>
#include <vector>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/testing/child.h"
#include "fabro/store/event_store.h"

namespace fabro::store {
namespace {

model::Event MakeEvent(const std::string& id, std::size_t size) {
  model::Event event{.id = id, .ts = "t", .run_id = RunId("R"), .name = "x"};
  event.properties.Set("text", std::string(size, 'x'));
  return event;
}

int FillAndFree(const std::string& dir) {
  if (::unshare(CLONE_NEWNS) != 0) return 10;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 11;
  if (::mount("tmpfs", dir.c_str(), "tmpfs", 0, "size=512k") != 0) return 12;
  auto store = CreateRunDb(dir, RunId("R"));
  if (!store.ok()) return 13;
  std::vector<model::Event> accepted{MakeEvent("a", 10)};
  if (!(*store)->Append(accepted).ok()) return 14;
  if (!WriteFile(dir + "/ballast", std::string(64 << 10, 'b')).ok()) return 15;
  std::vector<model::Event> large{MakeEvent("b", 600 << 10)};
  const Status refused = (*store)->Append(large);
  if (refused.ok() || refused.error().reason != "disk_full") return 16;
  if (refused.error().code != Code::kResourceExhausted || refused.error().fix.empty()) return 17;
  if ((*store)->Read(0, 10)->size() != 1) return 18;
  if (!RemoveTree(dir + "/ballast").ok()) return 19;
  std::vector<model::Event> later{MakeEvent("c", 10)};
  if (!(*store)->Append(later).ok()) return 20;
  return (*OpenRunDb(dir, true))->Read(0, 10)->size() == 2 ? 0 : 21;
}

TEST(FullDiskTest, IsSaidLosesNothingAcceptedAndEndsWhenThereIsSpaceAgain) {
  const TempDir dir = *TempDir::Make("fabro-full-disk");
  Process child = testing::StartChild([&] { return FillAndFree(dir.path()); });
  EXPECT_EQ(*child.Wait(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
}

}  // namespace
}  // namespace fabro::store
