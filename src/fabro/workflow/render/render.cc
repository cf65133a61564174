#include "fabro/workflow/render/render.h"

#include <graphviz/cgraph.h>
#include <graphviz/gvc.h>

#include <memory>

namespace fabro::workflow {
namespace {

// Graphviz reports through one global callback without a context argument.
std::string& Complaints() {
  static std::string text;
  return text;
}

int Complain(char* message) {
  Complaints() += message;
  return 0;
}

struct CloseGraph {
  void operator()(Agraph_t* graph) const { (void)agclose(graph); }
};
struct FreeContext {
  void operator()(GVC_t* context) const { (void)gvFreeContext(context); }
};

Error DrawingFailed(std::string_view step) {
  std::string why = Complaints().empty() ? std::string("no reason given") : Complaints();
  while (!why.empty() && why.back() == '\n') why.pop_back();
  return Failure(Code::kInternal, "Graphviz could not " + std::string(step) + ": " + why,
                 "drawing_failed");
}

}  // namespace

Result<std::string> RenderSvg(std::string_view dot) {
  Complaints().clear();
  (void)agseterrf(Complain);
  const std::unique_ptr<GVC_t, FreeContext> context(gvContext());
  if (context == nullptr) return DrawingFailed("start");
  const std::unique_ptr<Agraph_t, CloseGraph> graph(agmemread(std::string(dot).c_str()));
  if (graph == nullptr) return DrawingFailed("read the graph");
  if (gvLayout(context.get(), graph.get(), "dot") != 0) return DrawingFailed("lay the graph out");
  char* data = nullptr;
  unsigned length = 0;
  const int failed = gvRenderData(context.get(), graph.get(), "svg", &data, &length);
  std::string svg = failed == 0 && data != nullptr ? std::string(data, length) : std::string();
  gvFreeRenderData(data);
  (void)gvFreeLayout(context.get(), graph.get());
  if (svg.empty()) return DrawingFailed("draw the graph");
  return svg;
}

}  // namespace fabro::workflow
