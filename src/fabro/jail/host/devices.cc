// Devices of the machine that no sandbox needs by itself, but what runs beside one may.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "fabro/jail/host/host_probe.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::jail {
namespace {

std::string TunFix(int sys_errno) {
  switch (sys_errno) {
    case ENOENT:
      return "modprobe tun, and in a container start it with --device /dev/net/tun";
    case ENODEV:
    case ENXIO:
      return "modprobe tun, or use a kernel with CONFIG_TUN";
    default:
      return "allow this user, or the container around, to open /dev/net/tun";
  }
}

}  // namespace

std::vector<Finding> ProbeDevices() {
  const UniqueFd tun(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (tun) return {Ok("tun_device", Need::kOptional, "/dev/net/tun can be opened")};
  const int error = errno;
  return {
      Missing("tun_device", Need::kOptional,
              "/dev/net/tun cannot be opened: no VPN device for a sandbox; nothing else needs it",
              error, TunFix(error))};
}

}  // namespace fabro::jail
