// Credentials and the .env files that may hold them. The process environment wins over the
// project's .env, which wins over ~/.fabro/.env. What is read here is for fabro itself: it is never
// put into the process environment, so no command of a sandbox inherits it.
// Spec: run, section 3.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"

namespace fabro::config {

struct Dotenv {
  std::map<std::string, std::string> values;
  std::vector<std::string> problems;  // "file:3: …", a line each; never a value.
};

// KEY=value, with an optional "export ", # comments, single quotes literal, double quotes with \n
// \" \\ and no expansion. A line that is none is a problem, and the others are read.
Dotenv ParseDotenv(std::string_view text, const std::string& file);

// Names that a project's file may not set: a cloned repository must not redirect keys.
bool IsReservedForUser(std::string_view name);

class Credentials {
 public:
  using Variable = std::function<std::optional<std::string>(const char* name)>;

  // Only the process environment.
  explicit Credentials(Variable variable) : variable_(std::move(variable)) {}

  // `home` and `project` are directories, empty for none; FABRO_NO_DOTENV=1 leaves both out.
  // Nothing here stops a run: a file that cannot be read is a warning.
  static Credentials Load(const std::string& home, const std::string& project, Variable variable);

  // Empty ones count as unset.
  std::optional<std::string> Find(const std::string& name) const;
  // "environment", "/x/.env", or empty: nobody has it.
  std::string SourceOf(const std::string& name) const;
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void Add(const std::string& file, bool of_project);

  struct File {
    std::string path;
    std::map<std::string, std::string> values;
  };
  Variable variable_;
  std::vector<File> files_;  // The project's first.
  std::vector<std::string> warnings_;
};

// The directory of a project: the nearest with .git, .fabro/project.toml or fabro.toml at or above
// `cwd`, else `cwd`. (~/.fabro makes no project of a home.)
std::string ProjectRoot(const std::string& cwd);

}  // namespace fabro::config
