#include "apps/faber/cli.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <map>

namespace fabro::faber {
namespace {

Error Usage(const CommandInfo& command, std::string message) {
  return Failure(Code::kInvalidArgument, std::move(message), "usage",
                 "see faber " + std::string(command.name) + " --help");
}

// CLI11 registers, splits "--name=value" and reports; its own help and conversions are not used.
struct Parser {
  CLI::App app;
  std::map<std::string_view, std::vector<std::string>> values;
  std::map<std::string_view, bool> switches;
  std::vector<std::string> positionals;

  explicit Parser(const CommandInfo& command) {
    app.set_help_flag();
    app.allow_windows_style_options(false);
    for (const OptionInfo& option : command.options) Register(option);
    if (!command.words.empty() || command.takes_command) {
      app.add_option("words", positionals);
    }
  }

  void Register(const OptionInfo& option) {
    std::string name(option.name);
    if (option.name == "--help") name = "-h,--help";
    if (option.name == "--rootfs") name = "--rootfs,--root";
    if (option.placeholder.empty()) {
      app.add_flag(name, switches[option.name]);
      return;
    }
    app.add_option(name, values[option.name])
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }

  Status Parse(const CommandInfo& command, std::vector<std::string> args) {
    std::reverse(args.begin(), args.end());  // What CLI11 wants of a vector.
    try {
      app.parse(std::move(args));
    } catch (const CLI::ParseError& error) {
      return Usage(command, error.what());
    }
    return {};
  }
};

// "--memory -1" would look like an option to the splitter; "--memory=-1" does not. Only options of
// the table that take a value are joined, so nothing else changes.
std::vector<std::string> JoinValues(const CommandInfo& command, std::span<const std::string> args) {
  std::vector<std::string> joined;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const auto takes_value = [&](const OptionInfo& option) {
      return !option.placeholder.empty() && option.name == args[i];
    };
    joined.push_back(args[i]);
    if (std::ranges::any_of(command.options, takes_value) && i + 1 < args.size()) {
      joined.back() += "=" + args[++i];
    }
  }
  return joined;
}

}  // namespace

bool Invocation::Has(std::string_view name) const {
  return std::ranges::any_of(options, [&](const OptionUse& use) { return use.name == name; });
}

const std::string* Invocation::Find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(options, [&](const OptionUse& use) { return use.name == name; });
  return found == options.end() ? nullptr : &found->value;
}

Result<Invocation> ParseInvocation(const CommandInfo& command, std::span<const std::string> args) {
  const auto dashes = std::ranges::find(args, "--");
  const auto before = args.first(static_cast<std::size_t>(dashes - args.begin()));
  if (dashes != args.end() && !command.takes_command) {
    return Usage(command,
                 "'faber " + std::string(command.name) + "' runs no command: -- is wrong here");
  }
  Parser parser(command);
  TRY(parser.Parse(command, JoinValues(command, before)));

  Invocation invocation{.command = &command};
  for (const OptionInfo& option : command.options) {
    if (option.placeholder.empty()) {
      if (parser.switches[option.name]) invocation.options.push_back({option.name, ""});
      continue;
    }
    const std::vector<std::string>& values = parser.values[option.name];
    if (values.size() > 1 && !option.repeats) {
      return Usage(command, std::string(option.name) + " is given " +
                                std::to_string(values.size()) + " times; it is taken once");
    }
    for (const std::string& value : values) invocation.options.push_back({option.name, value});
  }
  invocation.positionals = std::move(parser.positionals);
  if (dashes != args.end()) invocation.rest.assign(dashes + 1, args.end());
  return invocation;
}

}  // namespace fabro::faber
