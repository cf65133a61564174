// A web page as text that a model can read: headings, lists, links, code; no scripts, styles or
// markup. Pure, linear, and no browser: what a page shows by script is not there.
#pragma once

#include <string>
#include <string_view>

namespace fabro::agent {

std::string MarkdownOf(std::string_view html);

}  // namespace fabro::agent
