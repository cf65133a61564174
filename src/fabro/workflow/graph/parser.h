// From the text of a workflow file to a Graph: the dialect of the workflow language, section 2.
//
// What stock Graphviz takes and the dialect does not (undirected graphs, ports, HTML labels, quoted
// ids, '#' comments, edges to groups, …) is refused with the reason and what to write instead.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "fabro/base/byte_size.h"
#include "fabro/workflow/graph/graph.h"

namespace fabro::workflow {

// Limits of one workflow. Time and memory are linear in the size of the file; defaults that are
// copied to many nodes count against kMaxExpandedSize.
inline constexpr ByteSize kMaxFileSize = 16_MiB;
inline constexpr ByteSize kMaxExpandedSize = 128_MiB;
inline constexpr std::size_t kMaxNodes = 100'000;
inline constexpr std::size_t kMaxEdges = 200'000;
inline constexpr std::size_t kMaxAttributes = 256;  // Of one node, edge, scope or graph.
inline constexpr std::size_t kMaxNameSize = 256;    // Bytes of an id or attribute name.
inline constexpr std::size_t kMaxClasses = 256;     // Of one node.
inline constexpr std::size_t kMaxSubgraphDepth = 64;

struct SyntaxError {
  Position at;
  std::string message;  // "a node id may not be quoted"
  std::string hint;     // What to write instead, or empty.
};

// The graph of `text`, or the first error. Never fails in another way, whatever the bytes are.
[[nodiscard]] tl::expected<Graph, SyntaxError> Parse(std::string_view text);

}  // namespace fabro::workflow
