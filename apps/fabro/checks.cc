#include "checks.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "fabro/git/git.h"
#include "fabro/linux/file.h"
#include "workflow_source.h"

namespace fabro::cli {
namespace {

std::string_view Word(Check::State state) {
  switch (state) {
    case Check::State::kPass:
      return "pass";
    case Check::State::kWarn:
      return "warn";
    case Check::State::kFail:
      return "fail";
  }
  return "fail";
}

std::string Mark(Check::State state, const Console& console) {
  switch (state) {
    case Check::State::kPass:
      return console.Paint("32", "ok  ");
    case Check::State::kWarn:
      return console.Paint("33", "warn");
    case Check::State::kFail:
      return console.Paint("31", "FAIL");
  }
  return "FAIL";
}

}  // namespace

Check Pass(std::string section, std::string name, std::string message) {
  return {std::move(section), std::move(name), Check::State::kPass, std::move(message)};
}

Check Warned(std::string section, std::string name, std::string message, std::string fix) {
  return {std::move(section), std::move(name), Check::State::kWarn, std::move(message),
          std::move(fix)};
}

Check Failed(std::string section, std::string name, std::string message, std::string fix) {
  return {std::move(section), std::move(name), Check::State::kFail, std::move(message),
          std::move(fix)};
}

Check Failed(std::string section, std::string name, const Error& error) {
  std::string message = error.message;
  for (const std::string& context : error.context) message = context + ": " + message;
  return Failed(std::move(section), std::move(name), std::move(message), error.fix);
}

bool Report(const std::vector<Check>& checks, const model::Json& more, Console& console) {
  bool ok = true;
  for (const Check& check : checks) ok = ok && check.state != Check::State::kFail;
  if (console.json()) {
    model::Json json = model::Json::MakeObject();
    model::Json list = model::Json::MakeArray();
    for (const Check& check : checks) {
      model::Json one = model::Json::MakeObject();
      one.Set("section", check.section).Set("name", check.name).Set("status", Word(check.state));
      list.Push(one.Set("message", check.message).SetIfAny("fix", check.fix));
    }
    json.Set("ok", ok).Set("checks", std::move(list));
    if (const auto* members = more.Members()) {
      for (const auto& [key, value] : *members) json.Set(key, value);
    }
    console.Result(json.Dump());
    return ok;
  }
  std::string section;
  for (const Check& check : checks) {
    if (check.section != section) {
      section = check.section;
      console.Result(console.Paint("1", section));
    }
    console.Result("  " + Mark(check.state, console) + "  " + check.name + ": " +
                   Inert(check.message));
    if (!check.fix.empty() && check.state != Check::State::kPass) {
      console.Result("        fix: " + Inert(check.fix));
    }
  }
  return ok;
}

void CheckStorage(const std::string& storage, std::vector<Check>& checks) {
  const Status made = MakeDirs(storage, 0700);
  if (!made.ok()) {
    checks.push_back(Failed("required", "storage", made.error()));
  } else if (::access(storage.c_str(), R_OK | W_OK | X_OK) != 0) {
    checks.push_back(Failed("required", "storage", storage + " cannot be written",
                            "chown it to you, or give --storage-dir DIR"));
  } else {
    checks.push_back(Pass("required", "storage", storage));
  }
}

void CheckGit(std::vector<Check>& checks) {
  const auto version = git::Git("/", {"version"});
  if (version.ok()) {
    checks.push_back(Pass("required", "git", *version));
  } else {
    checks.push_back(Warned("required", "git", version.error().message,
                            "install git; without it runs have no checkpoints"));
  }
}

void CheckNamespace(const jail::HostReport& host, model::Level level, bool required,
                    std::vector<Check>& checks) {
  const auto obstacles = jail::Obstacles(host, level);
  const std::string name = "namespace (" + std::string(model::ToString(level)) + ")";
  if (obstacles.empty()) {
    checks.push_back(Pass("environment", name, host.kernel + ", " + host.identity));
  }
  for (const jail::Finding* finding : obstacles) {
    std::string message = finding->layer + ": " + finding->detail;
    checks.push_back(required ? Failed("environment", name, std::move(message), finding->fix)
                              : Warned("environment", name, std::move(message), finding->fix));
  }
}

void CheckDotenv(const std::string& directory, std::vector<Check>& checks) {
  const config::Credentials credentials = CredentialsOf(directory);
  for (const std::string& warning : credentials.warnings()) {
    checks.push_back(Warned("credentials", ".env", warning, ""));
  }
  const std::string root = config::ProjectRoot(directory);
  const auto tracked = git::Run(root, {"ls-files", "--error-unmatch", "--", ".env"});
  if (tracked.ok() && tracked->exit_code == 0) {
    checks.push_back(Warned("credentials", ".env", root + "/.env is in git, for everybody to read",
                            "git rm --cached .env, add it to .gitignore, and change its keys"));
  }
}

}  // namespace fabro::cli
