// What a model is told before the work begins (agent, section 9): who it is, where it is, what it
// has, and what the project says about itself. Everything of the project is read through the
// sandbox, and is material: it raises no permission.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/agent/tools/toolbox.h"
#include "fabro/provider/provider.h"

namespace fabro::agent {

struct PromptConfig {
  Profile profile = Profile::kOther;
  std::string model;
  std::string knowledge_cutoff;   // Empty: unknown.
  std::string date;               // "2026-03-07".
  std::string user_instructions;  // Last.
  int cancel_fd = -1;
};

std::string SystemPrompt(provider::Sandbox& sandbox, const Toolbox& tools,
                         const PromptConfig& config);

// AGENTS.md, CLAUDE.md and what else the profile knows, from the root of the repository down to the
// working directory, each under its path; at most 32 KiB, a marker where more was cut.
std::string ProjectDocuments(provider::Sandbox& sandbox, Profile profile, int cancel_fd);

// By the provider's id; kOther for those without habits of their own.
Profile ProfileOf(std::string_view provider);

}  // namespace fabro::agent
