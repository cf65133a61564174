#include "apps/faber/check_report.h"

namespace fabro::faber {
namespace {

using jail::Availability;
using jail::Finding;
using jail::Need;
using model::Json;

constexpr std::size_t kStateWidth = 15;
constexpr std::size_t kLayerWidth = 20;

std::string Padded(std::string_view text, std::size_t width) {
  std::string out(text);
  if (out.size() < width) out.resize(width, ' ');
  return out;
}

std::string Painted(std::string text, Availability state, Style style) {
  if (style == Style::kPlain) return text;
  const char* sgr = state == Availability::kOk        ? "32"
                    : state == Availability::kMissing ? "31"
                                                      : "33";
  return "\x1b[" + std::string(sgr) + "m" + text + "\x1b[0m";
}

std::string Line(const Finding& finding, Style style) {
  const bool optional = finding.state == Availability::kMissing && finding.need == Need::kOptional;
  const std::string state(optional ? "missing (opt.)" : jail::ToString(finding.state));
  std::string line = Painted(Padded(state, kStateWidth), finding.state, style) + " " +
                     Padded(finding.layer, kLayerWidth) + " " + finding.detail;
  if (finding.sys_errno != 0) line += " (" + ErrnoName(finding.sys_errno) + ")";
  line += "\n";
  if (finding.state == Availability::kMissing && !finding.fix.empty()) {
    line += std::string(kStateWidth + kLayerWidth + 2, ' ') + "fix: " + finding.fix + "\n";
  }
  return line;
}

std::string_view Word(Need need) {
  switch (need) {
    case Need::kOptional:
      return "none";
    case Need::kMedium:
      return "medium";
    case Need::kHigh:
      return "high";
  }
  return "?";
}

}  // namespace

std::string CheckText(const jail::HostReport& report, model::Level level, Style style) {
  std::string out = report.kernel + ", as " + report.identity + "\n\n";
  for (const Finding& finding : report.findings) out += Line(finding, style);
  const auto obstacles = jail::Obstacles(report, level);
  const std::string name(model::ToString(level));
  if (obstacles.empty()) return out + "\nlevel " + name + " can be had here\n";
  out += "\nlevel " + name + " cannot be had here, for want of";
  for (const Finding* finding : obstacles) {
    out += (finding == obstacles.front() ? " " : ", ") + finding->layer;
  }
  return out + "\n";
}

Json CheckJson(const jail::HostReport& report, model::Level level) {
  Json layers = Json::MakeArray();
  for (const Finding& finding : report.findings) {
    Json one = Json::MakeObject();
    one.Set("layer", finding.layer)
        .Set("state", jail::ToString(finding.state))
        .Set("needed_by", Word(finding.need))
        .Set("detail", finding.detail);
    if (finding.sys_errno != 0) one.Set("errno", ErrnoName(finding.sys_errno));
    layers.Push(one.SetIfAny("fix", finding.fix));
  }
  Json obstacles = Json::MakeArray();
  for (const Finding* finding : jail::Obstacles(report, level)) obstacles.Push(finding->layer);
  return Json::MakeObject()
      .Set("kernel", report.kernel)
      .Set("identity", report.identity)
      .Set("level", model::ToString(level))
      .Set("available", obstacles.Items()->empty())
      .Set("obstacles", std::move(obstacles))
      .Set("layers", std::move(layers));
}

}  // namespace fabro::faber
