// A patch is read and applied to its own text, or refused with a reason. What is applied without
// removing a line is never shorter.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fabro/agent/tools/patch.h"
#include "fabro/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fabro::agent;
  if (size > 1 << 14) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto sections = ParsePatch(text);
  if (!sections.ok()) {
    CHECK(sections.error().reason == "patch_syntax");
    return 0;
  }
  CHECK(!sections->empty());
  for (const PatchSection& section : *sections) {
    CHECK(!section.path.empty());
    const auto applied = ApplyHunks(text, section.hunks);
    CHECK(applied.ok() || applied.error().reason == "patch_mismatch");
    bool removes = false;
    for (const Hunk& hunk : section.hunks) {
      for (const PatchLine& line : hunk.lines) removes |= line.kind == PatchLine::Kind::kRemoved;
    }
    if (applied.ok() && !removes) CHECK(applied->size() >= text.size());
  }
  return 0;
}
