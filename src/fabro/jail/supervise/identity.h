// Under whose ids this jailer makes Jails. One that root started leases ids of the host. One of
// another user makes a user and a mount namespace in which it is root, and does there all that a
// root jailer does, with the ids that the host gave to the user (isolation.md 12, c and d).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/jail/slots/id_block.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail::supervise {

struct Identity {
  enum class Kind {
    kRoot,         // Two ids of nobody else's for each slot.
    kSubordinate,  // Two of the user's subuid range, by newuidmap(1).
    kCaller,       // The user's own id for all: no subuid range, or no newuidmap.
  };
  Kind kind = Kind::kRoot;
  uid_t uid = 0;  // Of the caller and the jailer, on the host.
  IdRange ids;    // kSubordinate: to lease from; they have the same numbers inside.

  bool rootless() const { return kind != Kind::kRoot; }
};

// SandboxInfo::identity: "leased", "subordinate", "caller".
std::string_view ToString(Identity::Kind kind);

// For a process with one thread that is dumpable (newuidmap(1) looks at its owner). After success
// it is root: on the host as before, or in namespaces of its own. "isolation_unavailable" with
// errno and fix; "identity_base_collides" for a range that another user has too.
Result<Identity> TakeIdentity();

// The mounts of its new namespace are copies: a descriptor of the caller's is opened again by its
// name, and refused (`reason`) where that is not the same file any more.
Status OpenInOwnNamespace(UniqueFd& source, const char* reason);

}  // namespace fabro::jail::supervise
