// For tests: tar archives byte by byte, so that they can say what no archiver would write.
#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace fabro::image {

struct TarEntry {
  std::string name;
  char type = '0';  // '0' file, '1' hard link, '2' symlink, '3' character device, '5' directory,
                    // '6' FIFO, 'L' the long name of the next entry.
  std::string content = {};
  std::string link = {};
  unsigned mode = 0644;
  unsigned uid = 0;
  unsigned long long size = ~0ULL;  // What the header says; ~0: that of `content`.
};

inline std::string TarHeader(const TarEntry& entry) {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, std::size_t most, const std::string& text) {
    std::memcpy(header.data() + at, text.data(), std::min(most, text.size()));
  };
  const auto octal = [&](std::size_t at, std::size_t width, unsigned long long value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%0*llo", static_cast<int>(width - 1), value);
    put(at, width - 1, text.data());
  };
  put(0, 100, entry.name);
  octal(100, 8, entry.mode);
  octal(108, 8, entry.uid);
  octal(116, 8, entry.uid);
  octal(124, 12, entry.size == ~0ULL ? entry.content.size() : entry.size);
  octal(136, 12, 1'700'000'000);
  put(148, 8, "        ");
  header[156] = entry.type;
  put(157, 100, entry.link);
  put(257, 8, std::string("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  octal(148, 7, sum);
  return header;
}

inline std::string Tar(const std::vector<TarEntry>& entries) {
  std::string bytes;
  for (const TarEntry& entry : entries) {
    std::string name = entry.name;
    if (name.size() > 100) {
      bytes += TarHeader({.name = "././@LongLink", .type = 'L', .content = name + '\0'});
      bytes += name + std::string(512 - name.size() % 512, '\0');
    }
    bytes += TarHeader(entry) + entry.content;
    bytes.append((512 - entry.content.size() % 512) % 512, '\0');
  }
  return bytes + std::string(1024, '\0');
}

inline std::string Sha256(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  (void)EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hex;
  for (const unsigned char byte : digest) {
    std::array<char, 3> pair{};
    std::snprintf(pair.data(), pair.size(), "%02x", byte);
    hex += pair.data();
  }
  return hex;
}

}  // namespace fabro::image
