#include "fabro/provider/checkpoint/git_checkpointer.h"

#include <optional>

#include "fabro/linux/file.h"

namespace fabro::provider {
namespace {

using workflow::CheckpointBase;
using workflow::CheckpointCommit;
using workflow::CheckpointRequest;

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r' || c == '\0') c = ' ';
  }
  return text;
}

std::vector<std::string> SplitNul(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t nul = text.find('\0');
    parts.emplace_back(text.substr(0, nul));
    text.remove_prefix(nul == std::string_view::npos ? text.size() : nul + 1);
  }
  return parts;
}

class GitCheckpointer final : public workflow::Checkpointer {
 public:
  GitCheckpointer(std::unique_ptr<GitRunner> git, CheckpointConfig config, Taker taker)
      : git_(std::move(git)), config_(std::move(config)), taker_(std::move(taker)) {}

  Result<CheckpointBase> Begin() override;
  Result<CheckpointBase> Continue(const std::string& last_sha) override;
  Result<CheckpointCommit> Commit(const CheckpointRequest& request) override;
  bool CanRestore() const override { return config_.can_restore; }
  Status Restore(const std::string& sha) override;
  Result<std::string> Publish() override;

 private:
  // git on the private index; stdout without its last newline.
  Result<std::string> Plumb(const std::vector<std::string>& args);
  // "" when the command says there is none.
  Result<std::string> Ask(const std::vector<std::string>& args);
  std::string Subject(const std::string& what) const {
    return "fabro(" + config_.run_id + "): " + OneLine(what);
  }
  Status FindHead();
  Status FillIndex(const std::string& commit);
  // The work tree into the index. Files that could not be read become a note.
  Status AddAll(std::vector<std::string>& notes);
  Status AddTrackedSecrets();
  std::vector<std::string> Excludes() const;
  // Commits the index on top of `tip_` (or the base) and moves the branch.
  Status Record(const std::string& subject, const std::string& trailers);
  Status MoveBranch(const std::string& to);
  Status RecordBase(std::vector<std::string>& notes);
  Status Take();
  CheckpointBase BaseOf(std::vector<std::string> notes) const;

  std::unique_ptr<GitRunner> git_;
  CheckpointConfig config_;
  Taker taker_;
  std::string head_;      // At the start of the run; empty: unborn.
  std::string branch_;    // That HEAD stood on.
  std::string tip_;       // Of the run's branch; empty: it does not exist yet.
  bool complete_ = true;  // The last Commit held every file.
  std::string taken_;     // What the taker has brought home.
};

Result<std::string> GitCheckpointer::Plumb(const std::vector<std::string>& args) {
  const std::map<std::string, std::string> env = {
      {"GIT_INDEX_FILE", config_.index_file},        {"GIT_AUTHOR_NAME", config_.author_name},
      {"GIT_AUTHOR_EMAIL", config_.author_email},    {"GIT_COMMITTER_NAME", config_.author_name},
      {"GIT_COMMITTER_EMAIL", config_.author_email}, {"GIT_LITERAL_PATHSPECS", "0"}};
  git::Output output = TRY(git_->Run(args, env));
  if (output.exit_code != 0) return git::GitFailure(args, output);
  if (!output.out.empty() && output.out.back() == '\n') output.out.pop_back();
  return std::move(output.out);
}

Result<std::string> GitCheckpointer::Ask(const std::vector<std::string>& args) {
  git::Output output = TRY(git_->Run(args, {}));
  if (output.exit_code != 0) return std::string();
  while (!output.out.empty() && output.out.back() == '\n') output.out.pop_back();
  return std::move(output.out);
}

Status GitCheckpointer::FindHead() {
  head_ = TRY(Ask({"rev-parse", "--verify", "-q", "HEAD^{commit}"}));
  branch_ = TRY(Ask({"symbolic-ref", "-q", "--short", "HEAD"}));
  tip_ = TRY(Ask({"rev-parse", "--verify", "-q", RunRef(config_.run_id)}));
  if (config_.index_file.empty()) {
    const std::string git_dir = TRY(Plumb({"rev-parse", "--absolute-git-dir"}));
    config_.index_file = git_dir + "/fabro/index";
  }
  return git_->MakeDirectory(config_.index_file.substr(0, config_.index_file.rfind('/')));
}

Status GitCheckpointer::FillIndex(const std::string& commit) {
  if (commit.empty()) {
    TRY(Plumb({"read-tree", "--empty"}));
  } else {
    TRY(Plumb({"read-tree", commit}));
  }
  return {};
}

std::vector<std::string> GitCheckpointer::Excludes() const {
  std::vector<std::string> specs = {":(top,exclude,glob)**/.env", ":(top,exclude,glob)**/.env.*"};
  for (const std::string& glob : config_.exclude_globs) {
    specs.push_back(":(top,exclude,glob)" + glob);
  }
  for (const std::string& path : config_.exclude_paths) {
    specs.push_back(":(top,exclude,literal)" + path);
  }
  return specs;
}

Status GitCheckpointer::AddAll(std::vector<std::string>& notes) {
  std::vector<std::string> args = {"add", "-A", "--ignore-errors", "--", ":/"};
  const std::vector<std::string> excludes = Excludes();
  args.insert(args.end(), excludes.begin(), excludes.end());
  const git::Output added = TRY(git_->Run(args, {{"GIT_INDEX_FILE", config_.index_file}}));
  if (added.exit_code > 1) return git::GitFailure(args, added);
  if (added.exit_code == 1) {
    notes.push_back("checkpoint_incomplete: " + added.err.substr(0, added.err.find('\n')));
  }
  return AddTrackedSecrets();
}

// A `.env` that the user tracks is part of his history; only untracked ones stay out.
Status GitCheckpointer::AddTrackedSecrets() {
  const std::string tracked = TRY(
      Plumb({"ls-files", "-z", "--full-name", "--", ":(top,glob)**/.env", ":(top,glob)**/.env.*"}));
  if (tracked.empty()) return {};
  std::vector<std::string> args = {"add", "-u", "--ignore-errors", "--"};
  for (const std::string& path : SplitNul(tracked)) args.push_back(":(top,literal)" + path);
  TRY(Plumb(args));
  return {};
}

Status GitCheckpointer::MoveBranch(const std::string& to) {
  const std::string old_value = tip_.empty() ? std::string(to.size(), '0') : tip_;
  auto moved = Plumb({"update-ref", "--no-deref", "-m", "fabro: checkpoint", RunRef(config_.run_id),
                      to, old_value});
  if (!moved.ok()) return moved.error().In("moving the run's branch");
  tip_ = to;
  return {};
}

Status GitCheckpointer::Record(const std::string& subject, const std::string& trailers) {
  const std::string tree = TRY(Plumb({"write-tree"}));
  std::vector<std::string> args = {"commit-tree", tree, "-m", subject, "-m", trailers};
  const std::string parent = tip_.empty() ? head_ : tip_;
  if (!parent.empty()) args.insert(args.end(), {"-p", parent});
  const std::string commit = TRY(Plumb(args));
  return MoveBranch(commit);
}

// The user's uncommitted state first, so that later commits show the run's changes alone.
Status GitCheckpointer::RecordBase(std::vector<std::string>& notes) {
  TRY(AddAll(notes));
  const std::string tree = TRY(Plumb({"write-tree"}));
  const std::string listed = TRY(Plumb({"ls-tree", tree}));
  const std::string before = TRY(Ask({"rev-parse", "--verify", "-q", head_ + "^{tree}"}));
  const bool clean = head_.empty() ? listed.empty() : tree == before;
  if (clean) return {};
  return Record(Subject("base"), "Fabro-Run: " + config_.run_id);
}

CheckpointBase GitCheckpointer::BaseOf(std::vector<std::string> notes) const {
  CheckpointBase base;
  base.branch = "fabro/run/" + config_.run_id;
  base.base_sha = head_;
  base.source_branch = branch_;
  base.notes = std::move(notes);
  return base;
}

Result<CheckpointBase> GitCheckpointer::Begin() {
  TRY(FindHead());
  if (!tip_.empty()) return Continue("");  // A crash while it began.
  std::vector<std::string> notes;
  TRY(FillIndex(head_));
  if (!config_.seed_index.empty()) {
    const std::string index = TRY(ReadFile(config_.seed_index, 1_GiB));
    TRY(WriteFile(config_.index_file, index, 0600));
  }
  TRY_IN("recording the state before the run", RecordBase(notes));
  return BaseOf(std::move(notes));
}

Result<CheckpointBase> GitCheckpointer::Continue(const std::string& last_sha) {
  TRY(FindHead());
  if (tip_.empty() && !last_sha.empty()) {
    return Failure(Code::kFailedPrecondition, "the run's branch is gone", "checkpoint_lost");
  }
  if (tip_.empty()) return Begin();
  // What the run's first commit stands on is its base, whatever HEAD is by now.
  const std::string subject = Subject("");
  const std::string log = TRY(Plumb({"log", "--first-parent", "-z", "--format=%H %s", tip_}));
  std::string first;
  std::string back_to = last_sha;
  head_.clear();
  for (const std::string& entry : SplitNul(log)) {
    const std::string id = entry.substr(0, entry.find(' '));
    if (entry.substr(id.size() + 1).rfind(subject, 0) != 0) {
      head_ = id;
      break;
    }
    first = entry;
  }
  const bool has_base = first.ends_with(Subject("base"));
  if (back_to.empty()) back_to = has_base ? first.substr(0, first.find(' ')) : head_;
  // At most one commit was made and not recorded.
  const std::string above = TRY(Ask({"rev-list", "-n", "2", back_to + ".." + tip_}));
  if (above.find('\n') != std::string::npos) {
    return Failure(Code::kFailedPrecondition, "the run's branch has commits that are not the run's",
                   "checkpoint_branch_moved");
  }
  if (!back_to.empty() && back_to != tip_) TRY(MoveBranch(back_to));
  TRY(FillIndex(tip_));
  return BaseOf({});
}

Result<CheckpointCommit> GitCheckpointer::Commit(const CheckpointRequest& request) {
  CheckpointCommit commit;
  complete_ = false;
  TRY(AddAll(commit.notes));
  std::string trailers =
      "Fabro-Run: " + config_.run_id + "\nFabro-Completed: " + std::to_string(request.completed);
  if (request.late) trailers += "\nFabro-Late: true";
  TRY(Record(Subject(request.node_id + " (" + request.status + ")"), trailers));
  commit.sha = tip_;
  complete_ = commit.notes.empty();
  const Status taken = Take();
  if (!taken.ok()) commit.notes.push_back("checkpoint_not_taken: " + taken.error().ToString());
  return commit;
}

Status GitCheckpointer::Take() {
  if (!taker_ || taken_ == tip_) return {};
  TRY(taker_(tip_, head_, taken_));
  taken_ = tip_;
  return {};
}

Status GitCheckpointer::Restore(const std::string& sha) {
  if (!config_.can_restore) {
    return Failure(Code::kFailedPrecondition, "the work tree is the user's own",
                   "capability_missing");
  }
  TRY(Plumb({"read-tree", "--reset", "-u", sha}));
  TRY(Plumb({"clean", "-ffdq", "--", ":/"}));
  return {};
}

Result<std::string> GitCheckpointer::Publish() {
  // A branch that is not the whole result is none: the workspace itself must be saved then.
  if (tip_.empty() || tip_ == head_ || !complete_ || !config_.branch_outlives) return std::string();
  TRY(Take());
  return "fabro/run/" + config_.run_id;
}

}  // namespace

std::string RunRef(const std::string& run_id) { return "refs/heads/fabro/run/" + run_id; }

std::unique_ptr<workflow::Checkpointer> MakeGitCheckpointer(std::unique_ptr<GitRunner> git,
                                                            CheckpointConfig config, Taker taker) {
  return std::make_unique<GitCheckpointer>(std::move(git), std::move(config), std::move(taker));
}

Result<std::unique_ptr<workflow::Checkpointer>> MakeLocalCheckpointer(const std::string& directory,
                                                                      const std::string& storage,
                                                                      const std::string& run_dir,
                                                                      CheckpointConfig config) {
  const std::optional<git::Repository> repository = TRY(git::Discover(directory));
  if (!repository) return std::unique_ptr<workflow::Checkpointer>();
  config.index_file = run_dir + "/git/index";
  config.can_restore = false;
  const std::string inside = repository->top + "/";
  if (storage.starts_with(inside)) config.exclude_paths.push_back(storage.substr(inside.size()));
  // A sparse checkout's absent files are marked in the index only: from HEAD's tree they would look
  // deleted.
  git::Options options;
  const git::Output sparse =
      TRY(git::Run(repository->top, {"config", "--bool", "core.sparseCheckout"}, options));
  if (sparse.out == "true\n") config.seed_index = repository->git_dir + "/index";
  return MakeGitCheckpointer(GitOnHost(repository->top), std::move(config), nullptr);
}

}  // namespace fabro::provider
