// A test process with a network of its own: in a network and mount namespace that hold nothing of
// the machine's, with a link to internet.py in another one, whose name server it uses.
#pragma once

#include <string>
#include <vector>

#include "fabro/linux/process.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::e2e {

class World {
 public:
  // This process goes there for good; call it once. Needs root. Failures are the test's.
  static World& Get();

  // One command of internet.py; its answer.
  std::string Ask(const std::string& command);
  // ip(8) on this side.
  static void Ip(const std::vector<std::string>& words);
  // The certificate of its TLS server, as a file.
  static std::string CaFile();
  // Whether anybody has connected to port 80 of this side's own loopback since the last question.
  bool LoopbackWasTouched();

 private:
  World();
  ~World();
  UniqueFd in_;
  UniqueFd out_;
  UniqueFd loopback_;
  std::vector<Process> internet_;
};

}  // namespace fabro::e2e
