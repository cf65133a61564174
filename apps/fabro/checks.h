// Findings of `fabro doctor` and `fabro preflight`: what was looked at, how it is, what to do.
#pragma once

#include <string>
#include <vector>

#include "console.h"
#include "fabro/config/settings.h"
#include "fabro/jail/host/host_report.h"
#include "fabro/model/json.h"

namespace fabro::cli {

struct Check {
  enum class State { kPass, kWarn, kFail };
  std::string section;  // "required", "environment", …
  std::string name;
  State state = State::kPass;
  std::string message;
  std::string fix = {};
};

Check Pass(std::string section, std::string name, std::string message);
Check Warned(std::string section, std::string name, std::string message, std::string fix);
Check Failed(std::string section, std::string name, std::string message, std::string fix);
Check Failed(std::string section, std::string name, const Error& error);

// Prints them, with remedies; as JSON one object: {ok, checks, …`more`}. True when none failed.
bool Report(const std::vector<Check>& checks, const model::Json& more, Console& console);

// The parts that both commands look at.
void CheckStorage(const std::string& storage, std::vector<Check>& checks);
void CheckGit(std::vector<Check>& checks);
// What keeps a sandbox of `level` from being had, as tried on this machine.
void CheckNamespace(const jail::HostReport& host, model::Level level, bool required,
                    std::vector<Check>& checks);
// .env files: who can read them, and whether git has them.
void CheckDotenv(const std::string& directory, std::vector<Check>& checks);

}  // namespace fabro::cli
