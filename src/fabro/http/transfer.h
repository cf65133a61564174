// One exchange over libcurl, and the connections that outlive it. Private to this room.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "fabro/http/client.h"

namespace fabro::http {

// A multi handle with its cache of connections and one easy handle: what one exchange at a time
// uses. Not thread-safe.
class Transport {
 public:
  static Result<std::unique_ptr<Transport>> Make();
  ~Transport();

  Result<Response> Perform(const Request& request, const UrlParts& url,
                           const ClientOptions& options, const Handlers& handlers, int cancel_fd);

 private:
  Transport(CURLM* multi, CURL* easy) : multi_(multi), easy_(easy) {}
  CURLM* multi_;
  CURL* easy_;
};

}  // namespace fabro::http
