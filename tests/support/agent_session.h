// A session over a script and the fake provider, for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "fabro/agent/llm/scripted/scripted.h"
#include "fabro/agent/loop/session.h"
#include "fabro/provider/fake/fake.h"

namespace fabro::agent {

class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(sandbox_.Initialize().ok()); }

  // `turns` is the list of one entry of node "n".
  Session& Make(const std::string& turns, Level level = Level::kFull, Approver approver = nullptr) {
    auto script = llm::ParseScript(R"({"n":[{"turns":[)" + turns + "]}]}");
    EXPECT_TRUE(script.ok()) << (script.ok() ? "" : script.error().message);
    model_ = std::make_unique<llm::Scripted>(
        std::make_shared<const llm::Script>(script.ok() ? *script : llm::Script{}));
    config_.model = "m";
    session_ = std::make_unique<Session>(*model_, sandbox_, SandboxTools(Profile::kAnthropic),
                                         std::make_shared<Permissions>(level, std::move(approver)),
                                         config_);
    return *session_;
  }

  SubmitIo Io() {
    SubmitIo io;
    io.caller.node = "n";
    io.exec_id = "r/1";
    io.cancel_fd = cancel_fd_;
    io.events = [this](const AgentEvent& event) -> Status {
      if (!event.delta) events_.push_back(event);
      if (on_event_) on_event_(event);
      return {};
    };
    return io;
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const AgentEvent& event : events_) names.push_back(event.name);
    return names;
  }
  int Count(std::string_view name) const {
    int count = 0;
    for (const AgentEvent& event : events_) count += event.name == name ? 1 : 0;
    return count;
  }
  // "name:ok" or "name:error" of every finished call, in order.
  std::vector<std::string> Tools() const {
    std::vector<std::string> tools;
    for (const AgentEvent& event : events_) {
      if (event.name != "agent.tool.completed") continue;
      tools.push_back(event.properties.StringAt("tool_name") +
                      (event.properties.BoolAt("is_error") ? ":error" : ":ok"));
    }
    return tools;
  }
  std::string LastOutput() const {
    for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
      if (event->name == "agent.tool.completed") return event->properties.StringAt("output");
    }
    return {};
  }

  provider::FakeSandbox sandbox_;
  SessionConfig config_;
  std::unique_ptr<llm::Scripted> model_;
  std::unique_ptr<Session> session_;
  std::vector<AgentEvent> events_;
  std::function<void(const AgentEvent&)> on_event_;
  int cancel_fd_ = -1;
};

}  // namespace fabro::agent
