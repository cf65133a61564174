// `faber policy show` and `faber policy learn`.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "apps/faber/commands/commands.h"
#include "apps/faber/policy_profile.h"
#include "apps/faber/relay.h"
#include "apps/faber/run_request.h"
#include "apps/faber/syscall_options.h"
#include "fabro/codec/model_json.h"
#include "fabro/jail/jail.h"

namespace fabro::faber {
namespace {

Result<seccomp::Level> LevelOf(const Invocation& invocation, std::string_view option,
                               seccomp::Level otherwise) {
  const std::string* text = invocation.Find(option);
  if (text == nullptr) return otherwise;
  return ReadLevel(option, *text);
}

Result<seccomp::Arch> ArchOf(const Invocation& invocation) {
  const std::string* text = invocation.Find("--arch");
  if (text == nullptr) return seccomp::NativeArch();
  for (const auto arch : {seccomp::Arch::kX86_64, seccomp::Arch::kAarch64}) {
    if (seccomp::ArchName(arch) == *text) return arch;
  }
  return Failure(Code::kInvalidArgument, "--arch: '" + *text + "' has no table", "bad_option",
                 "give x86_64 or aarch64");
}

Result<std::string> Shown(const Invocation& invocation) {
  const seccomp::Level level = TRY(LevelOf(invocation, "--level", seccomp::Level::kMedium));
  const seccomp::Arch arch = TRY(ArchOf(invocation));
  if (!invocation.Has("--json")) return seccomp::PolicyListing(level, arch);
  return PolicyJson(level, arch).Dump() + "\n";
}

Result<RunArguments> LearnArguments(const Invocation& invocation) {
  const seccomp::Level wanted = TRY(LevelOf(invocation, "--for", seccomp::Level::kMedium));
  if (wanted == seccomp::Level::kLow) {
    return Failure(Code::kInvalidArgument, "--for: there is nothing to learn for level low",
                   "bad_option", "give medium or high");
  }
  Caller caller;
  std::error_code error;
  caller.cwd = std::filesystem::current_path(error).string();
  if (error) return SysFailureOf(error.value(), "getcwd");
  RunArguments arguments = TRY(ReadRunArguments(invocation, DefaultRequest(), caller));
  arguments.request.sandbox.level = model::Level::kLow;
  arguments.request.sandbox.syscalls.learn =
      wanted == seccomp::Level::kHigh ? model::Level::kHigh : model::Level::kMedium;
  return arguments;
}

Result<model::Outcome> Learn(const model::RunRequest& request, OutputMode mode) {
  jail::Jailer jailer = TRY(jail::Jailer::Open({}));
  jail::Jail jail = TRY(jail::Jail::Create(std::move(jailer), request.sandbox));
  RelayResult result = TRY(RelayIn(jail, request.exec, mode));
  TRY_IN("cleaning up the sandbox", jail.Stop());
  return std::move(result.outcome);
}

}  // namespace

int PolicyShowCommand(const Invocation& invocation) {
  const auto text = Shown(invocation);
  return text.ok() ? Print(*text) : Fail(text.error(), kExitUsage);
}

int PolicyLearnCommand(const Invocation& invocation) {
  const auto arguments = LearnArguments(invocation);
  if (!arguments.ok()) return Fail(arguments.error(), kExitRefused);
  const OutputMode mode = arguments->json ? OutputMode::kCapture : OutputMode::kPass;
  const auto outcome = Learn(arguments->request, mode);
  if (!outcome.ok()) return Fail(outcome.error(), kExitRefused);
  const Profile profile = ProfileOf(*outcome, arguments->request);
  if (arguments->json) return Print(ToJson(profile).Dump() + "\n");
  // Standard output is the command's own.
  const std::string text = ToText(profile);
  std::fwrite(text.data(), 1, text.size(), stderr);
  return model::ExitCodeOf(*outcome);
}

}  // namespace fabro::faber
