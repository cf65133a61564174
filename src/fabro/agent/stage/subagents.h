// Agents that an agent starts: sessions of their own over the same sandbox, a thread each (agent,
// section 10). They begin with an empty history and a copy of what the parent has read, have the
// parent's permissions, and cannot start agents themselves.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "fabro/agent/loop/session.h"

namespace fabro::agent {

struct ChildWish {
  std::string model;            // Empty: the parent's.
  std::uint64_t max_turns = 0;  // 0: unlimited.
};

class SubAgents {
 public:
  // Makes the session of a child. Called on threads of tool calls.
  using Maker = std::function<Result<std::shared_ptr<Session>>(const ChildWish&)>;

  // Borrows the parent, whose toolbox gets spawn_agent, send_input, wait and close_agent.
  SubAgents(Session& parent, Maker make);
  SubAgents(const SubAgents&) = delete;
  SubAgents& operator=(const SubAgents&) = delete;
  ~SubAgents();

  // Around each Submit of the parent: what children report to, and their end with it.
  void Begin(const SubmitIo& io);
  void End();

 private:
  struct Child;

  ToolResult Spawn(const model::Json& arguments);
  ToolResult SendInput(const model::Json& arguments);
  ToolResult Wait(const model::Json& arguments, int cancel_fd);
  ToolResult CloseOne(const model::Json& arguments);
  std::shared_ptr<Child> Find(const std::string& id);
  Status Start(const std::shared_ptr<Child>& child, std::string task);
  void Work(Child& child, const std::string& task);
  void Report(Child& child, const Result<Answer>& answer);
  Status Tell(std::string name, model::Json properties);
  SubmitIo IoOf(const Child& child);
  static void Stop(Child& child);

  Session& parent_;
  Maker make_;
  std::mutex mutex_;  // io_, children_, made_.
  SubmitIo io_;
  std::map<std::string, std::shared_ptr<Child>> children_;
  std::uint64_t made_ = 0;
};

}  // namespace fabro::agent
