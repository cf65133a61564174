#include "fabro/agent/stage/subagents.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <utility>

#include "fabro/agent/tools/schema.h"
#include "fabro/linux/poll.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::agent {

using model::Json;

// One child. `done` is readable when it has ended; what it left is read after that only.
struct SubAgents::Child {
  std::string id;  // "a1".
  std::uint64_t number = 0;
  std::shared_ptr<Session> session;
  UniqueFd cancel;  // An eventfd of its own.
  UniqueFd both;    // An epoll over it and the parent's.
  UniqueFd done;
  std::mutex mutex;  // thread.
  std::thread thread;
  std::mutex left;  // What follows.
  bool success = false;
  std::string output;
  std::uint64_t turns = 0;
};

namespace {

constexpr std::size_t kMaxChildren = 16;

void Signal(int fd) {
  const std::uint64_t one = 1;
  (void)!::write(fd, &one, sizeof one);
}

void Quiet(int fd) {
  std::uint64_t count = 0;
  (void)!::read(fd, &count, sizeof count);
}

Result<UniqueFd> EventFd() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return SysFailure("eventfd");
  return fd;
}

Tool MakeTool(std::string name, std::string description, const ObjectSchema& schema,
              std::function<ToolResult(const Json&, ToolContext&)> run) {
  return {.name = std::move(name),
          .description = std::move(description),
          .category = Category::kSubagent,
          .parameters = schema.Build(),
          .limit = {.characters = 20'000},
          .run = std::move(run)};
}

}  // namespace

SubAgents::SubAgents(Session& parent, Maker make) : parent_(parent), make_(std::move(make)) {
  ObjectSchema spawn;
  spawn.Required("task", "string",
                 "All that it has to know: it sees nothing of this conversation.");
  spawn.Optional("working_dir", "string", "Where it should work.");
  spawn.Optional("model", "string", "Another model than yours.");
  spawn.Optional("max_turns", "integer", "At most so many turns.").With("minimum", 1);
  ObjectSchema send;
  send.Required("agent_id", "string", "Which one.").Required("message", "string", "What to say.");
  ObjectSchema one;
  one.Required("agent_id", "string", "Which one.");
  Toolbox& tools = parent_.tools();
  (void)tools.Add(
      MakeTool("spawn_agent",
               "Starts another agent on a task of its own, beside you, and gives its "
               "id at once. It works on the same files.",
               spawn, [this](const Json& arguments, ToolContext&) { return Spawn(arguments); }));
  (void)tools.Add(
      MakeTool("send_input",
               "Says something to an agent that you started: while it works it hears it "
               "before its next step; when it has ended it begins again with it.",
               send, [this](const Json& arguments, ToolContext&) { return SendInput(arguments); }));
  (void)tools.Add(MakeTool("wait",
                           "Waits until an agent that you started has ended; gives its answer.",
                           one, [this](const Json& arguments, ToolContext& context) {
                             return Wait(arguments, context.cancel_fd);
                           }));
  (void)tools.Add(
      MakeTool("close_agent", "Ends an agent that you started, at once.", one,
               [this](const Json& arguments, ToolContext&) { return CloseOne(arguments); }));
}

SubAgents::~SubAgents() { End(); }

void SubAgents::Begin(const SubmitIo& io) {
  const std::lock_guard lock(mutex_);
  io_ = io;
}

void SubAgents::End() {
  std::map<std::string, std::shared_ptr<Child>> ending;
  {
    const std::lock_guard lock(mutex_);
    ending.swap(children_);
  }
  for (const auto& [id, child] : ending) Stop(*child);
}

void SubAgents::Stop(Child& child) {
  Signal(child.cancel.get());
  const std::lock_guard lock(child.mutex);
  if (child.thread.joinable()) child.thread.join();
}

std::shared_ptr<SubAgents::Child> SubAgents::Find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = children_.find(id);
  return found == children_.end() ? nullptr : found->second;
}

Status SubAgents::Tell(std::string name, Json properties) {
  SubmitIo io;
  {
    const std::lock_guard lock(mutex_);
    io = io_;
  }
  if (!io.events) return {};
  properties.Set("session_id", parent_.id()).Set("depth", 1);
  return io.events({.name = std::move(name), .properties = std::move(properties)});
}

// Its events go where the parent's go, under its own name; pieces of its streams do not.
SubmitIo SubAgents::IoOf(const Child& child) {
  SubmitIo io;
  {
    const std::lock_guard lock(mutex_);
    io = io_;
  }
  const EventSink outer = io.events;
  io.events = [outer, parent = parent_.id()](const AgentEvent& event) -> Status {
    if (event.delta || !outer) return {};
    AgentEvent forwarded = event;
    forwarded.properties.Set("parent_session_id", parent);
    return outer(forwarded);
  };
  io.cancel_fd = child.both.get();
  io.exec_id += "." + child.id;
  io.caller.node += "/" + std::to_string(child.number);  // What a script calls it.
  io.caller.agent = child.id;
  return io;
}

ToolResult SubAgents::Spawn(const Json& arguments) {
  std::string task = arguments.StringAt("task");
  {
    const std::lock_guard lock(mutex_);
    if (children_.size() >= kMaxChildren) {
      return ToolResult::Fail("there are " + std::to_string(kMaxChildren) +
                              " agents already; close one of them");
    }
  }
  auto session = make_({.model = arguments.StringAt("model"),
                        .max_turns = static_cast<std::uint64_t>(arguments.IntAt("max_turns"))});
  if (!session.ok()) return ToolResult::Of(session.error());
  const auto child = std::make_shared<Child>();
  {
    // Short, and the same when a stage runs again.
    const std::lock_guard lock(mutex_);
    child->number = ++made_;
    child->id = "a" + std::to_string(child->number);
  }
  child->session = *std::move(session);
  const Status told =
      Tell("agent.sub.spawned", Json::MakeObject().Set("agent_id", child->id).Set("task", task));
  if (!told.ok()) return ToolResult::Of(told.error());
  const std::string where = arguments.StringAt("working_dir");
  if (!where.empty()) task = "Work in the directory " + where + ".\n\n" + task;
  const Status started = Start(child, std::move(task));
  if (!started.ok()) return ToolResult::Of(started.error());
  const std::lock_guard lock(mutex_);
  children_[child->id] = child;
  return ToolResult::Text("agent_id: " + child->id + "\nstatus: running");
}

Status SubAgents::Start(const std::shared_ptr<Child>& child, std::string task) {
  const std::lock_guard lock(child->mutex);
  if (!child->done) {
    child->cancel = TRY(EventFd());
    child->done = TRY(EventFd());
    child->both.reset(::epoll_create1(EPOLL_CLOEXEC));
    int outer = -1;
    {
      const std::lock_guard own(mutex_);
      outer = io_.cancel_fd;
    }
    for (const int fd : {child->cancel.get(), outer}) {
      epoll_event event{};
      event.events = EPOLLIN;
      if (fd >= 0 && ::epoll_ctl(child->both.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        return SysFailure("epoll_ctl");
      }
    }
  }
  if (child->thread.joinable()) child->thread.join();  // It has ended.
  Quiet(child->done.get());
  // The thread keeps the child; whoever takes it out of the map joins it first.
  child->thread =
      std::thread([this, raw = child.get(), task = std::move(task)] { Work(*raw, task); });
  return {};
}

void SubAgents::Work(Child& child, const std::string& task) {
  const Result<Answer> answer = child.session->Submit(task, IoOf(child));
  Report(child, answer);
  Signal(child.done.get());
}

void SubAgents::Report(Child& child, const Result<Answer>& answer) {
  if (answer.ok()) parent_.AddUsage(answer->usage, answer->cost_usd);
  parent_.AddTouched(child.session->Touched());
  std::unique_lock left(child.left);
  child.success = answer.ok();
  child.output = answer.ok() ? answer->text : answer.error().message;
  child.turns = answer.ok() ? answer->turns : 0;
  Json about = Json::MakeObject();
  about.Set("agent_id", child.id).Set("success", child.success).Set("turns_used", child.turns);
  if (!child.success) about.Set("error", child.output);
  const bool success = child.success;
  left.unlock();
  // A store that fails is noticed by the parent's next event.
  (void)Tell(success ? "agent.sub.completed" : "agent.sub.failed", std::move(about));
}

ToolResult SubAgents::SendInput(const Json& arguments) {
  const auto child = Find(arguments.StringAt("agent_id"));
  if (!child) return ToolResult::Fail("there is no such agent", "agent_unknown");
  const auto ended = PollOne(child->done.get(), POLLIN, std::chrono::steady_clock::now());
  if (ended.ok() && *ended == 0) {
    child->session->Steer(arguments.StringAt("message"));
    return ToolResult::Text("it hears that before its next step");
  }
  const Status started = Start(child, arguments.StringAt("message"));
  return started.ok() ? ToolResult::Text("it works again") : ToolResult::Of(started.error());
}

ToolResult SubAgents::Wait(const Json& arguments, int cancel_fd) {
  const auto child = Find(arguments.StringAt("agent_id"));
  if (!child) return ToolResult::Fail("there is no such agent", "agent_unknown");
  std::array<pollfd, 2> fds{{{.fd = child->done.get(), .events = POLLIN, .revents = 0},
                             {.fd = cancel_fd, .events = POLLIN, .revents = 0}}};
  const auto ready = Poll(fds);
  if (!ready.ok()) return ToolResult::Of(ready.error());
  if (fds[0].revents == 0) return ToolResult::Fail("cancelled", "cancelled");
  const std::lock_guard left(child->left);
  const std::string text = "success: " + std::string(child->success ? "true" : "false") +
                           "\nturns_used: " + std::to_string(child->turns) + "\noutput:\n" +
                           child->output;
  return child->success ? ToolResult::Text(text) : ToolResult::Fail(text, "agent_failed");
}

ToolResult SubAgents::CloseOne(const Json& arguments) {
  const std::string id = arguments.StringAt("agent_id");
  std::shared_ptr<Child> child;
  {
    const std::lock_guard lock(mutex_);
    const auto found = children_.find(id);
    if (found == children_.end())
      return ToolResult::Fail("there is no such agent", "agent_unknown");
    child = found->second;
    children_.erase(found);
  }
  Stop(*child);
  const Status told = Tell("agent.sub.closed", Json::MakeObject().Set("agent_id", id));
  return told.ok() ? ToolResult::Text("closed") : ToolResult::Of(told.error());
}

}  // namespace fabro::agent
