// Sandboxes on a machine that lacks a layer: none is made, and the error names the step that
// failed, the errno of the kernel and one thing to do. Each machine is made poor inside namespaces
// of a child.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>

#include "fabro/jail/testing/in_jail.h"
#include "fabro/jail/testing/poor_host.h"
#include "fabro/linux/cgroup/hierarchy.h"

namespace fabro::jail::testing {
namespace {

// What MakeJail says where `prepare` was done first. Nothing if it made one.
Error ErrorAfter(const std::function<Status()>& prepare) {
  return testing::ErrorAfter(prepare, []() -> Status {
    const auto jail = MakeJail({});
    return jail ? Status() : jail.error();
  });
}

void ExpectNamed(const Error& error, const std::string& step, int sys_errno,
                 const std::string& fix) {
  EXPECT_NE(error.ToString().find(step), std::string::npos) << error.ToString();
  EXPECT_EQ(ErrnoName(error.sys_errno), ErrnoName(sys_errno)) << error.ToString();
  EXPECT_NE(error.fix.find(fix), std::string::npos) << error.ToString();
}

class PoorHostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};

TEST_F(PoorHostTest, WithoutUserNamespaces) {
  const Error error = ErrorAfter([] { return NamespaceWithout("max_user_namespaces"); });
  EXPECT_EQ(error.reason, "isolation_unavailable");
  ExpectNamed(error, "unshare the user namespace", ENOSPC, "user.max_user_namespaces");
}

TEST_F(PoorHostTest, WithoutANamespaceOfAnotherKind) {
  for (const char* kind : {"pid", "mnt", "net", "ipc", "uts"}) {
    const std::string limit = "max_" + std::string(kind) + "_namespaces";
    const Error error = ErrorAfter([&] { return NamespaceWithout(limit); });
    EXPECT_EQ(error.reason, "isolation_unavailable");
    ExpectNamed(error, "isolation", ENOSPC, limit);
  }
}

TEST_F(PoorHostTest, WithoutTimeNamespaces) {
  const Error error = ErrorAfter([] { return NamespaceWithout("max_time_namespaces"); });
  ExpectNamed(error, "make the time namespace", ENOSPC, "user.max_time_namespaces");
}

// The mounts belong to a user namespace above: so is root in a container without CAP_SYS_ADMIN.
TEST_F(PoorHostTest, AsRootWithoutPowerOverTheMounts) {
  const Error error = ErrorAfter(EnterUserNamespace);
  EXPECT_EQ(error.reason, "isolation_unavailable");
  ExpectNamed(error, "open_tree", EPERM, "CAP_SYS_ADMIN");
}

// Docker's way with /proc/sys, read-only or hidden.
TEST_F(PoorHostTest, WithAProcWhoseSettingsAreCovered) {
  const Error hidden = ErrorAfter([]() -> Status {
    TRY(OwnMounts());
    return Mount("tmpfs", "/proc/sys", "tmpfs", 0);
  });
  ExpectNamed(hidden, "/proc/sys/user", ENOENT, "container");
  const Error read_only = ErrorAfter([]() -> Status {
    TRY(OwnMounts());
    TRY(Mount("/proc/sys", "/proc/sys", nullptr, MS_BIND));
    return Mount("", "/proc/sys", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY);
  });
  ExpectNamed(read_only, "/proc/sys/user", EROFS, "container");
}

// As Docker covers /proc/kcore. The kernel gives no new procfs to who sees a covered one only.
TEST_F(PoorHostTest, WithAProcThatIsMasked) {
  const Error error = ErrorAfter([]() -> Status {
    TRY(OwnMounts());
    return Mount("/dev/null", "/proc/version", nullptr, MS_BIND);
  });
  EXPECT_EQ(error.reason, "isolation_unavailable");
  ExpectNamed(error, "mount /proc", EPERM, "unmasked /proc");
}

TEST_F(PoorHostTest, WithControlGroupsThatAreReadOnly) {
  const Error error = ErrorAfter(CgroupsReadOnly);
  EXPECT_EQ(error.reason, "cgroup_unavailable");
  ExpectNamed(error, "cgroup", EROFS, "writable");
}

TEST_F(PoorHostTest, WithoutControlGroups) {
  const Error error = ErrorAfter([]() -> Status {
    TRY(OwnMounts());
    if (::umount2("/sys/fs/cgroup", MNT_DETACH) != 0) return SysFailure("umount2");
    return {};
  });
  EXPECT_EQ(error.reason, "cgroup_unavailable");
  EXPECT_FALSE(error.fix.empty()) << error.ToString();
}

TEST_F(PoorHostTest, AsAUserWhoIsNotRoot) {
  const Error error = ErrorAfter([]() -> Status {
    constexpr uid_t kNobody = 65534;
    if (::setresgid(kNobody, kNobody, kNobody) != 0 ||
        ::setresuid(kNobody, kNobody, kNobody) != 0) {
      return SysFailure("setresuid");
    }
    return {};
  });
  // User namespaces are no obstacle; on v1 and hybrid nothing can be delegated, on v2 nothing is
  // here.
  EXPECT_EQ(error.reason, "cgroup_unavailable");
  const auto hierarchy = cgroup::Detect();
  ASSERT_TRUE(hierarchy.ok());
  const bool v2 = hierarchy->mode == cgroup::Mode::kV2;
  ExpectNamed(error, "layer cgroup", EACCES, v2 ? "systemd-run --user --scope" : "run as root");
}

}  // namespace
}  // namespace fabro::jail::testing
