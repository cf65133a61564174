// Replays a fuzz target's committed corpus: each file of the folder given as argument goes through
// the target once, under the sanitizers of the build. Prints how many; fails on an empty corpus.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::size_t replayed = 0;
  std::error_code failed;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[1], failed)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    (void)LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    ++replayed;
  }
  std::printf("replayed %zu inputs of %s\n", replayed, argv[1]);
  return replayed > 0 && !failed ? 0 : 1;
}
