// Any text is read as shell text in both dialects, and judged as a command: it ends, in bounds, and
// a command that is blocked by itself stays blocked when text that does nothing stands before it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fabro/base/check.h"
#include "fabro/jail/command_policy/policy.h"
#include "fabro/jail/command_policy/shell.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fabro::jail::command_policy;
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const Dialect dialect : {Dialect::kPosix, Dialect::kBash}) {
    const Script script = ParseShell(text, dialect);
    if (script.error) CHECK(!script.error->message.empty());
  }
  (void)SplitWords(text);
  const auto decision = Judge({.argv = {"sh", "-c", text}}, {}, NoResolver());
  CHECK(decision.commands.size() <= 64);
  // Words that hold the same bytes are one command, so argv cannot fail differently.
  (void)Judge({.argv = {text, text}}, {}, NoResolver());
  // A first line that is complete runs whatever follows it.
  const auto first = Judge({.argv = {"sh", "-c", "rm -rf /\n" + text}}, {}, NoResolver());
  CHECK(first.verdict == fabro::model::PolicyVerdict::kBlock);
  return 0;
}
