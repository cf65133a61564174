// For kernel tests: ways to make the machine poorer for the calling process alone, inside
// namespaces or under a filter of its own. Each is for a child that ends afterwards.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fabro/base/result.h"

namespace fabro::jail::testing {

// What `body` returns, from a child in which `prepare` was done first. A `prepare` that failed
// gives "preparing: …".
std::string TextAfter(const std::function<Status()>& prepare,
                      const std::function<std::string()>& body);

// The Error of `body` likewise, as the protocol carries it. A `body` that went well gives an Error
// of Code::kInternal.
Error ErrorAfter(const std::function<Status()>& prepare, const std::function<Status()>& body);

// A mount namespace whose changes nobody else sees.
Status OwnMounts();
Status Mount(const char* source, const char* target, const char* type, unsigned long flags);
// A user namespace with every id in it.
Status EnterUserNamespace();
// The same with own mounts and /proc/sys/user/LIMIT at 0.
Status NamespaceWithout(const std::string& limit);
// Calls `change` with every mount point of control groups, in own mounts.
Status ChangeCgroupMounts(const std::function<Status(const std::string& path)>& change);
Status CgroupsReadOnly();
// The system calls fail with that errno from now on, for us and whatever we start.
Status Deny(const std::vector<int>& calls, int sys_errno);
// Landlock's three as on a kernel without it.
Status HideLandlock();
// Takes the capability out of all sets.
Status DropCapability(int capability);

}  // namespace fabro::jail::testing
