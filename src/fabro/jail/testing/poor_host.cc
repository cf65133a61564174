#include "fabro/jail/testing/poor_host.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "fabro/jail/protocol/messages.h"
#include "fabro/linux/file.h"
#include "fabro/linux/seccomp/load.h"
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

}  // namespace

std::string TextAfter(const std::function<Status()>& prepare,
                      const std::function<std::string()>& body) {
  Ends result = Pipe();
  Process child = fabro::testing::StartChild([&] {
    const Status prepared = prepare();
    (void)WriteFd(result.write.get(),
                  prepared ? body() : "preparing: " + prepared.error().ToString());
  });
  result.write.reset();
  const auto bytes = ReadFd(result.read.get());
  EXPECT_TRUE(child.Wait().ok());
  return bytes ? *bytes : "";
}

Error ErrorAfter(const std::function<Status()>& prepare, const std::function<Status()>& body) {
  const std::string bytes =
      TextAfter([] { return Status(); },
                [&] {
                  const Status prepared = prepare();
                  if (!prepared) return protocol::Encode(Error(prepared.error()).In("preparing"));
                  const Status done = body();
                  return done ? std::string() : protocol::Encode(done.error());
                });
  if (bytes.empty()) return Failure(Code::kInternal, "it worked all the same");
  return protocol::DecodeError(bytes);
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

Status CgroupsReadOnly() {
  return ChangeCgroupMounts([](const std::string& path) {
    return Mount("", path.c_str(), nullptr,
                 MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
  });
}

Status Deny(const std::vector<int>& calls, int sys_errno) {
  // By number alone: the tests' programs make no calls of another architecture.
  std::vector<sock_filter> program = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)};
  const std::size_t count = calls.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto to_denial = static_cast<unsigned char>(count - i);
    program.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(calls[i]), to_denial, 0));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  program.push_back(
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(sys_errno)));
  const int loaded = seccomp::LoadFilter(program.data(), program.size());
  return loaded == 0 ? Status() : SysFailureOf(-loaded, "seccomp");
}

Status HideLandlock() {
  constexpr int kCreateRuleset = 444;
  return Deny({kCreateRuleset, kCreateRuleset + 1, kCreateRuleset + 2}, ENOSYS);
}

Status DropCapability(int capability) {
  if (::prctl(PR_CAPBSET_DROP, capability) != 0) return SysFailure("PR_CAPBSET_DROP");
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  if (::syscall(SYS_capget, &header, sets) != 0) return SysFailure("capget");
  __user_cap_data_struct& half = sets[capability / 32];
  const std::uint32_t bit = ~(1U << (capability % 32));
  half.effective &= bit;
  half.permitted &= bit;
  half.inheritable &= bit;
  if (::syscall(SYS_capset, &header, sets) != 0) return SysFailure("capset");
  return {};
}

}  // namespace fabro::jail::testing
