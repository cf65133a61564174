// A command whose output is wanted as a whole, for the engine's own small commands (git plumbing,
// probes). `limit` holds per stream; more is kResourceExhausted, output_limit, and ends the
// command.
#pragma once

#include <cstddef>
#include <string>

#include "fabro/base/result.h"
#include "fabro/provider/provider.h"

namespace fabro::provider {

struct BufferedResult {
  ExecResult result;
  std::string out;
  std::string err;
};

inline Result<BufferedResult> ExecBuffered(Sandbox& sandbox, ExecRequest request,
                                           std::size_t limit) {
  BufferedResult buffered;
  request.on_output = [&](Stream stream, std::string_view bytes) -> Status {
    std::string& text = stream == Stream::kStdout ? buffered.out : buffered.err;
    if (text.size() + bytes.size() > limit) {
      return Failure(Code::kResourceExhausted, "the command wrote too much", "output_limit");
    }
    text.append(bytes);
    return {};
  };
  buffered.result = TRY(sandbox.Exec(request));
  return buffered;
}

}  // namespace fabro::provider
