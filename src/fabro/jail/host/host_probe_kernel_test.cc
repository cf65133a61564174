// The probes on this machine, and on a machine made poorer: inside namespaces where a layer is
// gone.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "fabro/jail/host/host_probe.h"
#include "fabro/jail/host/probe_child.h"
#include "fabro/linux/file.h"

namespace fabro::jail {
namespace {

const Finding* Find(const std::vector<Finding>& findings, std::string_view layer) {
  for (const Finding& finding : findings) {
    if (finding.layer == layer) return &finding;
  }
  return nullptr;
}

// What a probe says where `prepare` was done first, in a child of its own.
int StateAfter(const std::function<bool()>& prepare, std::vector<Finding> (*probe)(),
               std::string_view layer) {
  auto child = ProbeChild::Start([&](const ProbeReporter& reporter) {
    errno = 200;
    if (!prepare()) return reporter.Say(0, -1);
    const auto findings = probe();
    const Finding* finding = Find(findings, layer);
    errno = 201;
    if (finding == nullptr) return reporter.Say(0, -1);
    reporter.Say(finding->state == Availability::kMissing && !finding->fix.empty() ? 1 : 2, 0);
  });
  if (!child.ok()) return -1;
  const auto tried = child->Next();
  return tried.ok() ? tried->what : -1;
}

class HostProbe : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};

TEST_F(HostProbe, SeesEachNamespaceOnAMachineThatHasThem) {
  const auto findings = ProbeNamespaces();
  for (const char* layer :
       {"user_namespace", "id_mapping", "mount_namespace", "pid_namespace", "network_namespace",
        "ipc_namespace", "uts_namespace", "cgroup_namespace", "time_namespace", "procfs"}) {
    const Finding* finding = Find(findings, layer);
    ASSERT_NE(finding, nullptr) << layer;
    EXPECT_EQ(finding->state, Availability::kOk)
        << layer << ": " << finding->detail << " " << ErrnoName(finding->sys_errno);
  }
}

TEST_F(HostProbe, NamesTheFixWhereUserNamespacesAreForbidden) {
  const auto forbid = [] {
    return ::unshare(CLONE_NEWUSER) == 0 &&
           WriteControl("/proc/sys/user/max_user_namespaces", "0").ok();
  };
  EXPECT_EQ(StateAfter(forbid, ProbeNamespaces, "user_namespace"), 1);
}

TEST_F(HostProbe, SeesAProcfsThatAContainerCoversInPart) {
  // A covered /proc makes the kernel refuse a new one to a user namespace below.
  const auto cover = [] {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("tmpfs", "/proc/sys", "tmpfs", 0, nullptr) == 0;
  };
  EXPECT_EQ(StateAfter(cover, ProbeNamespaces, "procfs"), 1);
}

TEST_F(HostProbe, SeesControlGroupsThatAreReadOnly) {
  const auto lock = [] {
    if (::unshare(CLONE_NEWNS) != 0) return false;
    if (::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    auto mounts = ReadFile("/proc/self/mounts");
    if (!mounts.ok()) return false;
    std::size_t at = 0;
    while (at < mounts->size()) {
      const std::size_t end = std::min(mounts->find('\n', at), mounts->size());
      const std::string line = mounts->substr(at, end - at);
      at = end + 1;
      const std::size_t from = line.find(' ') + 1;
      const std::string path = line.substr(from, line.find(' ', from) - from);
      const unsigned long flags =
          MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
      if (path.starts_with("/sys/fs/cgroup") &&
          ::mount("", path.c_str(), nullptr, flags, nullptr) != 0) {
        return false;
      }
    }
    return true;
  };
  EXPECT_EQ(StateAfter(lock, ProbeCgroups, "cgroup.memory"), 1);
}

TEST_F(HostProbe, SeesThatAListenerIsTakenAlready) {
  const auto take = [] {
    for (const Finding& finding : ProbeFilters()) {
      if (finding.layer == "seccomp_listener" && finding.state != Availability::kOk) return false;
    }
    return true;
  };
  EXPECT_EQ(StateAfter(take, ProbeFilters, "seccomp_listener"), 2);
}

TEST_F(HostProbe, LeavesNoGroupBehind) {
  (void)ProbeHost();
  auto root = OpenDir("/sys/fs/cgroup");
  ASSERT_TRUE(root.ok());
  const auto names = ListDir(root->get());
  ASSERT_TRUE(names.ok());
  const std::string mine = "faber-check-" + std::to_string(::getpid());
  EXPECT_TRUE(std::ranges::none_of(*names, [&](const auto& name) { return name == mine; }));
}

}  // namespace
}  // namespace fabro::jail
