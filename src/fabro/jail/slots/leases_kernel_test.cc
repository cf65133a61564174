// With real ids: needs root.
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>

#include "fabro/jail/slots/leases.h"
#include "fabro/linux/file.h"
#include "fabro/linux/lifeline.h"
#include "fabro/linux/scoped_dir.h"
#include "fabro/linux/testing/child.h"

namespace fabro::jail {
namespace {

using fabro::testing::StartChild;

class LeasesKernelTest : public ::testing::Test {
 protected:
  TempDir temp_ = TempDir::Make("fabro-leases-test").value();
  IdRange block_{2'000'000'000, 64};  // No running service leases from there.
  IdPool pool_ = IdPool::Open(temp_.path() + "/ids", block_).value();
  Lifeline ready_ = MakeLifeline().value();

  void SayReady() {
    if (::write(ready_.owner.get(), "x", 1) != 1) ::_exit(1);
  }
  void AwaitReady() {
    char byte = 0;
    ASSERT_EQ(::read(ready_.watcher.get(), &byte, 1), 1);
  }
};

TEST_F(LeasesKernelTest, IdsOfALivingProcessAreNotFreed) {
  std::uint32_t id = 0;
  {
    const IdLease lease = pool_.Acquire().value();
    id = lease.task_id();
  }
  Process straggler = StartChild([&] {
    if (::setresuid(id, id, id) != 0) ::_exit(1);
    SayReady();
    ::pause();
  });
  AwaitReady();

  EXPECT_EQ(pool_.Reclaim().value(), 0U);

  ASSERT_TRUE(straggler.Kill(SIGKILL));
  ASSERT_TRUE(straggler.Wait());
  EXPECT_EQ(pool_.Reclaim().value(), 1U);
}

TEST_F(LeasesKernelTest, IdsMappedIntoAUserNamespaceAreNotFreed) {
  std::uint32_t id = 0;
  {
    const IdLease lease = pool_.Acquire().value();
    id = lease.setup_id();
  }
  Process zygote = StartChild([&] {
    if (::unshare(CLONE_NEWUSER) != 0) ::_exit(1);
    SayReady();
    ::pause();
  });
  AwaitReady();
  const std::string proc = "/proc/" + std::to_string(zygote.pid());
  ASSERT_TRUE(WriteControl(proc + "/uid_map", "0 " + std::to_string(id) + " 2"));

  EXPECT_EQ(pool_.Reclaim().value(), 0U) << "it has no such id, but may take one at any time";

  ASSERT_TRUE(zygote.Kill(SIGKILL));
  ASSERT_TRUE(zygote.Wait());
  EXPECT_EQ(pool_.Reclaim().value(), 1U);
}

}  // namespace
}  // namespace fabro::jail
