// Loading a compiled filter. The calls are raw, allocate nothing and throw nothing, so that they
// may stand between clone and exec, also in a child that shares memory with its parent.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace fabro::seccomp {

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

// Puts the filter on the calling thread. Needs no_new_privs (or CAP_SYS_ADMIN in the user
// namespace). Returns 0, or -errno.
inline int LoadFilter(const sock_filter* program, std::size_t length) noexcept {
  sock_fprog fprog{static_cast<unsigned short>(length), const_cast<sock_filter*>(program)};
  const long done = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0UL, &fprog);
  return done < 0 ? -errno : 0;
}

// The same with a listener for what is notified: returns its descriptor (close-on-exec, owned by
// the caller), or -errno; -EBUSY when a filter above has a listener already. A signal cannot
// interrupt a call that waits for its answer, so that none is reported twice, where the kernel can
// do that (5.19).
inline int LoadFilterWithListener(const sock_filter* program, std::size_t length) noexcept {
  sock_fprog fprog{static_cast<unsigned short>(length), const_cast<sock_filter*>(program)};
  const unsigned long listener = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  long fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                      listener | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &fprog);
  if (fd < 0 && errno == EINVAL) {
    fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listener, &fprog);
  }
  return fd < 0 ? -errno : static_cast<int>(fd);
}

}  // namespace fabro::seccomp
