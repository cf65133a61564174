// The model that the rest of the program calls: knows all providers that are set up, finds the one
// for a request, calls it again when that may help, goes over to a fallback when it does not, and
// says what it cost. Spec: agent 6.1, 6.8, 6.9.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fabro/agent/llm/adapter.h"
#include "fabro/agent/llm/catalog.h"

namespace fabro::llm {

struct RetryPolicy {
  int max_retries = 3;
  std::chrono::milliseconds first_delay{1000};
  double factor = 2;
  std::chrono::milliseconds cap{60000};  // A longer Retry-After is not waited for: the call fails.
};

// Waits; false: `cancel_fd` became readable before.
using Wait = std::function<bool(std::chrono::milliseconds, int cancel_fd)>;
bool RealWait(std::chrono::milliseconds span, int cancel_fd);

struct ClientOptions {
  std::string default_provider{};  // For requests that name neither provider nor a known model.
  // "provider", "model", "provider/model" or "provider:model", in this order.
  std::vector<std::string> fallbacks{};
  RetryPolicy retries{};
  Wait wait = RealWait;
  std::function<double()> jitter{};  // In [0.5, 1.5]; empty: random.
};

class Client : public Model {
 public:
  Client(ClientOptions options, std::shared_ptr<const Catalog> catalog)
      : options_(std::move(options)), catalog_(std::move(catalog)) {}

  // Before the first call. Only providers that can be called: with their key, or needing none.
  void Add(std::string provider, std::shared_ptr<Adapter> adapter);
  // Why a known provider cannot be called ("no key: set ANTHROPIC_API_KEY"); said when it is asked.
  void AddMissing(std::string provider, std::string fix);
  bool Has(std::string_view provider) const { return adapters_.contains(provider); }

  struct Route {
    std::string provider{};
    std::string model{};
    friend bool operator==(const Route&, const Route&) = default;
  };
  // Who would answer `request`: kConfiguration when nobody is set up for it.
  Result<Route> RouteOf(const Request& request) const;

  // Fail-over lasts: once taken, later calls of this object for the same route go there at once.
  // A cancelled wait is kCanceled. A failure that could be retried after output began is kStream.
  Result<Response> Generate(const Request& request, const Sink& sink, int cancel_fd) override;

 private:
  struct Tried {
    Result<Response> result;
    bool began = false;
  };
  Result<Route> RouteOfEntry(const std::string& entry, const Route& from) const;
  Result<Response> CallWithRetries(const Request& request, const Sink& sink, int cancel_fd);
  Tried CallOnce(const Request& request, const Sink& sink, int cancel_fd, CallInfo& info);
  Route Moved(const Route& route);
  std::chrono::milliseconds DelayOf(int retry, const CallInfo& info) const;

  ClientOptions options_;
  std::shared_ptr<const Catalog> catalog_;
  std::map<std::string, std::shared_ptr<Adapter>, std::less<>> adapters_;
  std::map<std::string, std::string, std::less<>> missing_;
  std::mutex mutex_;                    // moved_.
  std::map<std::string, Route> moved_;  // By "provider/model": where it went.
};

}  // namespace fabro::llm
