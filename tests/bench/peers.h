// The programs that do a similar job, as they are installed here.
#pragma once

#include <string>
#include <vector>

namespace fabro::bench {

// The program that everybody launches: static, ends at once.
std::vector<std::string> StaticTrue();

struct Peer {
  std::string name;
  std::vector<std::string> argv;  // Launches StaticTrue(); empty: not installed.
  bool hides_v2 = false;          // See Contender.
};

// `scratch` is a folder for their bundles; it must outlive the measurement.
std::vector<Peer> FindPeers(const std::string& scratch);

}  // namespace fabro::bench
