#include "fabro/agent/llm/client.h"

#include <poll.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "fabro/base/id.h"
#include "fabro/linux/poll.h"

namespace fabro::llm {
namespace {

double RandomJitter() {
  const std::string bytes = RandomBytes(2);
  const unsigned value =
      static_cast<unsigned char>(bytes[0]) * 256U + static_cast<unsigned char>(bytes[1]);
  return 0.5 + value / 65535.0;
}

std::string KeyOf(const Client::Route& route) { return route.provider + "/" + route.model; }

Error Canceled() { return CallFailure(ErrorKind::kCanceled, "the call was cancelled"); }

// Content, as opposed to signs of life and notices.
bool IsOutput(const StreamEvent& event) {
  return !std::holds_alternative<StreamStart>(event) && !std::holds_alternative<Activity>(event) &&
         !std::holds_alternative<RetryNotice>(event) &&
         !std::holds_alternative<FailoverNotice>(event);
}

}  // namespace

bool RealWait(std::chrono::milliseconds span, int cancel_fd) {
  const Deadline deadline = std::chrono::steady_clock::now() + span;
  pollfd one{.fd = cancel_fd, .events = POLLIN, .revents = 0};
  // A negative descriptor is passed over by poll(2): only the time counts then.
  const Result<int> ready = Poll(std::span(&one, 1), deadline);
  return !ready.ok() || *ready == 0;
}

void Client::Add(std::string provider, std::shared_ptr<Adapter> adapter) {
  missing_.erase(provider);
  adapters_.insert_or_assign(std::move(provider), std::move(adapter));
}

void Client::AddMissing(std::string provider, std::string fix) {
  missing_.insert_or_assign(std::move(provider), std::move(fix));
}

Result<Client::Route> Client::RouteOf(const Request& request) const {
  const ModelInfo* info = catalog_->Find(request.model);
  Route route;
  route.provider = request.provider;
  if (route.provider.empty()) route.provider = info != nullptr ? info->provider : "";
  if (route.provider.empty()) route.provider = options_.default_provider;
  // An alias becomes the id at the model's own provider; elsewhere it may be the id itself.
  route.model = info != nullptr && info->provider == route.provider ? info->id : request.model;
  if (route.model.empty()) route.model = catalog_->DefaultOf(route.provider);
  if (adapters_.contains(route.provider)) {
    if (!route.model.empty() || route.provider == "scripted") return route;
    return CallFailure(ErrorKind::kConfiguration,
                       "provider " + route.provider + " has no default model", "name a model");
  }
  if (const auto missing = missing_.find(route.provider); missing != missing_.end()) {
    return CallFailure(ErrorKind::kConfiguration, "provider " + route.provider + " has no key",
                       missing->second);
  }
  if (route.provider.empty()) {
    return CallFailure(ErrorKind::kConfiguration, "no provider of models is set up",
                       "fabro provider login --provider anthropic");
  }
  return CallFailure(ErrorKind::kConfiguration, "unknown provider " + route.provider,
                     "set it up in [llm.providers." + route.provider + "] of settings.toml");
}

// "provider/model", "provider:model", a provider, or a model. Model ids may hold slashes and colons
// themselves, so only a provider that is set up makes a prefix one.
Result<Client::Route> Client::RouteOfEntry(const std::string& entry, const Route& from) const {
  for (const char separator : {'/', ':'}) {
    const std::size_t at = entry.find(separator);
    if (at == std::string::npos || !adapters_.contains(entry.substr(0, at))) continue;
    Request request;
    request.provider = entry.substr(0, at);
    request.model = entry.substr(at + 1);
    return RouteOf(request);
  }
  if (!adapters_.contains(entry)) {
    Request request;
    request.model = entry;
    return RouteOf(request);
  }
  const ModelInfo* original = catalog_->Find(from.model);
  const ModelInfo* nearest = original != nullptr ? catalog_->Nearest(*original, entry) : nullptr;
  Request request;
  request.provider = entry;
  if (nearest != nullptr) request.model = nearest->id;
  return RouteOf(request);
}

std::chrono::milliseconds Client::DelayOf(int retry, const CallInfo& info) const {
  if (info.retry_after.has_value()) return *info.retry_after;
  const RetryPolicy& policy = options_.retries;
  const double jitter = options_.jitter ? options_.jitter() : RandomJitter();
  const double millis =
      static_cast<double>(policy.first_delay.count()) * std::pow(policy.factor, retry - 1) * jitter;
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(std::min(millis, static_cast<double>(policy.cap.count()))));
}

Client::Tried Client::CallOnce(const Request& request, const Sink& sink, int cancel_fd,
                               CallInfo& info) {
  bool began = false;
  Sink watching;
  if (sink) {
    watching = [&began, &sink](const StreamEvent& event) {
      began = began || IsOutput(event);
      return sink(event);
    };
  }
  Tried tried{
      .result = adapters_.find(request.provider)->second->Call(request, watching, cancel_fd, info)};
  tried.began = began;
  if (tried.result.ok()) {
    Response& response = *tried.result;
    const ModelInfo* model = catalog_->Find(response.model);
    if (!response.cost_usd && model != nullptr) response.cost_usd = CostOf(*model, response.usage);
    return tried;
  }
  // The same failure is another matter once the caller has seen a part of the answer.
  const ErrorKind kind = llm::KindOf(tried.result.error());
  if (began && MayRetry(kind) && kind != ErrorKind::kUnknown) {
    tried.result.error().reason = ReasonOf(ErrorKind::kStream);
  }
  return tried;
}

Result<Response> Client::CallWithRetries(const Request& request, const Sink& sink, int cancel_fd) {
  for (int retry = 1;; ++retry) {
    CallInfo info;
    Tried tried = CallOnce(request, sink, cancel_fd, info);
    if (tried.result.ok() || tried.began) return std::move(tried.result);
    const Error& error = tried.result.error();
    // An Error of the sink is none of ours.
    const bool ours = error.reason.starts_with("llm_");
    if (!ours || !MayRetry(llm::KindOf(error)) || retry > options_.retries.max_retries) {
      return std::move(tried.result);
    }
    const std::chrono::milliseconds delay = DelayOf(retry, info);
    if (delay > options_.retries.cap) return std::move(tried.result);
    TRY(Emit(sink, RetryNotice{.provider = request.provider,
                               .model = request.model,
                               .attempt = retry,
                               .delay = delay,
                               .error = error}));
    if (!options_.wait(delay, cancel_fd)) return Canceled();
  }
}

Client::Route Client::Moved(const Route& route) {
  const std::scoped_lock lock(mutex_);
  const auto moved = moved_.find(KeyOf(route));
  return moved == moved_.end() ? route : moved->second;
}

Result<Response> Client::Generate(const Request& request, const Sink& sink, int cancel_fd) {
  const Route asked = TRY(RouteOf(request));
  const Route start = Moved(asked);
  Request attempt = request;
  attempt.provider = start.provider;
  attempt.model = start.model;
  Result<Response> result = CallWithRetries(attempt, sink, cancel_fd);
  Route at = start;
  for (const std::string& entry : options_.fallbacks) {
    if (result.ok() || !result.error().reason.starts_with("llm_")) break;
    const ErrorKind kind = llm::KindOf(result.error());
    // A stream that broke off is continued by the agent, with what has been said (agent 2.1).
    if (!MayFailOver(kind) || kind == ErrorKind::kStream) break;
    const Result<Route> next = RouteOfEntry(entry, asked);
    if (!next.ok() || *next == at || *next == asked) continue;  // Without credentials: skipped.
    TRY(Emit(sink, FailoverNotice{.from_provider = at.provider,
                                  .from_model = at.model,
                                  .to_provider = next->provider,
                                  .to_model = next->model,
                                  .error = result.error()}));
    at = *next;
    attempt.provider = at.provider;
    attempt.model = at.model;
    result = CallWithRetries(attempt, sink, cancel_fd);
    if (!result.ok()) continue;
    const std::scoped_lock lock(mutex_);
    moved_[KeyOf(asked)] = at;
  }
  return result;
}

}  // namespace fabro::llm
