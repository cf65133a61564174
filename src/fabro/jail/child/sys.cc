#include "fabro/jail/child/sys.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace fabro::jail::child {
namespace {

char g_object[wire::kPathMax];

std::size_t AppendTo(char* buffer, std::size_t length, std::size_t room, const char* text) {
  while (*text != '\0' && length + 1 < room) buffer[length++] = *text++;
  buffer[length] = '\0';
  return length;
}

}  // namespace

void About(const char* object, const char* detail) {
  const std::size_t length = AppendTo(g_object, 0, sizeof(g_object), object);
  AppendTo(g_object, length, sizeof(g_object), detail);
}

const char* CurrentObject() { return g_object; }

Path& Path::Add(const char* text) {
  const std::size_t before = length_;
  length_ = AppendTo(text_, length_, sizeof(text_), text);
  overflow_ = overflow_ || length_ - before != std::strlen(text);
  return *this;
}

Path& Path::AddNumber(std::uint64_t number) {
  char digits[21];
  char* at = digits + sizeof(digits) - 1;
  *at = '\0';
  do {
    *--at = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return Add(at);
}

void CloseFd(int& fd) {
  if (fd < 0) return;
  const int saved = errno;
  ::close(fd);
  errno = saved;
  fd = -1;
}

int WriteControl(int dir, const char* path, const char* text) {
  int fd = ::openat(dir, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return errno;
  const int error = ErrnoOf(::write(fd, text, std::strlen(text)));
  CloseFd(fd);
  return error;
}

int NewMount(const char* type, const FsOption* options, std::size_t count, unsigned attributes) {
  int context = static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
  if (context < 0) return -1;
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned command = options[i].value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
    if (::syscall(SYS_fsconfig, context, command, options[i].key, options[i].value, 0) != 0) {
      CloseFd(context);
      return -1;
    }
  }
  int mount = -1;
  if (::syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
    mount = static_cast<int>(::syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes));
  }
  CloseFd(context);
  return mount;
}

int CloneMount(int dir, const char* path) {
  constexpr unsigned kFlags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
  return static_cast<int>(::syscall(SYS_open_tree, dir, path, kFlags | AT_EMPTY_PATH));
}

int AttachMount(int mount, int target) {
  return ErrnoOf(::syscall(SYS_move_mount, mount, "", target, "",
                           MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

int SetMountAttributes(int mount, std::uint64_t attributes) {
  struct mount_attr change = {};
  change.attr_set = attributes;
  return ErrnoOf(::syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &change, sizeof(change)));
}

int OpenBeneath(int dir, const char* path, int flags, unsigned mode) {
  struct open_how how = {};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, dir, path, &how, sizeof(how)));
}

void ResetSignals() {
  // The kernel's own struct, all zero: SIG_DFL. Not by sigaction(3), which refuses the two signals
  // that glibc keeps for itself, and a caller may have had them ignored.
  const unsigned long normal[4] = {};
  constexpr std::size_t kMaskBytes = 8;
  for (int signal = 1; signal <= 64; ++signal) {
    ::syscall(SYS_rt_sigaction, signal, normal, nullptr, kMaskBytes);  // KILL and STOP say EINVAL.
  }
  UnblockSignals();
}

void UnblockSignals() {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace fabro::jail::child
