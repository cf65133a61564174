// faber-unpack KIND TAG: reads the image on standard input (a tar archive, or the directory of an
// OCI layout) into the image cache that is its working directory. Started by image/image.cc; its
// answer on standard output is "ok" and the digest, or "error" and an Error, a field a line.
//
// It reads what a stranger made with libraries that are written in C, so it first gives up all that
// the work does not need: capabilities but those over files, gaining any, memory without end.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <string>

#include "fabro/image/unpack/unpack.h"
#include "fabro/linux/file.h"

namespace fabro {
namespace {

constexpr std::uint64_t kMemory = std::uint64_t{2} << 30U;  // Of address space.
constexpr std::uint64_t kFiles = 256;

void Lower(__rlimit_resource resource, rlim_t value) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0 || now.rlim_max < value) return;
  const rlimit limit{value, value};
  (void)::setrlimit(resource, &limit);
}

Status DropRights() {
  Lower(RLIMIT_CORE, 0);
  Lower(RLIMIT_NOFILE, kFiles);
#if !defined(__SANITIZE_ADDRESS__)  // Its shadow takes terabytes.
  Lower(RLIMIT_AS, kMemory);
#endif
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SysFailure("PR_SET_NO_NEW_PRIVS");
  // The tree belongs to other ids and has directories of any mode.
  constexpr std::uint32_t kKept = 1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return SysFailure("capget");
  data[0].permitted &= kKept;
  data[0].effective = data[0].permitted;
  data[1].permitted = 0;
  data[1].effective = 0;
  data[0].inheritable = 0;
  data[1].inheritable = 0;
  return ::syscall(SYS_capset, &header, data) == 0 ? Status() : SysFailure("capset");
}

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text + "\n";
}

Result<std::string> Work(const std::string& kind, const std::string& tag) {
  TRY(DropRights());
  const DirFd cache = TRY(OpenDir("."));
  const auto source = kind == "oci" ? image::SourceKind::kOci : image::SourceKind::kTar;
  return image::Unpack(cache.get(), STDIN_FILENO, source, tag, {});
}

std::string Answer(const Result<std::string>& done) {
  if (done.ok()) return "ok\n" + *done + "\n";
  const Error& error = done.error();
  std::string message;
  for (auto each = error.context.rbegin(); each != error.context.rend(); ++each) {
    message += *each + ": ";
  }
  return "error\n" + std::to_string(static_cast<int>(error.code)) + "\n" + OneLine(error.reason) +
         std::to_string(error.sys_errno) + "\n" + OneLine(message + error.message) +
         OneLine(error.fix);
}

int Main(int argc, char** argv) {
  if (argc != 3 || (std::string(argv[1]) != "tar" && std::string(argv[1]) != "oci")) {
    std::fputs("faber-unpack is started by faber and fabro\n", stderr);
    return 2;
  }
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Names are bytes; without it libarchive would not give those beyond ASCII.
  (void)std::setlocale(LC_CTYPE, "C.UTF-8");
  (void)::umask(0);
  const auto done = Work(argv[1], argv[2]);
  (void)WriteFd(STDOUT_FILENO, Answer(done));
  return done.ok() ? 0 : 1;
}

}  // namespace
}  // namespace fabro

int main(int argc, char** argv) { return fabro::Main(argc, argv); }
