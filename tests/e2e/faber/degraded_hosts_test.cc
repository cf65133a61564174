// Hosts that lack something, made from this one: `faber check` names cause and fix, and `faber run`
// either refuses or says what is missing. Nothing is ever lowered in silence.
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <iterator>

#include "fabro/jail/testing/poor_host.h"
#include "fabro/linux/file.h"
#include "tests/e2e/faber/faber_run.h"

namespace fabro::e2e {
namespace {

using jail::testing::Deny;
using jail::testing::DropCapability;
using jail::testing::Mount;
using jail::testing::OwnMounts;
using jail::testing::TextAfter;

using Prepare = std::function<Status()>;

Done OnHost(const Prepare& prepare, const Words& args) {
  const std::string text = TextAfter(prepare, [&] {
    const Done done = Faber(args);
    return std::to_string(done.status) + "\n" + (done.out.empty() ? done.err : done.out);
  });
  const std::size_t line = text.find('\n');
  Done done;
  if (line == std::string::npos || text.starts_with("preparing")) {
    ADD_FAILURE() << text;
    return done;
  }
  done.status = std::stoi(text.substr(0, line));
  done.out = text.substr(line + 1);
  return done;
}

// The layer's object in the report of `faber check --json`.
model::Json LayerOf(const Done& done, std::string_view layer) {
  const model::Json json = JsonOf(done);
  if (const model::Json* layers = json.Find("layers")) {
    for (const model::Json& one : *layers->Items()) {
      if (one.StringAt("layer") == layer) return one;
    }
  }
  ADD_FAILURE() << "no layer " << layer << " in " << done.out;
  return model::Json::MakeObject();
}

struct Named {
  std::string layer;
  std::string sys_errno;  // Empty: whatever it is.
  std::string fix;        // Part of it.
};

void ExpectCheckNames(const Prepare& prepare, const Named& named) {
  const Done done = OnHost(prepare, {"check", "--json"});
  const model::Json layer = LayerOf(done, named.layer);
  EXPECT_EQ(layer.StringAt("state"), "missing") << layer.Dump();
  const std::string wanted = named.sys_errno.empty() ? layer.StringAt("errno") : named.sys_errno;
  EXPECT_EQ(layer.StringAt("errno"), wanted) << layer.Dump();
  EXPECT_NE(layer.StringAt("fix").find(named.fix), std::string::npos) << layer.Dump();
}

// 125 with an error that says what, why (errno) and what to do, and nothing ran.
void ExpectRefused(const Prepare& prepare, const std::string& level, const std::string& fix) {
  const Done done = OnHost(prepare, {"run", "--level", level, "--json", "--", "echo", "ran"});
  EXPECT_EQ(done.status, 125) << done.out;
  const model::Json json = JsonOf(done);
  EXPECT_EQ(json.StringAt("outcome"), "not_started") << done.out;
  const model::Json* error = json.Find("error");
  ASSERT_NE(error, nullptr) << done.out;
  EXPECT_NE(error->Find("errno"), nullptr) << done.out;
  ASSERT_NE(error->Find("fix"), nullptr) << done.out;
  EXPECT_NE(error->StringAt("fix").find(fix), std::string::npos) << done.out;
}

// It runs, and all that the level promises was seen from inside.
void ExpectWhole(const Prepare& prepare, const std::string& level) {
  const Done done = OnHost(prepare, {"run", "--level", level, "--json", "--require",
                                     "namespaces,identity,capabilities,seccomp,landlock,cgroup,"
                                     "root,proc,time_ns,network,workspace_limit",
                                     "--", "true"});
  EXPECT_EQ(done.status, 0) << done.out;
  const model::Json json = JsonOf(done);
  ASSERT_NE(json.Find("degraded"), nullptr) << done.out;
  EXPECT_TRUE(json.Find("degraded")->Items()->empty()) << done.out;
}

class DegradedHost : public FaberTest {};

TEST_F(DegradedHost, WithoutUserNamespaces) {
  const Prepare host = [] { return jail::testing::NamespaceWithout("max_user_namespaces"); };
  ExpectCheckNames(host, {"user_namespace", "ENOSPC", "user.max_user_namespaces"});
  for (const char* level : {"medium", "high"}) {
    ExpectRefused(host, level, "user.max_user_namespaces");
  }
}

TEST_F(DegradedHost, WithControlGroupsThatCannotBeWritten) {
  ExpectCheckNames(jail::testing::CgroupsReadOnly, {"cgroup.memory", "EROFS", "writable"});
  for (const char* level : {"low", "medium", "high"}) {
    ExpectRefused(jail::testing::CgroupsReadOnly, level, "writable");
  }
}

TEST_F(DegradedHost, WithoutLandlock) {
  const Prepare host = jail::testing::HideLandlock;
  ExpectCheckNames(host, {"landlock", "ENOSYS", "--degrade landlock"});
  EXPECT_EQ(OnHost(host, {"check", "--level", "high"}).status, 2);
  ExpectRefused(host, "high", "--degrade landlock");
  for (const Words& options :
       {Words{"--level", "medium"}, Words{"--level", "high", "--degrade", "landlock"}}) {
    Words args = {"run", "--json"};
    args.insert(args.end(), options.begin(), options.end());
    args.insert(args.end(), {"--", "true"});
    const Done done = OnHost(host, args);
    EXPECT_EQ(done.status, 0) << done.out;
    EXPECT_NE(done.out.find("\"degraded\":[\"landlock\"]"), std::string::npos) << done.out;
  }
  const Done required = OnHost(host, {"run", "--require", "landlock", "--", "echo", "ran"});
  EXPECT_EQ(required.status, 125);
  EXPECT_NE(required.out.find("'landlock' does not hold"), std::string::npos) << required.out;
}

TEST_F(DegradedHost, WhereAFilterDeniesMounts) {
  const Prepare host = [] {
    return Deny({SYS_mount, SYS_umount2, SYS_pivot_root, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
                 SYS_move_mount, SYS_open_tree, SYS_mount_setattr},
                EPERM);
  };
  ExpectCheckNames(host, {"mount_api", "EPERM", "filter"});
  ExpectCheckNames(host, {"procfs", "EPERM", "filter"});
  for (const char* level : {"medium", "high"}) ExpectRefused(host, level, "");
}

TEST_F(DegradedHost, WithAMaskedProc) {
  const Prepare host = []() -> Status {
    const Status own = OwnMounts();
    return own ? Mount("/dev/null", "/proc/version", nullptr, MS_BIND) : own;
  };
  ExpectCheckNames(host, {"procfs", "EPERM", "systempaths=unconfined"});
  for (const char* level : {"medium", "high"}) ExpectRefused(host, level, "unmasked /proc");
}

TEST_F(DegradedHost, WithoutATunDevice) {
  const Prepare host = []() -> Status {
    const Status own = OwnMounts();
    if (!own || ::access("/dev/net", F_OK) != 0) return own;
    return Mount("none", "/dev/net", "tmpfs", 0);
  };
  ExpectCheckNames(host, {"tun_device", "ENOENT", "modprobe tun"});
  ExpectWhole(host, "medium");  // No layer of a sandbox needs it.
}

TEST_F(DegradedHost, WithHybridControlGroups) {
  const Prepare host = [] { return Status(); };
  const model::Json layer = LayerOf(OnHost(host, {"check", "--json"}), "cgroup");
  if (layer.StringAt("detail").find("hybrid") == std::string::npos) {
    GTEST_SKIP() << "this machine has " << layer.StringAt("detail");
  }
  EXPECT_EQ(layer.StringAt("state"), "ok");
  const Done done = OnHost(host, {"run", "--json", "--", "true"});
  EXPECT_NE(done.out.find("\"cgroup_mode\":\"hybrid\""), std::string::npos) << done.out;
  for (const char* level : {"medium", "high"}) ExpectWhole(host, level);
}

TEST_F(DegradedHost, WithoutTheRightToRaiseLimits) {
  const Prepare host = [] { return DropCapability(CAP_SYS_RESOURCE); };
  ExpectCheckNames(host, {"cap_sys_resource", "", "ceiling"});
  const Done check = OnHost(host, {"check", "--json"});
  EXPECT_NE(check.out.find("root without CAP_SYS_RESOURCE"), std::string::npos) << check.out;
  for (const char* level : {"medium", "high"}) ExpectWhole(host, level);
}

// Docker's defaults for a container that is not privileged: 14 capabilities, a filter, a /proc
// masked and read-only in part, control groups read-only.
Status BecomeContainer() {
  const Status groups = jail::testing::CgroupsReadOnly();  // Own mounts, too.
  if (!groups) return groups;
  for (const char* masked : {"/proc/kcore", "/proc/keys", "/proc/timer_list"}) {
    if (::access(masked, F_OK) != 0) continue;
    if (const Status done = Mount("/dev/null", masked, nullptr, MS_BIND); !done) return done;
  }
  if (const Status bound = Mount("/proc/sys", "/proc/sys", nullptr, MS_BIND); !bound) return bound;
  const Status sealed = Mount("", "/proc/sys", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY);
  if (!sealed) return sealed;
  const Status filtered =
      Deny({SYS_mount, SYS_umount2, SYS_pivot_root, SYS_fsopen, SYS_fsmount, SYS_move_mount,
            SYS_open_tree, SYS_mount_setattr, SYS_unshare, SYS_setns, SYS_bpf, SYS_keyctl},
           EPERM);
  if (!filtered) return filtered;
  constexpr int kKept[] = {
      CAP_CHOWN,      CAP_DAC_OVERRIDE, CAP_FSETID,           CAP_FOWNER,     CAP_MKNOD,
      CAP_NET_RAW,    CAP_SETGID,       CAP_SETUID,           CAP_SETFCAP,    CAP_SETPCAP,
      CAP_SYS_CHROOT, CAP_KILL,         CAP_NET_BIND_SERVICE, CAP_AUDIT_WRITE};
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if (std::find(std::begin(kKept), std::end(kKept), capability) != std::end(kKept)) continue;
    if (const Status dropped = DropCapability(capability); !dropped) return dropped;
  }
  return {};
}

TEST_F(DegradedHost, InAContainerThatIsNotPrivileged) {
  ExpectCheckNames(BecomeContainer, {"user_namespace", "EPERM", "unshare(CLONE_NEWUSER)"});
  ExpectCheckNames(BecomeContainer, {"cgroup.memory", "", "writable"});
  for (const char* level : {"low", "medium", "high"}) ExpectRefused(BecomeContainer, level, "");
  const Done selftest = OnHost(BecomeContainer, {"selftest", "--json"});
  EXPECT_EQ(selftest.status, 2) << selftest.out;
}

}  // namespace
}  // namespace fabro::e2e
