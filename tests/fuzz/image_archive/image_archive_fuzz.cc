// Any bytes as the archive of a root: nothing is written outside of the tree, limits hold.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "fabro/image/unpack/archive.h"
#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fabro;
  static const TempDir dir = TempDir::Make("fuzz-image").value();
  const DirFd top = OpenDir(dir.path()).value();
  const UniqueFd file(::memfd_create("archive", MFD_CLOEXEC));
  (void)WriteFd(file.get(), std::string_view(reinterpret_cast<const char*>(data), size));
  (void)::lseek(file.get(), 0, SEEK_SET);
  {
    const DirFd root = MakeDirsAt(top.get(), "root").value();
    image::TreeWriter tree(root.get(), {.entries = 64, .bytes = 1 << 20}, false);
    image::HashedFile hashed(file.get());
    const Status done = image::ExtractTar(hashed, tree, true);
    // Entries beyond the limit were refused before they were made; content likewise.
    if (tree.entries() > 65 || (done.ok() && tree.bytes() > (1 << 20))) std::abort();
  }
  // Only the root is there: nothing left it.
  if (ListDir(top.get()).value().size() != 1) std::abort();
  (void)RemoveTreeAt(top.get(), "root");
  return 0;
}
