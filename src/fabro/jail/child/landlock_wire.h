// Landlock's rights by number, up to ABI 7, and how the jailer tells them to a zygote (wire.h).
// <linux/landlock.h> of the build machine may be older than the kernel that we run on. Source:
// Documentation/userspace-api/landlock.rst of the kernel.
#pragma once

#include <cstdint>

namespace fabro::jail::landlock {

// LANDLOCK_ACCESS_FS_…; without a remark: ABI 1 (Linux 5.13).
inline constexpr std::uint64_t kExecute = 1U << 0U;
inline constexpr std::uint64_t kWriteFile = 1U << 1U;
inline constexpr std::uint64_t kReadFile = 1U << 2U;
inline constexpr std::uint64_t kReadDir = 1U << 3U;
inline constexpr std::uint64_t kRemoveDir = 1U << 4U;
inline constexpr std::uint64_t kRemoveFile = 1U << 5U;
inline constexpr std::uint64_t kMakeChar = 1U << 6U;
inline constexpr std::uint64_t kMakeDir = 1U << 7U;
inline constexpr std::uint64_t kMakeReg = 1U << 8U;
inline constexpr std::uint64_t kMakeSock = 1U << 9U;
inline constexpr std::uint64_t kMakeFifo = 1U << 10U;
inline constexpr std::uint64_t kMakeBlock = 1U << 11U;
inline constexpr std::uint64_t kMakeSym = 1U << 12U;
inline constexpr std::uint64_t kRefer = 1U << 13U;     // ABI 2; before it, always denied (EXDEV).
inline constexpr std::uint64_t kTruncate = 1U << 14U;  // ABI 3.
inline constexpr std::uint64_t kIoctlDev = 1U << 15U;  // ABI 5.

// LANDLOCK_ACCESS_NET_…, ABI 4.
inline constexpr std::uint64_t kBindTcp = 1U << 0U;
inline constexpr std::uint64_t kConnectTcp = 1U << 1U;

// LANDLOCK_SCOPE_…, ABI 6.
inline constexpr std::uint64_t kAbstractSocket = 1U << 0U;
inline constexpr std::uint64_t kSignal = 1U << 1U;

// What a rule for something that is no directory may name.
inline constexpr std::uint64_t kOfFiles = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;

}  // namespace fabro::jail::landlock

namespace fabro::jail::wire {

inline constexpr std::uint32_t kMaxLandlockRules = 80;

// What Landlock allows beneath `path`, absolute inside; the last component is no symlink.
struct LandlockRule {
  std::uint64_t access = 0;
  char path[256] = {};
};

// The domain of each init. abi 0: none.
struct Landlock {
  std::uint64_t handled_fs = 0;
  std::uint64_t handled_net = 0;
  std::uint64_t scoped = 0;
  std::uint32_t abi = 0;
  std::uint16_t rule_count = 0;  // LandlockRules that follow the MountSteps.
  std::uint16_t reserved = 0;
};

}  // namespace fabro::jail::wire
