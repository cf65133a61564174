// The checks that both plans are made of. Internal to the room.
#pragma once

#include <string>
#include <string_view>

#include "fabro/base/result.h"
#include "fabro/model/sandbox.h"

namespace fabro::jail::plan {

struct HostFacts;

// kInvalidArgument, spec_invalid: "memory (--memory) is 12: at least 4194304".
Error Invalid(std::string_view field, std::string_view flag, std::string_view what,
              std::string fix = {});

// `layer` is in the list of what may be missing (--degrade).
bool MayLack(const model::SandboxSpec& spec, std::string_view layer);

Status CheckLimits(const model::Limits& limits);

// Absolute, without empty, "." and ".." components and control characters, short enough for the
// jailer's messages, not "/".
Status CheckGuestPath(std::string_view path, std::string_view field, std::string_view flag);

// `path` is `top` or below it.
bool IsWithin(std::string_view path, std::string_view top);

// A directory of a bound tree made read-only once more, at its own place: `.git` of a project. Its
// mount point is there already, so nothing is made in the tree.
bool Narrows(const model::SandboxSpec& spec, const HostFacts& facts, std::size_t inner,
             std::size_t outer);

}  // namespace fabro::jail::plan
