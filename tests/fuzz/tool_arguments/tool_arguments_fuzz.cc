// Arguments that pass a tool's schema are taken by the tool, whatever they hold; the others are
// refused with a place. The sandbox is the one in memory.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fabro/agent/tools/guard.h"
#include "fabro/agent/tools/schema.h"
#include "fabro/agent/tools/toolbox.h"
#include "fabro/base/check.h"
#include "fabro/codec/json/json.h"
#include "fabro/provider/fake/fake.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fabro::agent;
  static const Toolbox kTools = [] {
    Toolbox box = SandboxTools(Profile::kGemini);
    CHECK(box.Add(ApplyPatchTool()).ok());
    return box;
  }();
  if (size < 2 || size > 1 << 14) return 0;
  const Tool& tool = kTools.tools()[data[0] % kTools.tools().size()];
  const auto arguments =
      fabro::codec::ParseJson({reinterpret_cast<const char*>(data) + 1, size - 1});
  if (!arguments.ok()) return 0;
  const fabro::Status fits = CheckArguments(tool.parameters, *arguments);
  if (!fits.ok()) {
    CHECK(fits.error().reason == "arguments_invalid");
    return 0;
  }
  fabro::provider::FakeSandbox sandbox;
  CHECK(sandbox.Initialize().ok());
  CHECK(sandbox.WriteFile("a.txt", "alpha\nbeta\n").ok());
  ReadSet read;
  GuardedSandbox place(sandbox, read);
  ToolContext context{.place = place,
                      .default_timeout = std::chrono::seconds(1),
                      .max_timeout = std::chrono::seconds(2)};
  const ToolResult result = tool.run(*arguments, context);
  CHECK(!Truncate(result.output, tool.limit).empty() || result.output.empty());
  return 0;
}
