// From the text of a workflow file to a graph that is ready to run, or to what is wrong with it:
// parse, inline @files, render templates, validate (the workflow language, sections 5 and 16).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/byte_size.h"
#include "fabro/base/result.h"
#include "fabro/template/value.h"
#include "fabro/workflow/graph/children.h"
#include "fabro/workflow/graph/graph.h"
#include "fabro/workflow/validate/diagnostic.h"
#include "fabro/workflow/validate/validate.h"

namespace fabro::workflow {

inline constexpr ByteSize kMaxPromptFileSize = 1_MiB;
inline constexpr ByteSize kMaxInlinedSize = 64_MiB;  // Of all @files of one workflow.
inline constexpr ByteSize kMaxRenderedTotal = 128_MiB;
inline constexpr std::size_t kMaxChildDepth = 16;

// What an undefined template name is: `fabro validate` cannot know all inputs, a run needs them.
enum class PrepareMode { kValidate, kRun };

struct PrepareOptions {
  PrepareMode mode = PrepareMode::kRun;
  templates::Map inputs;            // [run.inputs] and -I, merged.
  std::optional<std::string> goal;  // Of a layer above the graph's own.
  std::string directory = ".";      // Of the workflow file: where "@path" starts.
  std::string home;                 // For "@~/…" and the fallback ~/.fabro; empty: neither.
  // The files of a stored run, by name as written ("prompts/a.md" of "@prompts/a.md"): when given,
  // nothing is read from disk.
  std::optional<std::map<std::string, std::string>> bundled;
  ValidateOptions validate;
  // Of a sub-workflow: its directory below the top workflow's ("lib/"), the goal of its parent, and
  // the files whose nodes lead to it.
  std::string prefix{};
  std::string parent_goal{};
  std::vector<std::string> ancestors{};
};

struct Prepared {
  Graph graph;  // With files inlined and templates rendered; as far as it got, after errors.
  std::vector<Diagnostic> diagnostics;       // Sorted.
  std::map<std::string, std::string> files;  // What was inlined; for PrepareOptions::bundled.
  ChildWorkflows children;                   // Of house nodes, prepared in the same way.

  bool ok() const { return !HasErrors(diagnostics); }
};

// A file that a workflow names, from disk or from the stored run; at most `limit` bytes and a few
// more, so that the caller sees that it is too long. Errors: file_missing, file_not_regular.
Result<std::string> ReadNamedFile(const PrepareOptions& options, const std::string& name,
                                  std::size_t limit);
// Its key in Prepared::files.
std::string NameInBundle(const PrepareOptions& options, const std::string& name);

// The sub-workflows of `prepared.graph` (children.cc).
void PrepareChildren(const PrepareOptions& options, Prepared& prepared);

// Never fails otherwise than by diagnostics. An attribute whose template has an undefined name
// keeps its text.
Prepared PrepareGraph(std::string_view text, const PrepareOptions& options);

// The text of a workflow file, for PrepareGraph. Errors: workflow_missing, workflow_unreadable (no
// regular file). Of a file past the parser's limit only so much is read that parsing refuses it.
Result<std::string> ReadWorkflowFile(const std::string& path);

}  // namespace fabro::workflow
