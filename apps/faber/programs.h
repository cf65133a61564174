// Where the other programs of the package are: beside this one.
#pragma once

#include <unistd.h>
#include <climits>
#include <string>

namespace fabro::faber {

inline std::string BesideUs(const std::string& name) {
  std::string self(PATH_MAX, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  self.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return self.substr(0, self.rfind('/') + 1) + name;
}

inline std::string JailerProgram() { return BesideUs("faber-jailer"); }

}  // namespace fabro::faber
