#include "fabro/store/event_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "fabro/linux/file.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/testing/child.h"

namespace fabro::store {
namespace {

using model::Event;

Event MakeEvent(const std::string& id, const std::string& name = "stage.started") {
  return Event{.id = id, .ts = "2026-03-07T00:00:00.000Z", .run_id = RunId("R"), .name = name};
}

// Every implementation keeps the same promises.
struct Kind {
  const char* name;
  bool on_disk;
};

class EventStoreTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam().on_disk) {
      auto made = CreateRunDb(dir_.path(), RunId("R"));
      ASSERT_TRUE(made.ok()) << made.error().ToString();
      store_ = *std::move(made);
    } else {
      store_ = std::make_unique<MemoryStore>();
    }
  }
  TempDir dir_ = *TempDir::Make("fabro-store-test");
  std::unique_ptr<EventStore> store_;
};

TEST_P(EventStoreTest, GivesSequenceNumbersWithoutGaps) {
  std::vector<Event> first{MakeEvent("a"), MakeEvent("b")};
  std::vector<Event> second{MakeEvent("c")};
  ASSERT_TRUE(store_->Append(first).ok());
  ASSERT_TRUE(store_->Append(second).ok());
  EXPECT_EQ(first[1].seq, 2U);
  EXPECT_EQ(second[0].seq, 3U);
  EXPECT_EQ(*store_->LastSeq(), 3U);
}

TEST_P(EventStoreTest, ReadGivesWhatCameAfterTheCursor) {
  std::vector<Event> events{MakeEvent("a"), MakeEvent("b"), MakeEvent("c")};
  events[1].properties.Set("index", 1);
  ASSERT_TRUE(store_->Append(events).ok());
  const auto read = store_->Read(1, 100);
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0], events[1]);
  EXPECT_EQ(store_->Read(0, 2)->size(), 2U);
  EXPECT_TRUE(store_->Read(3, 100)->empty());
  EXPECT_TRUE(store_->Read(99, 100)->empty());
}

TEST_P(EventStoreTest, AnAppendIsWholeOrNothing) {
  std::vector<Event> first{MakeEvent("a")};
  ASSERT_TRUE(store_->Append(first).ok());
  std::vector<Event> clash{MakeEvent("b"), MakeEvent("a")};
  EXPECT_EQ(store_->Append(clash).error().code, Code::kAlreadyExists);
  EXPECT_EQ(*store_->LastSeq(), 1U);
}

TEST_P(EventStoreTest, LastFindsTheNewestOfAName) {
  std::vector<Event> events{MakeEvent("a", "x"), MakeEvent("b", "y"), MakeEvent("c", "x"),
                            MakeEvent("d", "y")};
  ASSERT_TRUE(store_->Append(events).ok());
  EXPECT_EQ((*store_->Last("x"))->id, "c");
  EXPECT_FALSE((*store_->Last("z")).has_value());
}

TEST_P(EventStoreTest, AWatchWakesItsReaderForAnAppendOfAnotherThread) {
  const UniqueFd watch = *store_->Watch();
  std::thread writer([&] {
    std::vector<Event> events{MakeEvent("a")};
    EXPECT_TRUE(store_->Append(events).ok());
  });
  while (*store_->LastSeq() == 0) {
    EXPECT_NE(*PollOne(watch.get(), POLLIN), 0);
    DrainWatch(watch.get());
  }
  writer.join();
  EXPECT_EQ(store_->Read(0, 10)->size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Stores, EventStoreTest,
                         ::testing::Values(Kind{"Memory", false}, Kind{"RunDb", true}),
                         [](const auto& instance) { return instance.param.name; });

class RunDbTest : public ::testing::Test {
 protected:
  TempDir dir_ = *TempDir::Make("fabro-store-test");
};

TEST_F(RunDbTest, IsReadableByItsOwnerAlone) {
  ASSERT_TRUE(CreateRunDb(dir_.path(), RunId("R")).ok());
  struct stat info{};
  ASSERT_EQ(::stat((dir_.path() + "/run.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(RunDbTest, EventsOutliveTheKillOfTheirWriter) {
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  Process writer = testing::StartChild([&] {
    auto store = CreateRunDb(dir_.path(), RunId("R"));
    std::vector<Event> events{MakeEvent("a"), MakeEvent("b")};
    if (!store.ok() || !(*store)->Append(events).ok()) return 1;
    (void)!::write(ready[1], "x", 1);
    ::pause();
    return 0;
  });
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  // Read beside the living writer, and again when it was killed without a chance to tidy up.
  EXPECT_EQ((*OpenRunDb(dir_.path(), true))->Read(0, 10)->size(), 2U);
  ASSERT_TRUE(writer.Kill(SIGKILL).ok());
  ASSERT_TRUE(writer.Wait().ok());
  ::close(ready[0]);
  ::close(ready[1]);
  EXPECT_EQ((*OpenRunDb(dir_.path(), true))->Read(0, 10)->size(), 2U);
}

TEST_F(RunDbTest, AFollowerInAnotherProcessSeesEachCommit) {
  // Closed before the fork: SQLite's connections must not cross one.
  ASSERT_TRUE(CreateRunDb(dir_.path(), RunId("R")).ok());
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  Process follower = testing::StartChild([&] {
    auto reader = OpenRunDb(dir_.path(), true);
    if (!reader.ok()) return 1;
    auto watch = (*reader)->Watch();
    if (!watch.ok()) return 2;
    (void)!::write(ready[1], "x", 1);
    while (*(*reader)->LastSeq() < 3) {
      if (!PollOne(watch->get(), POLLIN).ok()) return 3;
      DrainWatch(watch->get());
    }
    return 0;
  });
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  auto store = *OpenRunDb(dir_.path(), false);
  for (const char* id : {"a", "b", "c"}) {
    std::vector<Event> events{MakeEvent(id)};
    ASSERT_TRUE(store->Append(events).ok());
  }
  EXPECT_EQ(*follower.Wait(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(RunDbTest, AReaderCannotAppend) {
  ASSERT_TRUE(CreateRunDb(dir_.path(), RunId("R")).ok());
  std::vector<Event> events{MakeEvent("a")};
  EXPECT_EQ((*OpenRunDb(dir_.path(), true))->Append(events).error().reason, "store_read_only");
}

TEST_F(RunDbTest, DamageIsNamedAndNotTakenForAnEmptyRun) {
  EXPECT_EQ(OpenRunDb(dir_.path(), true).error().reason, "run_store_missing");
  for (const std::string& content :
       {std::string("no database"), std::string(), std::string(8192, '\0')}) {
    ASSERT_TRUE(WriteFile(dir_.path() + "/run.db", content).ok());
    EXPECT_EQ(OpenRunDb(dir_.path(), true).error().reason, "run_store_corrupt") << content.size();
  }
}

}  // namespace
}  // namespace fabro::store
