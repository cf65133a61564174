// `fabro exec PROMPT`: one agent session in the current directory.
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "../agent_view.h"
#include "../models.h"
#include "../redact.h"
#include "../spec_settings.h"
#include "../trust_question.h"
#include "../workflow_source.h"
#include "commands.h"
#include "fabro/config/resolve.h"
#include "fabro/linux/unique_fd.h"
#include "fabro/provider/local/local.h"

namespace fabro::cli {
namespace {

// Where the handler of SIGINT writes; signal handlers have nothing but globals.
volatile std::sig_atomic_t g_cancel_fd = -1;

void OnInterruptSignal(int) {
  const int saved = errno;
  const std::uint64_t one = 1;
  (void)!::write(g_cancel_fd, &one, sizeof one);
  errno = saved;
}

// The second one ends the program as if there were no handler.
void TakeInterrupts(int cancel_fd) {
  g_cancel_fd = cancel_fd;
  struct sigaction action{};
  action.sa_handler = OnInterruptSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  (void)::sigaction(SIGINT, &action, nullptr);
  (void)::sigaction(SIGTERM, &action, nullptr);
}

struct Setting {
  config::Settings settings;
  ModelSetup models;
  agent::AgentsConfig agents;
};

fabro::Result<Setting> Load(const ExecOptions& options) {
  Setting setting;
  const config::LoadedLayers loaded =
      TRY(config::LoadLayers(std::nullopt, config::Flags(), Here()));
  setting.settings = TRY(config::Resolve(loaded.layers));
  const model::Json json = SettingsJson(setting.settings);
  setting.models = SetupOf(json, std::filesystem::current_path());
  const config::CliSettings& own = setting.settings.cli;
  if (!own.exec_model_name.empty()) setting.models.model = own.exec_model_name;
  if (!own.exec_model_provider.empty()) setting.models.provider = own.exec_model_provider;
  if (!options.model.empty()) {
    setting.models.model = options.model;
    setting.models.provider.clear();
  }
  if (!options.provider.empty()) {
    if (options.model.empty()) setting.models.model.clear();
    setting.models.provider = options.provider;
  }
  const std::string word = options.permissions.empty() ? own.exec_permissions : options.permissions;
  const auto level = agent::ParseLevel(word);
  if (!level) {
    return Failure(Code::kInvalidArgument, "\"" + word + "\" is no permission level",
                   "bad_settings", "use read-only, read-write or full");
  }
  setting.agents = TRY(AgentsConfigOf(json, setting.models, CredentialsOf(".")));
  setting.agents.level = *level;
  setting.agents.redact = RedactorOf(json, CredentialsOf("."), {});
  return setting;
}

fabro::Result<std::string> PromptOf(const ExecOptions& options) {
  if (options.prompt != "-") return options.prompt;
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Failure(Code::kInvalidArgument, "the prompt on standard input is empty", "prompt_empty");
  }
  return text;
}

agent::StageRequest RequestOf(std::string prompt, provider::Sandbox& sandbox, int cancel_fd,
                              AgentView& view) {
  agent::StageRequest request;
  request.node = "exec";
  request.stage_id = "exec@1";
  request.prompt = std::move(prompt);
  request.sandbox = &sandbox;
  request.cancel_fd = cancel_fd;
  request.exec_id = "exec-" + std::to_string(::getpid()) + "/1";
  request.event = [&view](const std::string& name, const model::Json& properties) -> Status {
    view.Show(name, properties, false);
    return {};
  };
  request.delta = [&view](std::string_view name, const model::Json& properties) {
    if (name != "agent.activity") view.Show(name, properties, true);
  };
  return request;
}

agent::StageConsent ConsentOf(agent::Consent consent) {
  switch (consent) {
    case agent::Consent::kYes:
      return agent::StageConsent::kYes;
    case agent::Consent::kAlways:
      return agent::StageConsent::kAlways;
    case agent::Consent::kNo:
      break;
  }
  return agent::StageConsent::kNo;
}

void LetAsk(agent::Approver approver, agent::StageRequest& request) {
  if (!approver) return;  // --auto-approve, or no terminal: calls outside the level are denied.
  request.ask = [approver = std::move(approver)](
                    const agent::StagePermission& asked) -> fabro::Result<agent::StageAnswerer> {
    agent::PermissionQuestion question;
    question.tool_name = asked.tool_name;
    question.arguments = asked.arguments;
    question.category =
        asked.category == "write" ? agent::Category::kWrite : agent::Category::kShell;
    const agent::PermissionAnswer answer = TRY(approver(question));
    return agent::StageAnswerer{.consent = ConsentOf(answer.consent), .by = answer.by};
  };
}

fabro::Result<std::string> Execute(const ExecOptions& options, Console& console, AgentView& view) {
  const Setting setting = TRY(Load(options));
  // What the repository itself would do with keys, or start on this machine.
  TRY(RequireTrust(config::HostEffects(setting.settings, false, Here().home), console));
  std::string prompt = TRY(PromptOf(options));
  const std::string directory = std::filesystem::current_path();
  const auto sandbox = provider::MakeLocalSandbox({.working_directory = directory,
                                                   .env = {},
                                                   .filter = {},
                                                   .run_id = "exec-" + std::to_string(::getpid()),
                                                   .host_environment = provider::OwnEnvironment()});
  TRY(sandbox->Initialize());
  const UniqueFd cancel(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!cancel) return SysFailure("eventfd");
  TakeInterrupts(cancel.get());
  const auto agents = agent::MakeAgents(setting.agents, RealClock());
  agent::StageRequest request = RequestOf(std::move(prompt), *sandbox, cancel.get(), view);
  if (!options.auto_approve) LetAsk(TerminalApprover(console), request);
  auto answer = agents->Run(request);
  g_cancel_fd = -1;
  const Status stopped = sandbox->Stop();
  if (!stopped.ok()) console.Warn(stopped.error().ToString());
  if (!answer.ok()) return std::move(answer).error();
  return answer->text;
}

}  // namespace

int Run(const ExecOptions& options, const GlobalOptions& global, Console& console) {
  AgentView view(console, global.json || options.output_format == "json");
  const fabro::Result<std::string> answer = Execute(options, console, view);
  if (answer.ok()) {
    view.Answer(*answer);
    return kOk;
  }
  const int code = console.Fail(answer.error());
  return answer.error().code == Code::kCancelled ? kInterrupted : code;
}

}  // namespace fabro::cli
