#include "fabro/config/dotenv.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "fabro/config/small_file.h"

namespace fabro::config {
namespace {

namespace fs = std::filesystem;

bool IsName(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9');
  });
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// What follows a closing quote: nothing, or a comment.
bool EndsWell(std::string_view rest) {
  rest = Trim(rest);
  return rest.empty() || rest[0] == '#';
}

std::optional<std::string> DoubleQuoted(std::string_view text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return EndsWell(text.substr(i + 1)) ? std::optional(value) : std::nullopt;
    if (text[i] != '\\' || i + 1 == text.size()) {
      value += text[i];
      continue;
    }
    ++i;
    if (text[i] == 'n') {
      value += '\n';
    } else {
      if (text[i] != '"' && text[i] != '\\') value += '\\';
      value += text[i];
    }
  }
  return std::nullopt;
}

std::optional<std::string> ValueOf(std::string_view text) {
  if (text.empty()) return std::string();
  if (text[0] == '"') return DoubleQuoted(text);
  if (text[0] == '\'') {
    const std::size_t end = text.find('\'', 1);
    if (end == std::string_view::npos || !EndsWell(text.substr(end + 1))) return std::nullopt;
    return std::string(text.substr(1, end - 1));
  }
  const std::size_t comment = std::min(text.find(" #"), text.find("\t#"));
  return std::string(Trim(text.substr(0, comment)));
}

}  // namespace

Dotenv ParseDotenv(std::string_view text, const std::string& file) {
  Dotenv parsed;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line[0] == '#') continue;
    constexpr std::string_view kExport = "export ";
    if (line.starts_with(kExport)) line = Trim(line.substr(kExport.size()));
    const std::size_t equals = line.find('=');
    const std::string_view name = Trim(line.substr(0, std::min(equals, line.size())));
    auto value =
        equals == std::string_view::npos ? std::nullopt : ValueOf(Trim(line.substr(equals + 1)));
    if (!IsName(name) || !value || value->find('\0') != std::string::npos) {
      parsed.problems.push_back(file + ":" + std::to_string(number) + ": no KEY=value line");
      continue;
    }
    parsed.values[std::string(name)] = *std::move(value);
  }
  return parsed;
}

bool IsReservedForUser(std::string_view name) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"DAYTONA_API_URL", "DAYTONA_SERVER_URL", "SESSION_SECRET", "SESSION_SECRET_PREVIOUS",
       "FABRO_VAULT_KEY", "PATH", "HOME"});
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         name.ends_with("_BASE_URL") || name.starts_with("FABRO_JWT_") ||
         name.starts_with("GITHUB_APP_") || name.starts_with("LD_");
}

Credentials Credentials::Load(const std::string& home, const std::string& project,
                              Variable variable) {
  Credentials credentials(std::move(variable));
  const auto off = credentials.variable_ ? credentials.variable_("FABRO_NO_DOTENV") : std::nullopt;
  if (off == "1") return credentials;
  if (!project.empty()) credentials.Add(project + "/.env", true);
  if (!home.empty()) credentials.Add(home + "/.fabro/.env", false);
  return credentials;
}

void Credentials::Add(const std::string& file, bool of_project) {
  const auto text = ReadSmallFile(file);
  if (!text.ok()) {
    warnings_.push_back(text.error().ToString());
    return;
  }
  if (!*text) return;
  std::error_code failed;
  const fs::perms others =
      fs::status(file, failed).permissions() & (fs::perms::group_read | fs::perms::others_read);
  if (!failed && others != fs::perms::none) {
    warnings_.push_back(file + " is readable by others: chmod 600 " + file);
  }
  Dotenv parsed = ParseDotenv(**text, file);
  for (std::string& problem : parsed.problems) warnings_.push_back(std::move(problem));
  std::string ignored;
  if (of_project) {
    std::erase_if(parsed.values, [&](const auto& entry) {
      if (!IsReservedForUser(entry.first)) return false;
      ignored += (ignored.empty() ? "" : ", ") + entry.first;
      return true;
    });
  }
  if (!ignored.empty()) {
    warnings_.push_back(file + ": left out, because a repository may not set them: " + ignored);
  }
  files_.push_back({file, std::move(parsed.values)});
}

std::optional<std::string> Credentials::Find(const std::string& name) const {
  auto value = variable_ ? variable_(name.c_str()) : std::nullopt;
  if (value && !value->empty()) return value;
  for (const File& file : files_) {
    const auto found = file.values.find(name);
    if (found != file.values.end() && !found->second.empty()) return found->second;
  }
  return std::nullopt;
}

std::string Credentials::SourceOf(const std::string& name) const {
  const auto value = variable_ ? variable_(name.c_str()) : std::nullopt;
  if (value && !value->empty()) return "environment";
  for (const File& file : files_) {
    const auto found = file.values.find(name);
    if (found != file.values.end() && !found->second.empty()) return file.path;
  }
  return {};
}

std::string ProjectRoot(const std::string& cwd) {
  std::error_code failed;
  fs::path start = fs::absolute(cwd, failed).lexically_normal();
  if (failed) return cwd;
  for (fs::path at = start;; at = at.parent_path()) {
    for (const char* mark : {".git", ".fabro/project.toml", "fabro.toml"}) {
      if (fs::exists(at / mark, failed)) return at.string();
    }
    if (at == at.parent_path()) return start.string();
  }
}

}  // namespace fabro::config
