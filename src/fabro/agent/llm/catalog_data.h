// catalog.tsv as it was at build time. Private to this room.
#pragma once

#include <string_view>

namespace fabro::llm {
extern const std::string_view kCatalogData;
}  // namespace fabro::llm
