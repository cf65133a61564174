// The tool calls of one turn: looked up, checked, allowed, run, told (agent, section 4.1).
#include <poll.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "fabro/agent/loop/session.h"
#include "fabro/agent/tools/schema.h"
#include "fabro/codec/json/json.h"
#include "fabro/linux/poll.h"

namespace fabro::agent {

using model::Json;

// One call on its way through the pipeline. `tool` is null once the result stands.
struct Session::Call {
  const llm::ToolCallPart* asked = nullptr;
  const Tool* tool = nullptr;
  Json arguments;
  Category category = Category::kShell;
  ToolResult result;
  std::string signature;
  Status told;  // Of the thread that ran it: an Error of the sink.
};

namespace {

constexpr std::size_t kMaxCalls = 128;             // Of one turn.
constexpr std::size_t kThreads = 8;                // Calls that run at once.
constexpr std::size_t kEventArguments = 32'000;    // Bytes of arguments in an event,
constexpr std::size_t kEventOutput = 200'000;      // characters of output in one,
constexpr std::size_t kQuestionArguments = 1'000;  // and of what a person is asked about.

std::string Cut(const std::string& text, std::size_t characters) {
  if (CountCharacters(text) <= characters) return text;
  return std::string(FirstCharacters(text, characters)) + " [...]";
}

bool IsCancelled(int fd) {
  if (fd < 0) return false;
  const auto events = PollOne(fd, POLLIN, std::chrono::steady_clock::now());
  return events.ok() && *events != 0;
}

Json EventArguments(const llm::ToolCallPart& asked, const Json& arguments) {
  if (arguments.IsNull()) return ToUtf8(Cut(asked.arguments, kEventArguments));
  if (asked.arguments.size() <= kEventArguments) return arguments;
  // Paths and commands stay readable beside a long content.
  Json shortened = Json::MakeObject();
  for (const auto& [name, value] : *arguments.Members()) {
    if (value.Dump().size() < 2'000) {
      shortened.Set(name, value);
    } else {
      shortened.Set(name, Cut(value.ToText(), 1'000));
    }
    if (shortened.Dump().size() > kEventArguments) break;
  }
  return shortened;
}

}  // namespace

Status Session::RunCalls(const llm::Response& response, const SubmitIo& io) {
  const std::vector<const llm::ToolCallPart*> asked = llm::ToolCallsOf(response.message);
  std::vector<Call> calls(asked.size());
  for (std::size_t i = 0; i < calls.size(); ++i) calls[i].asked = asked[i];
  // All of them get an answer, or the conversation would be invalid; those past the limit a short
  // one.
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (i < kMaxCalls) {
      TRY(Prepare(calls[i], io));
    } else {
      calls[i].result = ToolResult::Fail("too many calls in one turn; at most " +
                                         std::to_string(kMaxCalls) + " are run");
    }
  }
  TRY(Execute(calls, io));
  llm::Message results{.role = llm::Role::kTool, .parts = {}, .provider = {}, .model = {}};
  for (Call& call : calls) {
    OutputLimit limit{.characters = 20'000};
    if (const Tool* tool = tools_.Find(call.asked->name)) limit = tool->limit;
    const auto own = config_.tool_output_limits.find(call.asked->name);
    if (own != config_.tool_output_limits.end()) limit.characters = own->second;
    llm::ToolResultPart part{.call_id = call.asked->id,
                             .name = call.asked->name,
                             .content = Truncate(std::move(call.result.output), limit),
                             .is_error = call.result.is_error,
                             .image = {}};
    if (call.result.image) {
      part.image = llm::ImagePart{.url = {},
                                  .bytes = std::move(call.result.image->bytes),
                                  .media_type = call.result.image->media_type,
                                  .detail = {}};
    }
    results.parts.emplace_back(std::move(part));
  }
  answer_.tool_calls += calls.size();
  history_.Add(Turn::Kind::kResults, std::move(results));
  if (IsCancelled(io.cancel_fd)) {
    return llm::CallFailure(llm::ErrorKind::kCanceled, "cancelled");
  }
  return DetectLoop(calls, io);
}

// Everything before execution. A failure is the call's result.
Status Session::Prepare(Call& call, const SubmitIo& io) {
  const Tool* tool = tools_.Find(call.asked->name);
  const std::string& text = call.asked->arguments;
  auto arguments = codec::ParseJson(text.find_first_not_of(" \t\r\n") == std::string::npos
                                        ? std::string_view("{}")
                                        : std::string_view(text));
  if (arguments.ok()) call.arguments = *std::move(arguments);
  const bool object = call.arguments.Members() != nullptr;
  call.signature =
      object ? CallSignature(call.asked->name, call.arguments) : call.asked->name + "?" + text;
  Json started;
  started.Set("tool_name", ToUtf8(Cut(call.asked->name, 100)));
  started.Set("tool_call_id", call.asked->id);
  started.Set("arguments", EventArguments(*call.asked, object ? call.arguments : Json()));
  TRY(Emit(io, "agent.tool.started", std::move(started)));
  if (tool == nullptr) {
    std::string names;
    for (const Tool& known : tools_.tools()) names += (names.empty() ? "" : ", ") + known.name;
    call.result = ToolResult::Fail(
        "there is no tool \"" + ToUtf8(Cut(call.asked->name, 100)) + "\"; there are " + names,
        "tool_unknown");
    return {};
  }
  if (!object) {
    call.result =
        ToolResult::Fail("the arguments are no JSON object: " +
                             (arguments.ok() ? Cut(ToUtf8(text), 200) : arguments.error().message),
                         "arguments_invalid");
    return {};
  }
  const Status fits = CheckArguments(tool->parameters, call.arguments);
  if (!fits.ok()) {
    call.result = ToolResult::Of(fits.error());
    return {};
  }
  call.tool = tool;
  return AskPermission(call, io);
}

Status Session::AskPermission(Call& call, const SubmitIo& io) {
  call.category = call.tool->category;
  const Level level = permissions_->level();
  if (level != Level::kFull) call.category = CategoryOf(*call.tool, call.arguments, place_);
  if (Covers(level, call.category)) return {};
  PermissionQuestion question{
      .tool_name = call.tool->name, .category = call.category, .arguments = {}, .level = level};
  question.arguments = Inert(Cut(call.arguments.Dump(), kQuestionArguments), false);
  Json about;
  about.Set("tool_name", call.tool->name).Set("tool_call_id", call.asked->id);
  about.Set("category", ToString(call.category)).Set("level", ToString(level));
  const PermissionVerdict verdict = TRY(
      permissions_->Decide(question, [&] { return Emit(io, "agent.permission.asked", about); }));
  if (verdict.allowed) {
    if (verdict.raised) about.Set("level", ToString(*verdict.raised));
    about.SetIfAny("by", verdict.by);
    return Emit(io, "agent.permission.granted", std::move(about));
  }
  about.SetIfAny("by", verdict.by).Set("reason", verdict.reason);
  const std::string needed(ToString(LevelFor(call.category)));
  call.result = ToolResult::Fail("permission denied: " + call.tool->name + " needs the level \"" +
                                     needed + "\", this session has \"" +
                                     std::string(ToString(level)) + "\" (" + verdict.reason + ")",
                                 "permission_denied");
  call.tool = nullptr;
  return Emit(io, "agent.permission.denied", std::move(about));
}

// Calls run side by side, but a write waits for what stands before it, and what stands behind it
// waits for the write: the model wrote them in this order.
Status Session::Execute(std::vector<Call>& calls, const SubmitIo& io) {
  std::size_t at = 0;
  while (at < calls.size()) {
    std::size_t end = at;
    while (end < calls.size() && end - at < kThreads && calls[end].category != Category::kWrite) {
      ++end;
    }
    if (end - at < 2 || !config_.parallel_calls) {
      TRY(RunOne(calls[at], io));
      ++at;
      continue;
    }
    std::vector<std::thread> threads;
    threads.reserve(end - at);
    for (std::size_t i = at; i < end; ++i) {
      threads.emplace_back([this, &io, &call = calls[i]] { call.told = RunOne(call, io); });
    }
    for (std::thread& thread : threads) thread.join();
    for (; at < end; ++at) TRY(std::move(calls[at].told));
  }
  return {};
}

Status Session::RunOne(Call& call, const SubmitIo& io) {
  if (call.tool != nullptr && IsCancelled(io.cancel_fd)) {
    call.result = ToolResult::Fail("cancelled", "cancelled");
  } else if (call.tool != nullptr) {
    ToolContext context{.place = place_,
                        .default_timeout = config_.default_command_timeout,
                        .max_timeout = config_.max_command_timeout,
                        .cancel_fd = io.cancel_fd,
                        .exec_id = io.exec_id + "." + std::to_string(++execs_),
                        .vision = config_.vision,
                        .on_output = io.output};
    call.result = call.tool->run(call.arguments, context);
    AddTouched(call.result.touched);
  }
  if (call.result.reason == "network_denied") {
    Json denied;
    denied.Set("tool_name", call.asked->name).Set("mode", place_.Network().mode);
    TRY(Emit(io, "agent.network.denied", denied.Set("error", ToUtf8(call.result.output))));
  }
  Json completed;
  completed.Set("tool_name", ToUtf8(Cut(call.asked->name, 100)));
  completed.Set("tool_call_id", call.asked->id);
  completed.Set("output", ToUtf8(Truncate(call.result.output, {.characters = kEventOutput})));
  completed.Set("is_error", call.result.is_error).SetIfAny("reason", call.result.reason);
  return Emit(io, "agent.tool.completed", std::move(completed));
}

Status Session::DetectLoop(const std::vector<Call>& calls, const SubmitIo& io) {
  if (!config_.loop_detection) return {};
  std::vector<std::string> signatures;
  signatures.reserve(calls.size());
  for (const Call& call : calls) signatures.push_back(call.signature);
  if (!repetition_.Add(signatures)) return {};
  history_.AddText(Turn::Kind::kSteering,
                   "[You have made the same tool calls again and again, with the same arguments. "
                   "Their results will not change. Try another approach, or say what keeps you "
                   "from going on.]");
  return Emit(io, "agent.loop.detected", Json::MakeObject().Set("window", config_.loop_window));
}

}  // namespace fabro::agent
