#include "fabro/jail/host/host_report.h"

namespace fabro::jail {

std::string_view ToString(Availability availability) {
  switch (availability) {
    case Availability::kOk:
      return "ok";
    case Availability::kMissing:
      return "missing";
    case Availability::kNotBuilt:
      return "not yet built";
  }
  return "?";
}

Finding Ok(std::string layer, Need need, std::string detail) {
  return {.layer = std::move(layer), .need = need, .detail = std::move(detail)};
}

Finding Missing(std::string layer, Need need, std::string detail, int sys_errno, std::string fix) {
  return {.layer = std::move(layer),
          .state = Availability::kMissing,
          .need = need,
          .detail = std::move(detail),
          .sys_errno = sys_errno,
          .fix = std::move(fix)};
}

std::vector<const Finding*> Obstacles(const HostReport& report, model::Level level) {
  std::vector<const Finding*> obstacles;
  for (const Finding& finding : report.findings) {
    if (finding.state != Availability::kMissing) continue;
    const bool needed = finding.need == Need::kMedium ||
                        (finding.need == Need::kHigh && level == model::Level::kHigh);
    if (needed) obstacles.push_back(&finding);
  }
  return obstacles;
}

}  // namespace fabro::jail
