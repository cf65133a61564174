#include "fabro/agent/stage/agents.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "fabro/agent/directives/directives.h"
#include "fabro/agent/loop/session.h"
#include "fabro/agent/prompt/system_prompt.h"
#include "fabro/agent/stage/cancel.h"
#include "fabro/agent/stage/no_sandbox.h"
#include "fabro/agent/stage/redacted.h"
#include "fabro/agent/stage/subagents.h"
#include "fabro/agent/web/web_tools.h"

namespace fabro::agent {
namespace {

using model::Json;

constexpr std::string_view kStatusFile = "status.json";

// --- status.json ---------------------------------------------------------------------------------

struct StatusFile {
  std::string content;
  std::int64_t mtime_ns = 0;
  friend bool operator==(const StatusFile&, const StatusFile&) = default;
};

std::optional<StatusFile> LookAtStatusFile(provider::Sandbox& sandbox) {
  const auto exists = sandbox.FileExists(kStatusFile);
  if (!exists.ok() || !*exists) return std::nullopt;
  auto content = sandbox.ReadFile(kStatusFile);
  if (!content.ok()) return std::nullopt;
  StatusFile file{.content = *std::move(content)};
  const auto entries = sandbox.ListDirectory(".", 1);
  if (!entries.ok()) return file;
  for (const provider::DirectoryEntry& entry : *entries) {
    if (entry.name == kStatusFile) file.mtime_ns = entry.mtime_ns;
  }
  return file;
}

// --- Events --------------------------------------------------------------------------------------

Json UsageOf(const Answer& answer) {
  Json usage;
  usage.Set("model", answer.model).Set("provider", answer.provider);
  usage.Set("input_tokens", answer.usage.input_tokens);
  usage.Set("output_tokens", answer.usage.output_tokens);
  usage.Set("total_tokens", answer.usage.total());
  if (answer.usage.reasoning_tokens) usage.Set("reasoning_tokens", *answer.usage.reasoning_tokens);
  if (answer.usage.cache_read_tokens) {
    usage.Set("cache_read_tokens", *answer.usage.cache_read_tokens);
  }
  if (answer.usage.cache_write_tokens) {
    usage.Set("cache_write_tokens", *answer.usage.cache_write_tokens);
  }
  if (answer.cost_usd) usage.Set("cost_usd", *answer.cost_usd);
  usage.Set("turns", answer.turns).Set("tool_calls", answer.tool_calls);
  return usage;
}

// Relative to the working directory where they lie below it.
std::vector<std::string> Shortened(const std::vector<std::string>& paths,
                                   const std::string& directory) {
  std::vector<std::string> shorter;
  const std::string prefix = directory.ends_with('/') ? directory : directory + "/";
  for (const std::string& path : paths) {
    shorter.push_back(path.starts_with(prefix) ? path.substr(prefix.size()) : path);
  }
  std::sort(shorter.begin(), shorter.end());
  return shorter;
}

// --- Sessions ------------------------------------------------------------------------------------

// A session and what it stands on.
struct Held {
  std::mutex busy;  // A stage at a time.
  OpenedModel opened;
  ModelChoice choice;
  provider::Sandbox* sandbox = nullptr;
  std::vector<Tool> remote;
  std::unique_ptr<Session> session;
  std::unique_ptr<SubAgents> children;  // Of a session with tools. Goes first.
};

class AtWork;

class StageAgents final : public Agents {
 public:
  StageAgents(AgentsConfig config, Clock& clock)
      : config_(std::move(config)), clock_(clock), servers_(config_.mcp_servers, config_.admit) {}

  Result<StageAnswer> Run(const StageRequest& request) override;

  std::string_view FailureClass(const Error& error) const override {
    if (error.reason == "timeout") return "transient_infra";
    if (error.reason.starts_with("llm_")) return llm::FailureClassOf(llm::KindOf(error));
    if (error.code == Code::kCancelled) return "canceled";
    if (error.code == Code::kResourceExhausted) return "budget_exhausted";
    if (error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded) {
      return "transient_infra";
    }
    return "deterministic";
  }

  bool Steer(std::string_view node, const std::string& text) override {
    const std::lock_guard lock(mutex_);
    bool reached = false;
    for (const auto& [name, session] : at_work_) {
      if (!node.empty() && node != name) continue;
      session->Steer(text);
      reached = true;
    }
    return reached;
  }

 private:
  friend class AtWork;

  std::shared_ptr<Held> HeldFor(const StageRequest& request);
  Status Furnish(Held& held, const StageRequest& request, int cancel_fd);
  std::unique_ptr<Session> NewSession(const Held& held, const StageRequest& request,
                                      std::vector<Tool> remote, int cancel_fd);
  Result<std::shared_ptr<Session>> NewChild(const Held& held, const ChildWish& wish);
  Result<std::vector<Tool>> RemoteTools(const StageRequest& request, int cancel_fd);
  SubmitIo IoOf(const StageRequest& request, int cancel_fd, std::mutex& telling) const;
  Approver ApproverOf(const StageRequest& request) const;
  StageAnswer Conclude(const Answer& answer, const StageRequest& request,
                       const std::optional<StatusFile>& before, const Session& session) const;

  AgentsConfig config_;
  Clock& clock_;
  NoSandbox nowhere_;
  McpServers servers_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Held>> threads_;
  std::multimap<std::string, Session*> at_work_;
};

// Makes a session reachable for steering while it works.
class AtWork {
 public:
  AtWork(StageAgents& agents, const std::string& node, Session& session) : agents_(agents) {
    const std::lock_guard lock(agents_.mutex_);
    place_ = agents_.at_work_.emplace(node, &session);
  }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
  ~AtWork() {
    const std::lock_guard lock(agents_.mutex_);
    agents_.at_work_.erase(place_);
  }

 private:
  StageAgents& agents_;
  std::multimap<std::string, Session*>::iterator place_;
};

std::shared_ptr<Held> StageAgents::HeldFor(const StageRequest& request) {
  if (request.thread_key.empty()) return std::make_shared<Held>();
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Held>& held = threads_[request.thread_key];
  if (!held) held = std::make_shared<Held>();
  return held;
}

// A model for this execution, and the session if there is none yet.
Status StageAgents::Furnish(Held& held, const StageRequest& request, int cancel_fd) {
  OpenedModel opened = TRY(config_.open_model(request.choice, request.dry_run));
  held.opened = std::move(opened);
  if (!held.session) {
    held.remote = TRY(RemoteTools(request, cancel_fd));
    held.session = NewSession(held, request, held.remote, cancel_fd);
    if (request.sandbox != nullptr && !request.one_call) {
      held.children = std::make_unique<SubAgents>(
          *held.session, [this, &held](const ChildWish& wish) { return NewChild(held, wish); });
    }
  }
  held.choice = request.choice;
  held.sandbox = request.sandbox;
  held.session->UseModel(*held.opened.model);
  SessionConfig& config = held.session->config();
  config.model = held.opened.id;
  config.provider = held.opened.provider;
  config.context_window = held.opened.context_window;
  config.vision = held.opened.vision;
  const ModelChoice& choice = request.choice;
  config.reasoning_effort =
      choice.reasoning_effort.empty() ? config_.reasoning_effort : choice.reasoning_effort;
  config.speed = choice.speed.empty() ? config_.speed : choice.speed;
  config.max_tokens = request.choice.max_tokens;
  held.session->permissions().SetApprover(ApproverOf(request));
  return {};
}

Result<std::vector<Tool>> StageAgents::RemoteTools(const StageRequest& request, int cancel_fd) {
  if (request.one_call || request.sandbox == nullptr) return std::vector<Tool>();
  const EventSink tell = [&request](const AgentEvent& event) -> Status {
    return request.event ? request.event(event.name, event.properties) : Status();
  };
  std::vector<Tool> tools = TRY(servers_.Tools(*request.sandbox, tell, cancel_fd));
  WebConfig web{.network = request.sandbox->Network(), .admit = config_.admit};
  web.search_key = config_.search_key;
  for (Tool& tool : WebTools(web)) tools.push_back(std::move(tool));
  return tools;
}

std::unique_ptr<Session> StageAgents::NewSession(const Held& held, const StageRequest& request,
                                                 std::vector<Tool> remote, int cancel_fd) {
  const Profile profile = ProfileOf(held.opened.provider);
  provider::Sandbox& sandbox = request.sandbox != nullptr ? *request.sandbox : nowhere_;
  const bool no_tools = request.one_call || request.sandbox == nullptr;
  Toolbox tools = no_tools ? Toolbox() : SandboxTools(profile);
  for (Tool& tool : remote) (void)tools.Add(std::move(tool));  // A name that is none is left out.
  SessionConfig config;
  if (profile == Profile::kAnthropic) config.default_command_timeout = std::chrono::seconds(120);
  config.tool_output_limits = config_.tool_output_limits;
  if (request.one_call) {
    config.max_rounds = 1;
    if (request.project_memory && request.sandbox != nullptr) {
      config.system_prompt = ProjectDocuments(sandbox, profile, cancel_fd);
    }
  } else if (request.sandbox != nullptr) {
    config.system_prompt = SystemPrompt(sandbox, tools,
                                        {.profile = profile,
                                         .model = held.opened.id,
                                         .knowledge_cutoff = held.opened.knowledge_cutoff,
                                         .date = Rfc3339(clock_.WallNow()).substr(0, 10),
                                         .user_instructions = config_.user_instructions,
                                         .cancel_fd = cancel_fd});
  }
  auto permissions = std::make_shared<Permissions>(config_.level.value_or(Level::kFull), nullptr);
  return std::make_unique<Session>(*held.opened.model, sandbox, std::move(tools),
                                   std::move(permissions), std::move(config));
}

// A child has what the parent has, but no way to start agents of its own.
Result<std::shared_ptr<Session>> StageAgents::NewChild(const Held& held, const ChildWish& wish) {
  OpenedModel opened = held.opened;
  if (!wish.model.empty()) {
    ModelChoice choice = held.choice;
    choice.model = wish.model;
    choice.provider.clear();
    opened = TRY(config_.open_model(choice, false));
  }
  Toolbox tools = SandboxTools(ProfileOf(opened.provider));
  for (const Tool& tool : held.remote) (void)tools.Add(tool);
  SessionConfig config = held.session->config();
  config.model = opened.id;
  config.provider = opened.provider;
  config.context_window = opened.context_window;
  config.vision = opened.vision;
  config.max_turns = wish.max_turns;
  // The session keeps its model alive.
  struct Owned {
    OpenedModel opened;
    Session session;
  };
  auto permissions = Permissions::ForChild(held.session->shared_permissions());
  llm::Model& model = *opened.model;
  auto owned = std::shared_ptr<Owned>(new Owned{
      std::move(opened), Session(model, *held.sandbox, std::move(tools), std::move(permissions),
                                 std::move(config), held.session->read())});
  return std::shared_ptr<Session>(owned, &owned->session);
}

Approver StageAgents::ApproverOf(const StageRequest& request) const {
  if (!request.ask) return nullptr;
  const auto limit =
      std::chrono::duration_cast<std::chrono::milliseconds>(config_.approval_timeout).count();
  return
      [ask = request.ask, limit](const PermissionQuestion& question) -> Result<PermissionAnswer> {
        const StageAnswerer answer = TRY(ask({.tool_name = question.tool_name,
                                              .category = std::string(ToString(question.category)),
                                              .arguments = question.arguments,
                                              .level = std::string(ToString(question.level)),
                                              .timeout_ms = limit}));
        switch (answer.consent) {
          case StageConsent::kYes:
            return PermissionAnswer{.consent = Consent::kYes, .by = answer.by};
          case StageConsent::kAlways:
            return PermissionAnswer{.consent = Consent::kAlways, .by = answer.by};
          case StageConsent::kNo:
            return PermissionAnswer{.consent = Consent::kNo, .by = answer.by};
          case StageConsent::kNobody:
            break;
        }
        return Failure(Code::kPermissionDenied, "nobody answered", "nobody_to_ask");
      };
}

SubmitIo StageAgents::IoOf(const StageRequest& request, int cancel_fd, std::mutex& telling) const {
  SubmitIo io;
  io.cancel_fd = cancel_fd;
  io.exec_id = request.exec_id;
  io.caller = {.node = request.node, .attempts = request.finished_attempts, .agent = {}};
  io.may_call = request.may_call;
  io.touch = [&request] {
    if (request.delta) request.delta("agent.activity", Json::MakeObject());
  };
  io.output = [&request](provider::Stream stream, std::string_view bytes) -> Status {
    return request.output ? request.output(stream == provider::Stream::kStderr, bytes) : Status();
  };
  io.events = [this, &request, &telling](const AgentEvent& event) -> Status {
    const std::lock_guard one(telling);
    const Json properties =
        config_.redact ? Redacted(event.properties, config_.redact) : event.properties;
    if (!event.delta) return request.event ? request.event(event.name, properties) : Status();
    if (request.delta) request.delta(event.name, properties);
    return {};
  };
  return io;
}

Result<StageAnswer> StageAgents::Run(const StageRequest& request) {
  const auto cancel = TRY(CancelOrTimeout::Make(request.cancel_fd, request.timeout));
  const std::shared_ptr<Held> held = HeldFor(request);
  const std::lock_guard busy(held->busy);
  TRY(Furnish(*held, request, cancel.fd()));
  std::optional<StatusFile> before;
  if (request.sandbox != nullptr && !request.one_call) before = LookAtStatusFile(*request.sandbox);
  if (request.event) {
    const Json prompt = Json::MakeObject().Set("text", request.prompt);
    TRY(request.event("stage.prompt", config_.redact ? Redacted(prompt, config_.redact) : prompt));
  }
  std::mutex telling;
  auto answer = [&] {
    const AtWork at_work(*this, request.node, *held->session);
    const SubmitIo io = IoOf(request, cancel.fd(), telling);
    if (held->children) held->children->Begin(io);
    auto submitted = held->session->Submit(request.prompt, io);
    if (held->children) held->children->End();
    return submitted;
  }();
  if (!answer.ok()) {
    Error error = std::move(answer).error();
    if (error.code == Code::kCancelled && cancel.timed_out()) {
      return Failure(Code::kDeadlineExceeded,
                     "the agent timed out after " + fabro::ToString(*request.timeout), "timeout");
    }
    return error;
  }
  return Conclude(*answer, request, before, *held->session);
}

StageAnswer StageAgents::Conclude(const Answer& answer, const StageRequest& request,
                                  const std::optional<StatusFile>& before,
                                  const Session& session) const {
  StageAnswer stage;
  stage.text = ToUtf8(answer.text);
  stage.model = answer.model;
  stage.provider = answer.provider;
  stage.usage = UsageOf(answer);
  if (request.dry_run) {  // Whom a simulated answer stands for, not who simulated it.
    stage.provider = session.config().provider;
    stage.usage.Set("provider", stage.provider);
  }
  stage.directives = FindDirectives(stage.text);
  if (request.sandbox != nullptr && !request.one_call) {
    stage.files_touched = Shortened(session.Touched(), request.sandbox->WorkingDirectory());
    if (!stage.directives) {
      const auto now = LookAtStatusFile(*request.sandbox);
      if (now && now != before) stage.directives = ReadStatusFile(now->content);
    }
  }
  if (answer.end == Answer::End::kTurnLimit) {
    stage.warnings.emplace_back("the agent came to its limit of turns");
  }
  if (stage.directives) {
    for (const std::string& warning : stage.directives->warnings) {
      stage.warnings.push_back(warning);
    }
  }
  return stage;
}

}  // namespace

std::unique_ptr<Agents> MakeAgents(AgentsConfig config, Clock& clock) {
  return std::make_unique<StageAgents>(std::move(config), clock);
}

}  // namespace fabro::agent
