// web_fetch and web_search: tools that work on this machine, outside of the sandbox, and so ask its
// network's rule before each connection, redirects included (agent, section 4.8). Where the rule
// lets nothing through they are not offered.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fabro/agent/mcp/transport.h"
#include "fabro/agent/tools/tool.h"
#include "fabro/provider/provider.h"

namespace fabro::agent {

struct WebConfig {
  provider::NetworkPolicy network;
  mcp::Admit admit{};        // Of a restricted network; null: nothing is let through there.
  std::string search_key{};  // Of Brave Search; empty: no web_search. Goes to that host alone.
  std::string search_url = "https://api.search.brave.com/res/v1/web/search";
};

std::vector<Tool> WebTools(const WebConfig& config);

}  // namespace fabro::agent
