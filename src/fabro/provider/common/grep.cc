#include "fabro/provider/common/grep.h"

#include <algorithm>
#include <charconv>

#include "fabro/provider/common/exec_buffered.h"

namespace fabro::provider {
namespace {

constexpr std::size_t kMaxOutput = std::size_t{64} << 20;

struct Line {
  std::string_view file;
  std::uint64_t number = 0;
  std::string_view text;
};

// "file NUL line : text"; false for what is not of that form ("Binary file x matches").
bool Parse(std::string_view row, Line& line) {
  const std::size_t nul = row.find('\0');
  if (nul == std::string_view::npos) return false;
  line.file = row.substr(0, nul);
  if (line.file.starts_with("./")) line.file.remove_prefix(2);
  row.remove_prefix(nul + 1);
  const auto [end, error] = std::from_chars(row.data(), row.data() + row.size(), line.number);
  const auto digits = static_cast<std::size_t>(end - row.data());
  if (error != std::errc() || digits >= row.size() || row[digits] != ':') return false;
  line.text = row.substr(digits + 1);
  return true;
}

Result<GrepTool> Probe(Sandbox& sandbox) {
  ExecRequest request;
  request.argv = {"/bin/sh", "-c", "command -v rg >/dev/null 2>&1"};
  request.timeout = kGrepProbeTimeout;
  const BufferedResult found = TRY(ExecBuffered(sandbox, request, 1024));
  return found.result.exit_code == 0 ? GrepTool::kRipgrep : GrepTool::kGrep;
}

}  // namespace

std::vector<std::string> GrepCommand(GrepTool tool, std::string_view pattern, std::string_view path,
                                     const GrepOptions& options) {
  std::vector<std::string> argv;
  const std::string count = options.max_results ? std::to_string(*options.max_results) : "";
  if (tool == GrepTool::kRipgrep) {
    argv = {"rg",
            "--null",
            "--no-heading",
            "--with-filename",
            "--line-number",
            "--color=never",
            "--hidden",
            "--no-messages",
            "--glob",
            "!.git"};
    if (options.case_insensitive) argv.emplace_back("-i");
    if (!options.glob.empty()) argv.insert(argv.end(), {"--glob", options.glob});
    if (!count.empty()) argv.insert(argv.end(), {"--max-count", count});
  } else {
    argv = {"grep", "-rnEIsHZ", "--color=never", "--exclude-dir=.git"};
    if (options.case_insensitive) argv.emplace_back("-i");
    if (!options.glob.empty()) argv.push_back("--include=" + options.glob);
    if (!count.empty()) argv.insert(argv.end(), {"-m", count});
  }
  argv.insert(argv.end(), {"--", std::string(pattern), std::string(path)});
  return argv;
}

Result<std::vector<std::string>> ReadGrepOutput(int exit_code, std::string_view out,
                                                std::string_view err, const GrepOptions& options) {
  // Both tools end with 2 for a bad expression and also for one file that could not be read; only
  // the first says something here.
  if (exit_code > 1 && !err.empty()) {
    return Failure(Code::kInvalidArgument, std::string(err.substr(0, err.find('\n'))),
                   "grep_failed");
  }
  std::vector<Line> lines;
  while (!out.empty()) {
    const std::size_t end = out.find('\n');
    Line line;
    if (Parse(out.substr(0, end), line)) lines.push_back(line);
    out.remove_prefix(end == std::string_view::npos ? out.size() : end + 1);
  }
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return a.file != b.file ? a.file < b.file : a.number < b.number;
  });
  if (options.max_results) lines.resize(std::min(lines.size(), *options.max_results));
  std::vector<std::string> texts;
  texts.reserve(lines.size());
  for (const Line& line : lines) {
    std::string text(line.file);
    text.append(":").append(std::to_string(line.number)).append(":").append(line.text);
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<GrepTool> ExecGrep::Tool(Sandbox& sandbox) {
  {
    const std::lock_guard lock(mutex_);
    if (tool_) return *tool_;
  }
  const GrepTool found = TRY(Probe(sandbox));
  const std::lock_guard lock(mutex_);
  tool_ = found;
  return found;
}

Result<std::vector<std::string>> ExecGrep::Run(Sandbox& sandbox, std::string_view pattern,
                                               std::string_view path, const GrepOptions& options) {
  const std::string where(path.empty() ? "." : path);
  const bool there = TRY(sandbox.FileExists(where));
  if (!there) return Failure(Code::kNotFound, where + " does not exist", "file_not_found");
  const GrepTool tool = TRY(Tool(sandbox));
  ExecRequest request;
  request.argv = GrepCommand(tool, pattern, where, options);
  request.timeout = kGrepTimeout;
  const BufferedResult done = TRY_IN("grep", ExecBuffered(sandbox, request, kMaxOutput));
  if (!done.result.exit_code) {
    return Failure(Code::kDeadlineExceeded, "grep ran longer than 30 s", "grep_timeout",
                   "search a smaller directory");
  }
  return ReadGrepOutput(*done.result.exit_code, done.out, done.err, options);
}

}  // namespace fabro::provider
