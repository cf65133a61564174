// Runs that are there: their story, their drawing, beginning again from a point, putting away.
#include "fixture.h"

namespace fabro::e2e {
namespace {

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

class HistoryTest : public FabroTest {
 protected:
  void Repository() {
    ASSERT_EQ(Shell("git init -q . && git config user.email a@b && git config user.name n && "
                    "echo base > base.txt && git add . && git commit -qm base")
                  .code,
              0);
  }
  // Runs to its end in this directory and gives the id.
  std::string Ran(const std::string& file, int code = 0) {
    const Output run =
        Shell("$FABRO run " + file + " --environment local --json | tail -1 | " +
              "python3 -c 'import json,sys; print(json.load(sys.stdin)[\"run_id\"])'");
    EXPECT_EQ(run.code, 0) << run.err;
    const std::string id = FirstLine(run.out);
    EXPECT_EQ(Fabro({"wait", id}).code, code);
    return id;
  }
  std::string RunDir(const std::string& id) {
    return FirstLine(Shell("ls -d \"$FABRO_STORAGE_DIR\"/scratch/*-" + id).out);
  }
};

TEST_F(HistoryTest, AStoryIsForReadersAndItsTextIsInert) {
  Write("flow.fabro", Chain({{"one", "printf 'hello \\\\033[31mred\\\\n'"}, {"two", "exit 3"}}));
  const Output failed = Fabro({"run", "flow.fabro", "--environment", "local"});
  const Output story = Fabro({"logs", "-p", "chain"});
  const Output by_file = Fabro({"logs", "-p", "flow"});
  const std::string text = story.code == 0 ? story.out : by_file.out;
  EXPECT_TRUE(Has(text, "one starts")) << text << failed.err;
  EXPECT_TRUE(Has(text, "│ hello ")) << text;
  EXPECT_TRUE(Has(text, "two failed after")) << text;
  EXPECT_TRUE(Has(text, "→ two")) << text;
  EXPECT_FALSE(Has(text, "\x1b")) << text;
}

TEST_F(HistoryTest, TheDrawingShowsPathAndStates) {
  Write("flow.fabro", R"(digraph F {
    start [shape=Mdiamond]
    exit [shape=Msquare]
    ok [shape=parallelogram, script="true"]
    never [shape=parallelogram, script="true"]
    start -> ok -> exit
    ok -> never [condition="outcome=failed"]
    never -> exit
  })");
  const std::string id = Ran("flow.fabro");
  const Output dot = Fabro({"graph", "--run", id, "--format", "dot"});
  EXPECT_EQ(dot.code, 0) << dot.err;
  EXPECT_TRUE(Has(dot.out, "\"ok\" [label=\"✓ ok")) << dot.out;
  EXPECT_TRUE(Has(dot.out, "\"never\" [label=\"never\", shape=parallelogram, style=dashed"))
      << dot.out;
  EXPECT_TRUE(Has(dot.out, "\"start\" -> \"ok\" [label=\"\", penwidth=2.5")) << dot.out;
  EXPECT_TRUE(Has(Fabro({"graph", "--run", id}).out, "<svg"));
  EXPECT_TRUE(Has(ReadFile(RunDir(id) + "/graph.svg").value(), "#dafbe1"));
  EXPECT_EQ(Fabro({"graph"}).code, 2);
}

TEST_F(HistoryTest, AForkBeginsAtACommitAndLeavesTheUsersDirectoryAlone) {
  Repository();
  Write("flow.fabro", Chain({{"one", "echo 1 > one.txt"},
                             {"two", "cat one.txt base.txt > two.txt; echo t >> times.txt"},
                             {"three", "echo 3 > three.txt"}}));
  const std::string id = Ran("flow.fabro");
  ASSERT_EQ(Shell("rm one.txt two.txt three.txt times.txt").code, 0);

  const Output list = Fabro({"fork", id, "--list"});
  EXPECT_TRUE(Has(list.out, "one@1 -> two")) << list.out << list.err;
  const Output fork = Fabro({"fork", "--start", id, "one"});
  ASSERT_EQ(fork.code, 0) << fork.err;
  const std::string forked = FirstLine(fork.out);
  EXPECT_EQ(Fabro({"wait", forked}).code, 0) << Fabro({"logs", "-p", forked}).out;

  // What ran again is what came after the checkpoint; the files are in the worktree alone.
  EXPECT_EQ(Shell("ls").out, "base.txt\nflow.fabro\n");
  EXPECT_EQ(Shell("cat " + RunDir(forked) + "/worktree/two.txt").out, "1\nbase\n");
  const std::string story = Fabro({"logs", forked}).out;
  EXPECT_TRUE(Has(story, "fork_source_ref")) << story;
  EXPECT_EQ(Shell("git show fabro/run/" + forked + ":three.txt").out, "3\n");
  EXPECT_EQ(Fabro({"fork", id, "nosuch"}).code, 2);

  const Output rewound = Fabro({"rewind", "--start", id, "@2"});
  EXPECT_EQ(rewound.code, 0) << rewound.err;
  EXPECT_EQ(Fabro({"wait", FirstLine(rewound.out)}).code, 0);
  EXPECT_TRUE(Has(Fabro({"inspect", id}).out, "\"superseded_by\":\"" + FirstLine(rewound.out)));
  EXPECT_EQ(Fabro({"rewind", id}).code, 1);  // It is archived now.

  EXPECT_EQ(Fabro({"rm", forked}).code, 0);
  EXPECT_FALSE(Has(Shell("git worktree list").out, forked));
}

TEST_F(HistoryTest, DiffShowsWhatARunAndAStageChanged) {
  Repository();
  Write("flow.fabro", Chain({{"one", "echo 1 > one.txt"}, {"two", "echo 2 > two.txt"}}));
  const std::string id = Ran("flow.fabro");
  const Output all = Fabro({"diff", id});
  EXPECT_TRUE(Has(all.out, "+++ b/one.txt") && Has(all.out, "+++ b/two.txt")) << all.out << all.err;
  const Output two = Fabro({"diff", id, "--node", "two", "--stat"});
  EXPECT_TRUE(Has(two.out, "two.txt") && !Has(two.out, "one.txt")) << two.out << two.err;
}

TEST_F(HistoryTest, WithoutARepositoryThereIsNoDiffAndTheErrorSaysSo) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  const Output diff = Fabro({"diff", Ran("flow.fabro")});
  EXPECT_EQ(diff.code, 1);
  EXPECT_TRUE(Has(diff.err, "made no commits")) << diff.err;
}

TEST_F(HistoryTest, ADumpIsTheRunAsFiles) {
  Write("flow.fabro", Chain({{"one", "echo hi"}}));
  const std::string id = Ran("flow.fabro");
  const Output dump = Fabro({"dump", id, "-o", "out"});
  EXPECT_EQ(dump.code, 0) << dump.err;
  EXPECT_EQ(Shell("ls out").out,
            "checkpoints\nevents.jsonl\ngraph.fabro\ngraph.svg\nrun.json\nrun.log\nstages\n"
            "workflow_bundle.json\n");
  EXPECT_EQ(
      Shell("python3 -c 'import json; [json.loads(l) for l in open(\"out/events.jsonl\")]'").code,
      0);
  const Output again = Fabro({"dump", id, "-o", "out"});
  EXPECT_EQ(again.code, 1);
  EXPECT_TRUE(Has(again.err, "not empty")) << again.err;
}

TEST_F(HistoryTest, ArchivedRunsAreOutOfSightAndComeBack) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  const std::string id = Ran("flow.fabro");
  EXPECT_EQ(Fabro({"archive", id}).code, 0);
  EXPECT_EQ(Fabro({"archive", id}).code, 0);
  EXPECT_TRUE(Has(Fabro({"ps", "-a"}).out, "archived"));
  EXPECT_EQ(Fabro({"unarchive", id}).code, 0);
  EXPECT_FALSE(Has(Fabro({"ps", "-a"}).out, "archived"));
  const std::string made = FirstLine(Fabro({"create", "flow.fabro", "--environment", "local"}).out);
  const Output early = Fabro({"archive", made});
  EXPECT_EQ(early.code, 1);
  EXPECT_TRUE(Has(early.err, "has not ended")) << early.err;
}

TEST_F(HistoryTest, ACreatedRunStartsOnce) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  const Output made = Fabro({"create", "flow.fabro", "--environment", "local"});
  const std::string id = FirstLine(made.out);
  EXPECT_EQ(Fabro({"start", id}).code, 0);
  EXPECT_EQ(Fabro({"wait", id}).code, 0);
  EXPECT_EQ(Fabro({"start", id}).code, 1);
}

TEST_F(HistoryTest, APausedRunGoesOn) {
  Write("flow.fabro", Chain({{"one", "touch began; read -t 20 x < pipe"}, {"two", "touch two"}}));
  ASSERT_EQ(Shell("mkfifo pipe").code, 0);
  const std::string id = Detached({"flow.fabro", "--environment", "local"});
  AwaitFile(work() + "/began");
  EXPECT_EQ(Fabro({"unpause", id}).code, 1);
  EXPECT_EQ(Fabro({"pause", id}).code, 0);
  ASSERT_EQ(Shell("echo go > pipe").code, 0);
  EXPECT_EQ(Fabro({"wait", id}).code, 1);
  EXPECT_TRUE(Has(Fabro({"ps"}).out, "paused"));
  EXPECT_EQ(Shell("ls two").code, 2);
  EXPECT_EQ(Fabro({"unpause", id}).code, 0);
  EXPECT_EQ(Fabro({"wait", id}).code, 0);
  EXPECT_EQ(Shell("ls two").code, 0);
}

TEST_F(HistoryTest, RepairWritesWhatWasLostBesideTheStore) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  const std::string id = Ran("flow.fabro");
  const std::string dir = RunDir(id);
  ASSERT_EQ(Shell("rm -r " + dir + "/run.json " + dir + "/checkpoints " + storage() +
                  "/index.db*; mkdir " + storage() + "/scratch/.rm-half")
                .code,
            0);
  const Output repair = Fabro({"system", "repair"});
  EXPECT_EQ(repair.code, 0) << repair.err;
  EXPECT_TRUE(Has(ReadFile(dir + "/run.json").value(), "\"status\":\"succeeded\""));
  EXPECT_EQ(Shell("ls " + dir + "/checkpoints | wc -l; ls -a " + storage() + "/scratch | grep rm-")
                .out.substr(0, 1),
            "3");
  EXPECT_TRUE(Has(Fabro({"ps", "-a"}).out, id));
}

TEST_F(HistoryTest, PruneOnlyListsUntilItIsToldTo) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  const std::string id = Ran("flow.fabro");
  EXPECT_EQ(Fabro({"system", "prune"}).out, "");  // Younger than a day.
  const Output list = Fabro({"system", "prune", "--workflow", "flow"});
  EXPECT_EQ(list.out, id + "\n") << list.err;
  EXPECT_TRUE(Has(Fabro({"ps", "-a"}).out, id));
  EXPECT_EQ(Fabro({"system", "prune", "--older-than", "0s", "--yes"}).code, 0);
  EXPECT_FALSE(Has(Fabro({"ps", "-a"}).out, id));
}

TEST_F(HistoryTest, NamedWorkflowsAreMadeListedAndRun) {
  const Output made = Fabro({"workflow", "create", "say-it", "-g", "a \"quoted\" goal"});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_TRUE(Has(Fabro({"workflow", "list"}).out, "say-it  "));
  EXPECT_EQ(Fabro({"validate", "say-it"}).code, 0) << Fabro({"validate", "say-it"}).out;
  EXPECT_EQ(Fabro({"run", "say-it", "--environment", "local"}).code, 0);
  EXPECT_EQ(Fabro({"workflow", "create", "say-it"}).code, 1);
  EXPECT_EQ(Fabro({"workflow", "create", "../x"}).code, 2);
}

TEST_F(HistoryTest, PreflightSaysWhatIsMissingAndRunsNothing) {
  Write("flow.fabro", Chain({{"one", "touch ran"}}));
  Write("agent.fabro",
        "digraph A { start [shape=Mdiamond] exit [shape=Msquare] "
        "think [prompt=\"{{ inputs.what }}\"] start -> think -> exit }");
  const Output good = Fabro({"preflight", "flow.fabro", "--environment", "local"});
  EXPECT_EQ(good.code, 0) << good.out << good.err;
  EXPECT_TRUE(Has(good.out, "in no repository")) << good.out;
  EXPECT_EQ(Shell("ls ran").code, 2);
  const Output bad = Fabro({"preflight", "agent.fabro", "--environment", "local"});
  EXPECT_EQ(bad.code, 2) << bad.out;
  EXPECT_TRUE(Has(bad.out, "inputs.what")) << bad.out;
  EXPECT_TRUE(Has(bad.out, "there is no key")) << bad.out;
  EXPECT_EQ(Shell("$FABRO preflight agent.fabro --environment local --json | python3 -c 'import "
                  "json,sys; d=json.load(sys.stdin); assert not d[\"ok\"]; assert "
                  "d[\"diagnostics\"]; assert {c[\"status\"] for c in d[\"checks\"]} >= "
                  "{\"pass\",\"fail\"}'")
                .code,
            0);
}

TEST_F(HistoryTest, DoctorNamesTroubleAndItsRemedy) {
  const Output good = Fabro({"doctor", "--dry-run"});
  EXPECT_EQ(good.code, 0) << good.out;
  EXPECT_TRUE(Has(good.out, "ANTHROPIC_API_KEY")) << good.out;
  ASSERT_TRUE(MakeDirs(home_.path() + "/home/.fabro").ok());
  ASSERT_TRUE(WriteFile(home_.path() + "/home/.fabro/settings.toml", "[run]\ngoall=1\n").ok());
  Repository();
  Write(".env", "OPENAI_API_KEY=secret-key\n");
  ASSERT_EQ(Shell("git add -f .env && git commit -qm env").code, 0);
  const Output bad = Fabro({"doctor", "--dry-run"});
  EXPECT_EQ(bad.code, 1) << bad.out;
  EXPECT_TRUE(Has(bad.out, "run.goall: unknown key")) << bad.out;
  EXPECT_TRUE(Has(bad.out, "git rm --cached .env")) << bad.out;
  EXPECT_TRUE(Has(bad.out, "OPENAI_API_KEY: from ")) << bad.out;
  EXPECT_FALSE(Has(bad.out, "secret-key")) << bad.out;
}

}  // namespace
}  // namespace fabro::e2e
