#include "fabro/jail/slots/leases.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "fabro/jail/slots/ids_in_use.h"
#include "fabro/linux/file.h"
#include "fabro/linux/lifeline.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/testing/child.h"

namespace fabro::jail {
namespace {

using fabro::testing::StartChild;

// Far from ids that this host may use.
constexpr IdRange kBlock{1900000000, 2000};

class LeasesTest : public ::testing::Test {
 protected:
  TempDir temp_ = TempDir::Make("fabro-leases-test").value();
  std::string path_ = temp_.path() + "/faber/ids";
  std::string Text() const { return ReadFile(path_).value(); }
};

TEST_F(LeasesTest, LeasesAreApartAndTheFileSaysWho) {
  IdPool pool = IdPool::Open(path_, kBlock).value();
  const IdLease first = pool.Acquire().value();
  const IdLease second = pool.Acquire().value();

  EXPECT_EQ(first.setup_id(), 1900000000U);
  EXPECT_EQ(first.task_id(), 1900000001U);
  EXPECT_EQ(second.setup_id(), 1900000002U);
  EXPECT_TRUE(Text().starts_with("1900000000 " + std::to_string(::getpid()) + ":"));
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
}

TEST_F(LeasesTest, AReleasedLeaseIsGivenOutAgainOnlyOnceSeenUnused) {
  IdPool pool = IdPool::Open(path_, kBlock).value();
  {
    const IdLease lease = pool.Acquire().value();
  }
  EXPECT_TRUE(Text().starts_with("# released 1900000000 "));
  EXPECT_EQ(pool.Acquire().value().setup_id(), 1900000002U);

  EXPECT_EQ(pool.Reclaim().value(), 2U);
  EXPECT_EQ(pool.Acquire().value().setup_id(), 1900000000U);
}

TEST_F(LeasesTest, AFullBlockReclaimsByItselfAndThenSaysSo) {
  IdPool pool = IdPool::Open(path_, {1900000000, 4}).value();
  {
    const IdLease lease = pool.Acquire().value();
  }
  const IdLease one = pool.Acquire().value();
  const IdLease two = pool.Acquire().value();
  EXPECT_EQ(two.setup_id(), 1900000000U);
  EXPECT_EQ(pool.Acquire().error().reason, "no_free_ids");
}

TEST_F(LeasesTest, TwoProcessesNeverHoldTheSameIds) {
  constexpr int kEach = 60;
  Lifeline out = MakeLifeline().value();
  Lifeline hold = MakeLifeline().value();
  const auto body = [&] {
    hold.owner.reset();
    IdPool pool = IdPool::Open(path_, kBlock).value();
    std::vector<IdLease> leases;
    for (int i = 0; i < kEach; ++i) {
      // Some go back at once, so that both sides release and claim at the same time.
      {
        const IdLease passing = pool.Acquire().value();
      }
      leases.push_back(pool.Acquire().value());
      const std::uint32_t id = leases.back().setup_id();
      if (::write(out.owner.get(), &id, sizeof id) != sizeof id) return 1;
    }
    // Both keep theirs until the test has seen all.
    return PollOne(hold.watcher.get(), POLLIN) ? 0 : 2;
  };
  Process one = StartChild(body);
  Process two = StartChild(body);
  out.owner.reset();

  std::set<std::uint32_t> seen;
  for (int i = 0; i < 2 * kEach; ++i) {
    std::uint32_t id = 0;
    ASSERT_EQ(::read(out.watcher.get(), &id, sizeof id), static_cast<ssize_t>(sizeof id));
    EXPECT_TRUE(seen.insert(id).second) << id << " was given out twice";
  }
  hold.owner.reset();
  EXPECT_EQ(one.Wait().value().value, 0);
  EXPECT_EQ(two.Wait().value().value, 0);
}

TEST_F(LeasesTest, AKilledHoldersLeasesAreReclaimed) {
  Lifeline ready = MakeLifeline().value();
  Process holder = StartChild([&] {
    IdPool pool = IdPool::Open(path_, kBlock).value();
    const IdLease lease = pool.Acquire().value();
    if (::write(ready.owner.get(), "x", 1) != 1) ::_exit(1);
    ::pause();
  });
  ASSERT_EQ(PollOne(ready.watcher.get(), POLLIN).value(), POLLIN);
  IdPool pool = IdPool::Open(path_, kBlock).value();
  EXPECT_EQ(pool.Reclaim().value(), 0U) << "its holder lives";

  ASSERT_TRUE(holder.Kill(SIGKILL));
  ASSERT_TRUE(holder.Wait());

  EXPECT_EQ(pool.Reclaim().value(), 1U);
  EXPECT_TRUE(Text().starts_with("# free "));
}

TEST_F(LeasesTest, HoldersOfAnotherPidNamespaceAreLeftAlone) {
  ASSERT_TRUE(MakeDirs(temp_.path() + "/faber", 0700));
  std::string line = "1900000000 999999:1 1";
  line.resize(63, ' ');
  ASSERT_TRUE(WriteFile(path_, line + "\n", 0600));
  EXPECT_EQ(IdPool::Open(path_, kBlock).value().Reclaim().value(), 0U);
}

TEST_F(LeasesTest, AClearedRunFolderIsMadeAnew) {
  IdPool pool = IdPool::Open(path_, kBlock).value();
  const IdLease lease = pool.Acquire().value();
  ASSERT_TRUE(RemoveTree(temp_.path() + "/faber"));
  EXPECT_TRUE(pool.Acquire());
}

TEST_F(LeasesTest, AFileThatIsNotOursIsRefused) {
  ASSERT_TRUE(MakeDirs(temp_.path() + "/faber", 0700));
  for (const std::string& text : {std::string("hello\n"), std::string(64, 'x'),
                                  "# released x" + std::string(51, ' ') + "\n"}) {
    ASSERT_TRUE(WriteFile(path_, text, 0600));
    EXPECT_EQ(IdPool::Open(path_, kBlock).error().reason, "id_leases_corrupt") << text;
  }
  ASSERT_TRUE(WriteFile(path_, "", 0600));
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  EXPECT_EQ(IdPool::Open(path_, kBlock).error().reason, "id_leases_corrupt");
}

TEST_F(LeasesTest, IdsInUseSeesThreadsGroupsAndMaps) {
  const std::string proc = temp_.path() + "/proc";
  ASSERT_TRUE(MakeDirs(proc + "/10/task/10"));
  ASSERT_TRUE(MakeDirs(proc + "/10/task/11"));
  ASSERT_TRUE(MakeDirs(proc + "/sys"));
  ASSERT_TRUE(WriteFile(proc + "/10/task/10/status", "Name:\tUid: 5\nUid:\t0\t0\t0\t0\n"));
  ASSERT_TRUE(WriteFile(proc + "/10/task/11/status", "Uid:\t0\t0\t7\t0\nGroups:\t1 8 \n"));
  ASSERT_TRUE(WriteFile(proc + "/10/uid_map", "  0  100 10\n 20 200 2\n"));
  ASSERT_TRUE(WriteFile(proc + "/10/gid_map", ""));
  EXPECT_EQ(IdsInUse({5, 7, 8, 9, 109, 201, 202}, proc).value(),
            (std::set<std::uint32_t>{7, 8, 201}));
}

}  // namespace
}  // namespace fabro::jail
