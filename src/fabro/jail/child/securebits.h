// How user ids and capabilities hang together in a sandbox (capabilities(7), securebits): not at
// all. No program is given rights for running as id 0, no change of id takes or gives any.
#pragma once

#include <linux/securebits.h>

namespace fabro::jail::child {

// A process that is still to raise ambient capabilities.
inline constexpr unsigned long kEarlySecurebits =
    SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
    SECBIT_KEEP_CAPS_LOCKED;
// Nobody raises any more.
inline constexpr unsigned long kAllSecurebits =
    kEarlySecurebits | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

}  // namespace fabro::jail::child
