// `faber` as a program, for the end-to-end tests.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/linux/process.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/model/json.h"

namespace fabro::e2e {

using Words = std::vector<std::string>;

struct Done {
  int status = -1;  // As a shell shows it: 128+n for a signal to faber itself.
  std::string out;
  std::string err;
};

// Runs faber to its end, with `input` on its standard input.
Done Faber(const Words& args, std::string_view input = {});

// `faber run` with `options`, then `sh -c script`.
Done Shell(const std::string& script, Words options = {}, std::string_view input = {});

// The object that --json printed; fails the test when it is none.
model::Json JsonOf(const Done& done);

// A faber that runs while the test goes on.
struct Running {
  Process process;
  UniqueFd in;  // Ends of pipes; the other ends are faber's.
  UniqueFd out;
  UniqueFd err;
};
Running Start(const Words& args);

// Reads from `fd` until `text` has come; what has come so far otherwise (end of file, or 20 s).
std::string ReadUntil(int fd, std::string_view text);

// The exit status as a shell shows it. Reaps.
int StatusOf(Process& process);

// Skips where the kernel's part cannot be tested.
class FaberTest : public testing::Test {
 protected:
  void SetUp() override;
};

}  // namespace fabro::e2e
