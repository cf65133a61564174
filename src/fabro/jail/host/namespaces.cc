// The namespaces, made in the order of the engine: the user namespace first, its id maps by the
// parent, then each other one inside it, where a sandbox makes it too.
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "fabro/jail/host/host_probe.h"
#include "fabro/jail/host/probe_child.h"
#include "fabro/jail/slots/subordinate.h"
#include "fabro/linux/file.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace fabro::jail {
namespace {

struct Kind {
  std::string_view layer;
  int flag;
  std::string_view kernel_option;
};

constexpr std::array kKinds = {
    Kind{"mount_namespace", CLONE_NEWNS, "a kernel with mount namespaces"},
    Kind{"pid_namespace", CLONE_NEWPID, "CONFIG_PID_NS=y and user.max_pid_namespaces above 0"},
    Kind{"network_namespace", CLONE_NEWNET, "CONFIG_NET_NS=y and user.max_net_namespaces above 0"},
    Kind{"ipc_namespace", CLONE_NEWIPC, "CONFIG_IPC_NS=y and user.max_ipc_namespaces above 0"},
    Kind{"uts_namespace", CLONE_NEWUTS, "CONFIG_UTS_NS=y and user.max_uts_namespaces above 0"},
    Kind{"cgroup_namespace", CLONE_NEWCGROUP,
         "CONFIG_CGROUPS=y and user.max_cgroup_namespaces above 0"},
    Kind{"time_namespace", CLONE_NEWTIME, "Linux 5.6 and user.max_time_namespaces above 0"},
};

enum What { kUserNamespace = 100, kIdentity = 101, kPrivate = 102, kProc = 103 };

std::string Trimmed(const std::string& path) {
  auto text = ReadFile(path);
  if (!text.ok()) return "";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

// Why a user namespace was refused, as far as the machine tells.
std::string UserNamespaceFix(int sys_errno) {
  if (Trimmed("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
    return "sysctl -w kernel.unprivileged_userns_clone=1";
  }
  if (sys_errno == EPERM &&
      Trimmed("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1") {
    return "give faber an AppArmor profile with 'userns,', or sysctl -w "
           "kernel.apparmor_restrict_unprivileged_userns=0";
  }
  if (sys_errno == ENOSPC) {
    return "raise user.max_user_namespaces, here and in every namespace above (it is " +
           Trimmed("/proc/sys/user/max_user_namespaces") +
           "): sysctl -w user.max_user_namespaces=10000";
  }
  if (sys_errno == EPERM) {
    return "a container or a seccomp filter around us forbids it: allow unshare(CLONE_NEWUSER) "
           "there";
  }
  return "use a kernel with CONFIG_USER_NS=y";
}

// As root two ids that nobody has, as a sandbox gets them; else our own.
Status WriteMaps(pid_t pid) {
  const std::string base = "/proc/" + std::to_string(pid);
  const bool root = ::geteuid() == 0;
  const auto map = [&](unsigned id) {
    return root ? std::string("0 2000000000 1\n1000 2000000001 1\n")
                : "0 " + std::to_string(id) + " 1\n";
  };
  TRY(WriteControl(base + "/setgroups", "deny"));
  TRY(WriteControl(base + "/uid_map", map(::geteuid())));
  TRY(WriteControl(base + "/gid_map", map(::getegid())));
  return {};
}

// fork(2) as raw call: the child must not run glibc's handlers in a namespace half made.
void TryProcInPidNamespace(const ProbeReporter& reporter) {
  if (::unshare(CLONE_NEWPID) != 0) return reporter.Say(kProc, -1);
  const pid_t first = ::fork();
  if (first < 0) return reporter.Say(kProc, -1);
  if (first == 0) {
    reporter.Say(kProc, ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                                "subset=pid,hidepid=ptraceable"));
    ::_exit(0);
  }
  ::waitpid(first, nullptr, 0);
}

void TryAll(const ProbeReporter& reporter) {
  const int made = ::unshare(CLONE_NEWUSER);
  reporter.Say(kUserNamespace, made);
  if (made != 0 || !reporter.AwaitParent()) return;
  // Everything after needs the identity inside; without a map it is the overflow id.
  reporter.Say(kIdentity, ::setresgid(0, 0, 0) != 0 ? -1 : ::setresuid(0, 0, 0));
  for (const Kind& kind : kKinds) {
    if (kind.flag != CLONE_NEWPID) reporter.Say(kind.flag, ::unshare(kind.flag));
  }
  reporter.Say(kPrivate, ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
  TryProcInPidNamespace(reporter);
}

Finding OfKind(const Kind& kind, const std::vector<Tried>& tried) {
  for (const Tried& one : tried) {
    // That of pids shows by the process made in it.
    const bool mine = one.what == kind.flag || (kind.flag == CLONE_NEWPID && one.what == kProc);
    if (!mine) continue;
    const bool made = one.sys_errno == 0 || one.what == kProc;
    if (made) return Ok(std::string(kind.layer), Need::kMedium, "made one");
    return Missing(std::string(kind.layer), Need::kMedium, "unshare failed", one.sys_errno,
                   "use " + std::string(kind.kernel_option));
  }
  return Missing(std::string(kind.layer), Need::kMedium, "not reached: a step before failed", 0,
                 "mend what is missing above");
}

Finding OfProc(const std::vector<Tried>& tried) {
  for (const Tried& one : tried) {
    if (one.what != kPrivate || one.sys_errno == 0) continue;
    return Missing("procfs", Need::kMedium, "mount(2) itself is refused", one.sys_errno,
                   "a seccomp filter around us (a container's?) forbids mounts: run outside it, or "
                   "allow mount, fsopen and their like there");
  }
  for (const Tried& one : tried) {
    if (one.what != kProc) continue;
    if (one.sys_errno == 0) {
      return Ok("procfs", Need::kMedium, "mounted with subset=pid,hidepid in a new pid namespace");
    }
    return Missing("procfs", Need::kMedium, "a new /proc cannot be mounted", one.sys_errno,
                   "the /proc around us is partly covered (a container does that): run outside it, "
                   "or with --security-opt systempaths=unconfined");
  }
  return Missing("procfs", Need::kMedium, "not reached: a step before failed", 0,
                 "mend what is missing above");
}

Finding OfMaps(const Status& maps, const std::vector<Tried>& tried) {
  const bool root = ::geteuid() == 0;
  if (!maps.ok()) {
    return Missing(
        "id_mapping", Need::kMedium, maps.error().message, maps.error().sys_errno,
        root ? "run with CAP_SETUID and CAP_SETGID" : "allow this user one id in a user namespace");
  }
  for (const Tried& one : tried) {
    if (one.what == kIdentity && one.sys_errno != 0) {
      return Missing("id_mapping", Need::kMedium, "the mapped id cannot be taken", one.sys_errno,
                     "use a kernel without a module that forbids it");
    }
  }
  return Ok("id_mapping", Need::kMedium,
            root ? "two ids of its own for each sandbox" : "the caller's id");
}

// Of a user: without them all sandboxes run under the user's own id.
Finding OfSubordinate() {
  const auto facts = ReadIdFacts();
  if (!facts) {
    const Error& error = facts.error();
    return Missing("subordinate_ids", Need::kOptional, error.message, error.sys_errno, error.fix);
  }
  const uid_t uid = ::geteuid();
  const passwd* user = ::getpwuid(uid);
  const std::string name = user != nullptr ? user->pw_name : std::to_string(uid);
  const auto ids = SubordinateIds(facts->subuid, facts->subgid, name, uid);
  if (!ids) {
    return Missing("subordinate_ids", Need::kMedium, ids.error().message, 0, ids.error().fix);
  }
  const bool mappers =
      ::access("/usr/bin/newuidmap", X_OK) == 0 && ::access("/usr/bin/newgidmap", X_OK) == 0;
  if (*ids && mappers) {
    return Ok("subordinate_ids", Need::kOptional,
              "two for each sandbox, of " + std::to_string((*ids)->first) + "-" +
                  std::to_string((*ids)->end() - 1));
  }
  return Missing("subordinate_ids", Need::kOptional,
                 *ids ? "newuidmap is not installed: sandboxes run under the caller's id"
                      : "none in /etc/subuid and /etc/subgid: sandboxes run under the caller's id",
                 0,
                 *ids ? "apt-get install uidmap"
                      : "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " + name);
}

}  // namespace

std::vector<Finding> ProbeNamespaces() {
  std::vector<Finding> findings;
  auto child = ProbeChild::Start(TryAll);
  const auto first = child.ok() ? child->Next() : Result<Tried>(child.error());
  const int failed = first.ok() ? first->sys_errno : first.error().sys_errno;
  if (!first.ok() || failed != 0) {
    findings.push_back(Missing("user_namespace", Need::kMedium, "unshare(CLONE_NEWUSER) failed",
                               failed, UserNamespaceFix(failed)));
    return findings;
  }
  findings.push_back(Ok("user_namespace", Need::kMedium, "made one"));
  const Status maps = WriteMaps(child->pid());
  std::vector<Tried> tried;
  if (child->GoOn().ok()) tried = child->Rest();
  findings.push_back(OfMaps(maps, tried));
  if (::geteuid() != 0) findings.push_back(OfSubordinate());
  for (const Kind& kind : kKinds) findings.push_back(OfKind(kind, tried));
  findings.push_back(OfProc(tried));
  return findings;
}

}  // namespace fabro::jail
