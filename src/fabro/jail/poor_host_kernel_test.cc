// Sandboxes on a machine that lacks a layer: none is made, and the error names the step that
// failed, the errno of the kernel and one thing to do. Each machine is made poor inside namespaces
// of a child.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string>

#include "fabro/jail/protocol/messages.h"
#include "fabro/jail/testing/in_jail.h"
#include "fabro/linux/file.h"
#include "fabro/linux/testing/child.h"

namespace fabro::jail::testing {
namespace {

struct Ends {
  UniqueFd read;
  UniqueFd write;
};

Ends Pipe() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// What MakeJail says where `prepare` was done first. Nothing if it made one.
Error ErrorAfter(const std::function<Status()>& prepare) {
  Ends result = Pipe();
  Process child = fabro::testing::StartChild([&] {
    const Status prepared = prepare();
    if (!prepared) {
      const Error error = prepared.error();
      (void)WriteFd(result.write.get(), protocol::Encode(Error(error).In("preparing")));
      return;
    }
    const auto jail = MakeJail({});
    if (!jail) (void)WriteFd(result.write.get(), protocol::Encode(jail.error()));
  });
  result.write.reset();
  const auto bytes = ReadFd(result.read.get());
  EXPECT_TRUE(child.Wait().ok());
  if (!bytes || bytes->empty()) return Failure(Code::kInternal, "a sandbox was made all the same");
  return protocol::DecodeError(*bytes);
}

void ExpectNamed(const Error& error, const std::string& step, int sys_errno,
                 const std::string& fix) {
  EXPECT_NE(error.ToString().find(step), std::string::npos) << error.ToString();
  EXPECT_EQ(ErrnoName(error.sys_errno), ErrnoName(sys_errno)) << error.ToString();
  EXPECT_NE(error.fix.find(fix), std::string::npos) << error.ToString();
}

Status Mount(const char* source, const char* target, const char* type, unsigned long flags) {
  if (::mount(source, target, type, flags, nullptr) != 0) return SysFailure("mount", target);
  return {};
}

Status OwnMounts() {
  if (::unshare(CLONE_NEWNS) != 0) return SysFailure("unshare");
  return Mount("", "/", nullptr, MS_REC | MS_PRIVATE);
}

// A user namespace with every id in it; its parent writes the maps.
Status EnterUserNamespace() {
  Ends ready = Pipe();
  Ends mapped = Pipe();
  const pid_t self = ::getpid();
  Process mapper = fabro::testing::StartChild([&] {
    char byte = 0;
    if (::read(ready.read.get(), &byte, 1) != 1) return 1;
    const std::string proc = "/proc/" + std::to_string(self);
    if (!WriteControl(proc + "/uid_map", "0 0 4294967295")) return 1;
    if (!WriteControl(proc + "/gid_map", "0 0 4294967295")) return 1;
    return ::write(mapped.write.get(), "x", 1) == 1 ? 0 : 1;
  });
  if (::unshare(CLONE_NEWUSER) != 0) return SysFailure("unshare");
  mapped.write.reset();
  TRY(WriteFd(ready.write.get(), "x"));
  char byte = 0;
  if (::read(mapped.read.get(), &byte, 1) != 1) return Failure(Code::kInternal, "no maps");
  TRY(mapper.Wait());
  if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) return SysFailure("setresuid");
  return {};
}

Status NamespaceWithout(const std::string& limit) {
  TRY(EnterUserNamespace());
  TRY(OwnMounts());
  return WriteControl("/proc/sys/user/" + limit, "0");
}

// Every mount of control groups, by `change`.
Status ChangeCgroupMounts(const std::function<Status(const std::string& path)>& change) {
  TRY(OwnMounts());
  const std::string mounts = TRY(ReadFile("/proc/self/mounts"));
  std::size_t at = 0;
  while (at < mounts.size()) {
    const std::size_t end = std::min(mounts.find('\n', at), mounts.size());
    const std::string line = mounts.substr(at, end - at);
    at = end + 1;
    const std::size_t from = line.find(' ') + 1;
    const std::string path = line.substr(from, line.find(' ', from) - from);
    if (path.starts_with("/sys/fs/cgroup")) TRY(change(path));
  }
  return {};
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
  const Error error = ErrorAfter([] {
    return ChangeCgroupMounts([](const std::string& path) {
      return Mount("", path.c_str(), nullptr,
                   MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
    });
  });
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
  EXPECT_EQ(error.reason, "isolation_unavailable");
  EXPECT_FALSE(error.fix.empty()) << error.ToString();
}

}  // namespace
}  // namespace fabro::jail::testing
