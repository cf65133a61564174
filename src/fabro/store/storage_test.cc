// The lock, the inbox, the blobs and the index.
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/testing/child.h"
#include "fabro/store/blob_store.h"
#include "fabro/store/inbox.h"
#include "fabro/store/index_db.h"
#include "fabro/store/run_lock.h"

namespace fabro::store {
namespace {

class StorageTest : public ::testing::Test {
 protected:
  TempDir dir_ = *TempDir::Make("fabro-storage-test");
};

TEST_F(StorageTest, OneHolderOfARunLockAtATime) {
  EXPECT_FALSE(*IsRunLocked(dir_.path()));
  {
    const auto lock = RunLock::Acquire(dir_.path());
    ASSERT_TRUE(lock.ok()) << lock.error().ToString();
    EXPECT_TRUE(*IsRunLocked(dir_.path()));
    EXPECT_EQ(RunLock::Acquire(dir_.path()).error().reason, "run_locked");
    Process other = testing::StartChild([&] { return RunLock::Acquire(dir_.path()).ok() ? 1 : 0; });
    EXPECT_EQ(*other.Wait(), (ExitStatus{ExitStatus::Kind::kExited, 0}));
    EXPECT_EQ(*RunLockHolder(dir_.path()), *IdentifySelf());
  }
  EXPECT_FALSE(*IsRunLocked(dir_.path()));
  EXPECT_TRUE(RunLock::Acquire(dir_.path()).ok());
}

TEST_F(StorageTest, ARunLockGoesWithItsKilledHolder) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  Process holder = testing::StartChild([&] {
    const auto lock = RunLock::Acquire(dir_.path());
    (void)!::write(ready[1], lock.ok() ? "y" : "n", 1);
    ::pause();
  });
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  EXPECT_EQ(RunLock::Acquire(dir_.path()).error().reason, "run_locked");
  ASSERT_TRUE(holder.Kill(SIGKILL).ok());
  ASSERT_TRUE(holder.Wait().ok());
  EXPECT_TRUE(RunLock::Acquire(dir_.path()).ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(StorageTest, InboxItemsWaitInOrderUntilTheyAreDone) {
  Inbox inbox(dir_.path());
  EXPECT_TRUE(inbox.Pending()->empty());
  model::Json body;
  body.Set("by", "someone");
  const auto id = inbox.Put("cancel", body);
  ASSERT_TRUE(id.ok()) << id.error().ToString();
  ASSERT_TRUE(WriteFile(dir_.path() + "/inbox/stray.json", "{").ok());
  const auto pending = inbox.Pending();
  ASSERT_EQ(pending->size(), 1U);
  EXPECT_EQ(pending->front().kind, "cancel");
  EXPECT_EQ(pending->front().body, body);
  EXPECT_TRUE(inbox.Done(*id).ok());
  EXPECT_TRUE(inbox.Done(*id).ok());
  EXPECT_TRUE(inbox.Pending()->empty());
}

TEST_F(StorageTest, BlobsComeBackByTheirDigest) {
  const BlobStore blobs(dir_.path());
  const std::string bytes("a\0b\xFF", 4);
  const auto reference = blobs.Put(bytes);
  ASSERT_TRUE(reference.ok()) << reference.error().ToString();
  EXPECT_EQ(*blobs.Put(bytes), *reference);
  EXPECT_EQ(*blobs.Get(*reference), bytes);
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(blobs.Get("blob://sha256/../../etc/passwd").error().reason, "blob_reference_invalid");
  EXPECT_EQ(blobs.Get(std::string(kBlobScheme) + std::string(64, '0')).error().reason,
            "blob_missing");
}

TEST_F(StorageTest, ADamagedBlobIsNotHandedOut) {
  const BlobStore blobs(dir_.path());
  const std::string reference = *blobs.Put("abc");
  const std::string hex = Sha256Hex("abc");
  ASSERT_TRUE(
      WriteFile(dir_.path() + "/blobs/sha256/" + hex.substr(0, 2) + "/" + hex.substr(2), "abd")
          .ok());
  EXPECT_EQ(blobs.Get(reference).error().reason, "blob_corrupt");
}

TEST_F(StorageTest, TheIndexListsNewestFirstAndIsMadeAnewWhenDamaged) {
  {
    auto index = *IndexDb::Open(dir_.path());
    ASSERT_TRUE(index->Put({.run = RunId("01A"), .dir = "a", .status = "running"}).ok());
    ASSERT_TRUE(index->Put({.run = RunId("01B"), .dir = "b"}).ok());
    ASSERT_TRUE(index->Put({.run = RunId("01A"), .dir = "a", .status = "failed"}).ok());
    const auto rows = *index->All();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].run.value(), "01B");
    EXPECT_EQ(rows[1].status, "failed");
    ASSERT_TRUE(index->Remove(RunId("01B")).ok());
    EXPECT_EQ(index->All()->size(), 1U);
  }
  ASSERT_TRUE(WriteFile(dir_.path() + "/index.db", std::string(4096, 'x')).ok());
  auto anew = IndexDb::Open(dir_.path());
  ASSERT_TRUE(anew.ok()) << anew.error().ToString();
  EXPECT_TRUE((*anew)->All()->empty());
}

TEST_F(StorageTest, ManyWritersShareTheIndex) {
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&, i] {
      auto index = IndexDb::Open(dir_.path());
      ASSERT_TRUE(index.ok()) << index.error().ToString();
      for (int k = 0; k < 10; ++k) {
        const RunId run("run" + std::to_string(i) + "-" + std::to_string(k));
        EXPECT_TRUE((*index)->Put({.run = run, .dir = "d"}).ok());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ((*IndexDb::Open(dir_.path()))->All()->size(), 40U);
}

}  // namespace
}  // namespace fabro::store
