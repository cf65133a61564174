// Names of calls and of the arguments that make a violation readable.

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "fabro/linux/seccomp/seccomp.h"
#include "fabro/linux/seccomp/table.h"

namespace fabro::seccomp {
namespace {

constexpr Value kFamilies[] = {
    {0, "AF_UNSPEC"},   {1, "AF_UNIX"},      {2, "AF_INET"},        {3, "AF_AX25"},
    {4, "AF_IPX"},      {5, "AF_APPLETALK"}, {10, "AF_INET6"},      {15, "AF_KEY"},
    {16, "AF_NETLINK"}, {17, "AF_PACKET"},   {21, "AF_RDS"},        {24, "AF_PPPOX"},
    {26, "AF_LLC"},     {29, "AF_CAN"},      {30, "AF_TIPC"},       {31, "AF_BLUETOOTH"},
    {33, "AF_RXRPC"},   {35, "AF_PHONET"},   {36, "AF_IEEE802154"}, {38, "AF_ALG"},
    {39, "AF_NFC"},     {40, "AF_VSOCK"},    {41, "AF_KCM"},        {42, "AF_QIPCRTR"},
    {43, "AF_SMC"},     {44, "AF_XDP"},      {45, "AF_MCTP"}};
constexpr Value kTypes[] = {{1, "SOCK_STREAM"}, {2, "SOCK_DGRAM"},     {3, "SOCK_RAW"},
                            {4, "SOCK_RDM"},    {5, "SOCK_SEQPACKET"}, {6, "SOCK_DCCP"},
                            {10, "SOCK_PACKET"}};
constexpr Value kCloneFlags[] = {{0x100, "CLONE_VM"},
                                 {0x200, "CLONE_FS"},
                                 {0x400, "CLONE_FILES"},
                                 {0x800, "CLONE_SIGHAND"},
                                 {0x1000, "CLONE_PIDFD"},
                                 {0x2000, "CLONE_PTRACE"},
                                 {0x4000, "CLONE_VFORK"},
                                 {0x8000, "CLONE_PARENT"},
                                 {0x10000, "CLONE_THREAD"},
                                 {0x20000, "CLONE_NEWNS"},
                                 {0x40000, "CLONE_SYSVSEM"},
                                 {0x80000, "CLONE_SETTLS"},
                                 {0x100000, "CLONE_PARENT_SETTID"},
                                 {0x200000, "CLONE_CHILD_CLEARTID"},
                                 {0x800000, "CLONE_UNTRACED"},
                                 {0x1000000, "CLONE_CHILD_SETTID"},
                                 {0x2000000, "CLONE_NEWCGROUP"},
                                 {0x4000000, "CLONE_NEWUTS"},
                                 {0x8000000, "CLONE_NEWIPC"},
                                 {0x10000000, "CLONE_NEWUSER"},
                                 {0x20000000, "CLONE_NEWPID"},
                                 {0x40000000, "CLONE_NEWNET"},
                                 {0x80000000, "CLONE_IO"}};
constexpr Value kUnshareFlags[] = {
    {0x80, "CLONE_NEWTIME"},      {0x200, "CLONE_FS"},         {0x400, "CLONE_FILES"},
    {0x20000, "CLONE_NEWNS"},     {0x40000, "CLONE_SYSVSEM"},  {0x2000000, "CLONE_NEWCGROUP"},
    {0x4000000, "CLONE_NEWUTS"},  {0x8000000, "CLONE_NEWIPC"}, {0x10000000, "CLONE_NEWUSER"},
    {0x20000000, "CLONE_NEWPID"}, {0x40000000, "CLONE_NEWNET"}};
constexpr Value kPtrace[] = {
    {0, "PTRACE_TRACEME"},         {1, "PTRACE_PEEKTEXT"},       {2, "PTRACE_PEEKDATA"},
    {3, "PTRACE_PEEKUSER"},        {4, "PTRACE_POKETEXT"},       {5, "PTRACE_POKEDATA"},
    {6, "PTRACE_POKEUSER"},        {7, "PTRACE_CONT"},           {8, "PTRACE_KILL"},
    {9, "PTRACE_SINGLESTEP"},      {12, "PTRACE_GETREGS"},       {13, "PTRACE_SETREGS"},
    {16, "PTRACE_ATTACH"},         {17, "PTRACE_DETACH"},        {24, "PTRACE_SYSCALL"},
    {0x4200, "PTRACE_SETOPTIONS"}, {0x4204, "PTRACE_GETREGSET"}, {0x4205, "PTRACE_SETREGSET"},
    {0x4206, "PTRACE_SEIZE"},      {0x4207, "PTRACE_INTERRUPT"}};
constexpr Value kKeyctl[] = {{0, "KEYCTL_GET_KEYRING_ID"}, {1, "KEYCTL_JOIN_SESSION_KEYRING"},
                             {2, "KEYCTL_UPDATE"},         {3, "KEYCTL_REVOKE"},
                             {4, "KEYCTL_CHOWN"},          {5, "KEYCTL_SETPERM"},
                             {6, "KEYCTL_DESCRIBE"},       {7, "KEYCTL_CLEAR"},
                             {8, "KEYCTL_LINK"},           {9, "KEYCTL_UNLINK"},
                             {10, "KEYCTL_SEARCH"},        {11, "KEYCTL_READ"},
                             {12, "KEYCTL_INSTANTIATE"},   {13, "KEYCTL_NEGATE"},
                             {15, "KEYCTL_SET_TIMEOUT"}};
constexpr Value kIoctl[] = {{0x5412, "TIOCSTI"},
                            {0x541C, "TIOCLINUX"},
                            {0x541D, "TIOCCONS"},
                            {0x5423, "TIOCSETD"},
                            {0x540E, "TIOCSCTTY"}};
constexpr Value kFileTypes[] = {{0x1000, "S_IFIFO"}, {0x2000, "S_IFCHR"}, {0x4000, "S_IFDIR"},
                                {0x6000, "S_IFBLK"}, {0x8000, "S_IFREG"}, {0xA000, "S_IFLNK"},
                                {0xC000, "S_IFSOCK"}};
constexpr Value kMessageFlags[] = {{0x1, "MSG_OOB"}};
constexpr Value kBpf[] = {{0, "BPF_MAP_CREATE"}, {1, "BPF_MAP_LOOKUP_ELEM"}, {5, "BPF_PROG_LOAD"},
                          {6, "BPF_OBJ_PIN"},    {7, "BPF_OBJ_GET"},         {8, "BPF_PROG_ATTACH"},
                          {18, "BPF_BTF_LOAD"}};

constexpr Value kLocks[] = {{5, "F_GETLK"},      {6, "F_SETLK"},       {7, "F_SETLKW"},
                            {8, "F_SETOWN"},     {10, "F_SETSIG"},     {36, "F_OFD_GETLK"},
                            {37, "F_OFD_SETLK"}, {38, "F_OFD_SETLKW"}, {1024, "F_SETLEASE"},
                            {1026, "F_NOTIFY"}};
constexpr Value kFlock[] = {{1, "LOCK_SH"}, {2, "LOCK_EX"}, {4, "LOCK_NB"}, {8, "LOCK_UN"}};
constexpr Value kPrctl[] = {{1, "PR_SET_PDEATHSIG"},
                            {4, "PR_SET_DUMPABLE"},
                            {8, "PR_SET_KEEPCAPS"},
                            {15, "PR_SET_NAME"},
                            {22, "PR_SET_SECCOMP"},
                            {23, "PR_CAPBSET_READ"},
                            {24, "PR_CAPBSET_DROP"},
                            {28, "PR_SET_SECUREBITS"},
                            {35, "PR_SET_MM"},
                            {36, "PR_SET_CHILD_SUBREAPER"},
                            {38, "PR_SET_NO_NEW_PRIVS"},
                            {47, "PR_CAP_AMBIENT"},
                            {53, "PR_SET_SPECULATION_CTRL"},
                            {62, "PR_SCHED_CORE"},
                            {0x59616D61, "PR_SET_PTRACER"}};
constexpr Value kReboot[] = {{0, "CAD_OFF"},
                             {0x01234567, "RESTART"},
                             {0x4321FEDC, "POWER_OFF"},
                             {0x45584543, "KEXEC"},
                             {0x89ABCDEF, "CAD_ON"},
                             {0xCDEF0123, "HALT"},
                             {0xD000FCE2, "SW_SUSPEND"}};
constexpr Value kSyslog[] = {{2, "READ"},  {3, "READ_ALL"},      {4, "READ_CLEAR"},
                             {5, "CLEAR"}, {8, "CONSOLE_LEVEL"}, {10, "SIZE_BUFFER"}};
constexpr Value kUmount[] = {
    {1, "MNT_FORCE"}, {2, "MNT_DETACH"}, {4, "MNT_EXPIRE"}, {8, "UMOUNT_NOFOLLOW"}};
constexpr Value kPersona[] = {{0x40000, "ADDR_NO_RANDOMIZE"},  {0x80000, "FDPIC_FUNCPTRS"},
                              {0x100000, "MMAP_PAGE_ZERO"},    {0x200000, "ADDR_COMPAT_LAYOUT"},
                              {0x400000, "READ_IMPLIES_EXEC"}, {0x800000, "ADDR_LIMIT_32BIT"},
                              {0x1000000, "SHORT_INODE"},      {0x2000000, "WHOLE_SECONDS"},
                              {0x4000000, "STICKY_TIMEOUTS"},  {0x8000000, "ADDR_LIMIT_3GB"}};
constexpr Value kClocks[] = {{0, "CLOCK_REALTIME"}, {1, "CLOCK_MONOTONIC"}, {11, "CLOCK_TAI"}};

// How one argument is written. A mask tells which part the names are of; what else is set follows
// in hex.
struct Part {
  enum class Form { kNumber, kName, kFlags };
  std::uint8_t arg;
  Form form;
  std::uint32_t mask = 0xFFFFFFFF;
  std::span<const Value> names = {};
};

struct Shape {
  std::string_view name;
  std::array<Part, 3> parts;
  std::size_t count;
};

using enum Part::Form;
// The calls that can be reported and whose arguments say more than their name.
constexpr Shape kShapes[] = {
    {"bpf", {{{0, kName, 0xFFFFFFFF, kBpf}}}, 1},
    {"clone", {{{0, kFlags, 0xFFFFFF00, kCloneFlags}}}, 1},
    {"clock_adjtime", {{{0, kName, 0xFFFFFFFF, kClocks}}}, 1},
    {"clock_settime", {{{0, kName, 0xFFFFFFFF, kClocks}}}, 1},
    {"fcntl", {{{0, kNumber}, {1, kName, 0xFFFFFFFF, kLocks}}}, 2},
    {"flock", {{{0, kNumber}, {1, kFlags, 0xFFFFFFFF, kFlock}}}, 2},
    {"iopl", {{{0, kNumber}}}, 1},
    {"ioctl", {{{0, kNumber}, {1, kName, 0xFFFFFFFF, kIoctl}}}, 2},
    {"keyctl", {{{0, kName, 0xFFFFFFFF, kKeyctl}}}, 1},
    {"mknod", {{{1, kName, 0xF000, kFileTypes}}}, 1},
    {"mknodat", {{{2, kName, 0xF000, kFileTypes}}}, 1},
    {"kcmp", {{{0, kNumber}, {1, kNumber}}}, 2},
    {"modify_ldt", {{{0, kNumber}}}, 1},
    {"perf_event_open", {{{1, kNumber}, {2, kNumber}}}, 2},
    {"personality", {{{0, kFlags, 0xFFFFFFFF, kPersona}}}, 1},
    {"pidfd_getfd", {{{0, kNumber}, {1, kNumber}}}, 2},
    {"prctl", {{{0, kName, 0xFFFFFFFF, kPrctl}}}, 1},
    {"process_vm_readv", {{{0, kNumber}}}, 1},
    {"process_vm_writev", {{{0, kNumber}}}, 1},
    {"ptrace", {{{0, kName, 0xFFFFFFFF, kPtrace}, {1, kNumber}}}, 2},
    {"reboot", {{{2, kName, 0xFFFFFFFF, kReboot}}}, 1},
    {"recvfrom", {{{3, kFlags, 0xFFFFFFFF, kMessageFlags}}}, 1},
    {"recvmmsg", {{{3, kFlags, 0xFFFFFFFF, kMessageFlags}}}, 1},
    {"recvmsg", {{{2, kFlags, 0xFFFFFFFF, kMessageFlags}}}, 1},
    {"sendmmsg", {{{3, kFlags, 0xFFFFFFFF, kMessageFlags}}}, 1},
    {"sendmsg", {{{2, kFlags, 0xFFFFFFFF, kMessageFlags}}}, 1},
    {"sendto", {{{3, kFlags, 0xFFFFFFFF, kMessageFlags}}}, 1},
    {"setns", {{{0, kNumber}, {1, kFlags, 0xFFFFFFFF, kUnshareFlags}}}, 2},
    {"socket", {{{0, kName, 0xFFFFFFFF, kFamilies}, {1, kName, 0xF, kTypes}, {2, kNumber}}}, 3},
    {"socketpair", {{{0, kName, 0xFFFFFFFF, kFamilies}, {1, kName, 0xF, kTypes}}}, 2},
    {"syslog", {{{0, kName, 0xFFFFFFFF, kSyslog}}}, 1},
    {"umount2", {{{1, kFlags, 0xFFFFFFFF, kUmount}}}, 1},
    {"unshare", {{{0, kFlags, 0xFFFFFFFF, kUnshareFlags}}}, 1},
};

std::string Hex(std::uint32_t value) {
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
  return "0x" + std::string(digits.data(), end);
}

std::string Flags(std::uint32_t value, std::span<const Value> names) {
  std::string out;
  for (const Value& flag : names) {
    if ((value & flag.number) == 0) continue;
    out += (out.empty() ? "" : "|") + std::string(flag.name);
    value &= ~flag.number;
  }
  if (value != 0 || out.empty()) out += (out.empty() ? "" : "|") + Hex(value);
  return out;
}

std::string Write(const Part& part, const seccomp_data& data) {
  const auto whole = static_cast<std::uint32_t>(data.args[part.arg]);
  const std::uint32_t value = whole & part.mask;
  switch (part.form) {
    case kNumber:
      return std::to_string(static_cast<std::int32_t>(whole));
    case kFlags:
      return Flags(value, part.names);
    case kName:
      break;
  }
  const auto found = std::ranges::find(part.names, value, &Value::number);
  if (found != part.names.end()) return std::string(found->name);
  return part.mask == 0xFFFFFFFF ? Hex(value) : Hex(whole);
}

std::string Foreign(const seccomp_data& data) {
  const std::string number = std::to_string(static_cast<std::uint32_t>(data.nr));
  switch (data.arch) {
    case AUDIT_ARCH_I386:
      return "i386 syscall " + number;
    case AUDIT_ARCH_ARM:
      return "arm syscall " + number;
    default:
      return "syscall " + number + " of architecture " + Hex(data.arch);
  }
}

}  // namespace

std::string_view SyscallName(Arch arch, std::uint32_t number) {
  const Syscall* call = FindSyscall(arch, number);
  return call == nullptr ? std::string_view{} : call->name;
}

int SyscallNumber(Arch arch, std::string_view name) {
  const auto table = SyscallTable();
  const auto found = std::ranges::lower_bound(table, name, {}, &Syscall::name);
  if (found == table.end() || found->name != name) return -1;
  return arch == Arch::kX86_64 ? found->x86_64 : found->aarch64;
}

std::string DescribeCall(const seccomp_data& data) {
  const auto arch = static_cast<Arch>(data.arch);
  if (arch != Arch::kX86_64 && arch != Arch::kAarch64) return Foreign(data);
  auto number = static_cast<std::uint32_t>(data.nr);
  std::string out;
  if (arch == Arch::kX86_64 && number >= kX32Bit) {
    out = "x32 ";
    number -= kX32Bit;
  }
  const std::string_view name = SyscallName(arch, number);
  if (name.empty()) return out + "syscall " + std::to_string(number);
  out += name;
  const auto* shape = std::ranges::find(kShapes, name, &Shape::name);
  if (shape == std::end(kShapes)) return out;
  out += '(';
  for (std::size_t i = 0; i < shape->count; ++i) {
    if (i > 0) out += ", ";
    out += Write(shape->parts[i], data);
  }
  return out + ')';
}

}  // namespace fabro::seccomp
