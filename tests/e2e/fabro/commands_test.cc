// The commands of `fabro` as a user types them, and what bad input brings.
#include "fixture.h"

namespace fabro::e2e {
namespace {

using ::testing::Test;

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(FabroTest, VersionAndHelpAreResults) {
  EXPECT_EQ(Fabro({"--version"}).out, "fabro 0.1.0\n");
  EXPECT_EQ(Fabro({"version"}).out, "fabro 0.1.0\n");
  const Output help = Fabro({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_TRUE(Has(help.out, "attach"));
  EXPECT_FALSE(Has(help.out, "__worker"));
}

TEST_F(FabroTest, UsageErrorsExitWithTwo) {
  EXPECT_EQ(Fabro({}).code, 2);
  EXPECT_EQ(Fabro({"frobnicate"}).code, 2);
  EXPECT_EQ(Fabro({"run"}).code, 2);
  EXPECT_EQ(Fabro({"run", "--no-such-flag", "x.fabro"}).code, 2);
}

TEST_F(FabroTest, CompletionScriptsAreValidShell) {
  Write("completion", Fabro({"completion", "bash"}).out);
  EXPECT_EQ(
      Shell("bash -n completion && source ./completion && COMP_WORDS=(fabro re); COMP_CWORD=1; "
            "_fabro; echo ${COMPREPLY[@]} | grep -q resume")
          .code,
      0);
  EXPECT_EQ(Shell("source ./completion && COMP_WORDS=(fabro system p); COMP_CWORD=2; _fabro; "
                  "echo ${COMPREPLY[@]}")
                .out,
            "prune\n");
  EXPECT_EQ(Shell("source ./completion && COMP_WORDS=(fabro system prune --old); COMP_CWORD=3; "
                  "_fabro; echo ${COMPREPLY[@]}")
                .out,
            "--older-than\n");
  for (const char* command : {"answer", "doctor", "fork", "settings", "trust", "workflow"}) {
    for (const char* shell : {"bash", "zsh", "fish"}) {
      EXPECT_TRUE(Has(Fabro({"completion", shell}).out, command)) << shell << " " << command;
    }
  }
  EXPECT_TRUE(Has(Fabro({"completion", "zsh"}).out, "#compdef fabro"));
  EXPECT_TRUE(Has(Fabro({"completion", "fish"}).out, "complete -c fabro"));
}

TEST_F(FabroTest, ARunOfCommandsSucceedsAndSaysWhereItsResultIs) {
  Write("flow.fabro", Chain({{"one", "echo 1 > one.txt"}, {"two", "cat one.txt"}}));
  const Output run = Fabro({"run", "flow.fabro", "--environment", "local"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_TRUE(Has(run.err, "one@1")) << run.err;
  EXPECT_TRUE(Has(run.err, "fabro logs")) << run.err;
  EXPECT_EQ(Shell("cat one.txt").out, "1\n");
}

TEST_F(FabroTest, AFailedStageFailsTheRun) {
  Write("flow.fabro", R"(digraph F {
    start [shape=Mdiamond]
    exit [shape=Msquare]
    bad [shape=parallelogram, script="echo broken >&2; exit 3", goal_gate=true]
    start -> bad -> exit
  })");
  const Output run = Fabro({"run", "flow.fabro", "--environment", "local"});
  EXPECT_EQ(run.code, 1);
  EXPECT_TRUE(Has(run.err, "command exited with code 3")) << run.err;
  EXPECT_TRUE(Has(run.err, "broken")) << run.err;
}

TEST_F(FabroTest, JsonIsOneObjectALine) {
  Write("flow.fabro", Chain({{"one", "echo hello"}}));
  Write("check.py",
        "import json,sys\nlines=[json.loads(l) for l in sys.stdin]\n"
        "assert [l['seq'] for l in lines[:-1]]==list(range(1,len(lines))), lines\n"
        "assert lines[-1]['status']=='succeeded', lines[-1]\n");
  const Output run = Shell("$FABRO run flow.fabro --environment local --json | python3 check.py");
  EXPECT_EQ(run.code, 0) << run.err;
}

TEST_F(FabroTest, PsLogsInspectWaitAndRmWorkOnARun) {
  Write("flow.fabro", Chain({{"one", "echo hello"}}));
  const std::string id = Detached({"flow.fabro", "--environment", "local"});
  EXPECT_EQ(Fabro({"wait", id}).code, 0);
  EXPECT_TRUE(Has(Fabro({"ps", "-a"}).out, id));
  EXPECT_FALSE(Has(Fabro({"ps"}).out, id));
  EXPECT_TRUE(Has(Fabro({"logs", id}).out, "\"event\":\"run.completed\""));
  EXPECT_EQ(Fabro({"logs", id, "-n", "1"}).out.find('\n') + 1,
            Fabro({"logs", id, "-n", "1"}).out.size());
  EXPECT_TRUE(Has(Fabro({"inspect", id.substr(0, 20)}).out, "\"status\":\"succeeded\""));
  EXPECT_EQ(Fabro({"attach", id}).code, 0);
  EXPECT_EQ(Fabro({"rm", id}).code, 0);
  EXPECT_EQ(Fabro({"inspect", id}).code, 5);
}

TEST_F(FabroTest, AnUnknownRunIsNotFound) {
  for (const char* command : {"attach", "resume", "cancel", "wait", "logs", "inspect", "rm"}) {
    EXPECT_EQ(Fabro({command, "01ARZ3NDEKTSV4RRFFQ69G5FAV"}).code, 5) << command;
  }
}

TEST_F(FabroTest, TheDefaultEnvironmentNamesTheOneThatWorks) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  const Output run = Fabro({"run", "flow.fabro"});
  EXPECT_EQ(run.code, 2) << run.err;
  EXPECT_TRUE(Has(run.err, "--environment namespace")) << run.err;
  const Output unknown = Fabro({"run", "flow.fabro", "--environment", "nosuch"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_TRUE(Has(unknown.err, "nosuch") && Has(unknown.err, "namespace")) << unknown.err;
}

TEST_F(FabroTest, BadWorkflowFilesAreRefusedWithTheReason) {
  Write("empty.fabro", "");
  Write("binary.fabro", std::string("\x7f"
                                    "ELF\0\0\1\2",
                                    8));
  Write("open.fabro", "digraph G { a [label=\"never closed\n");
  Write("nostart.fabro", "digraph G { a [shape=parallelogram, script=\"x\"] }");
  Write("exits.fabro",
        "digraph G { start [shape=Mdiamond] a [shape=Msquare] b [shape=Msquare] start -> a start "
        "-> b }");
  Write("lost.fabro",
        "digraph G { start [shape=Mdiamond] exit [shape=Msquare] "
        "lost [shape=parallelogram, script=\"x\"] start -> exit }");
  Write("type.fabro",
        "digraph G { start [shape=Mdiamond] exit [shape=Msquare] a [type=\"wasm\"] start -> a -> "
        "exit }");
  Write("input.fabro", Chain({{"one", "echo {{ inputs.nowhere }}"}}));
  ASSERT_EQ(Shell("head -c 52428800 /dev/zero > huge.fabro").code, 0);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"empty", "parse_error"},    {"binary", "parse_error"},       {"open", "parse_error"},
      {"nostart", "start_node"},   {"exits", "terminal_node"},      {"lost", "reachability"},
      {"type", "type_known"},      {"input", "template_undefined"}, {"huge", "MiB"},
      {"missing", "missing.fabro"}};
  for (const auto& [name, word] : cases) {
    const Output run = Fabro({"run", name + ".fabro", "--environment", "local"});
    EXPECT_EQ(run.code, 2) << name << ": " << run.err;
    EXPECT_TRUE(Has(run.err + run.out, word)) << name << ": " << run.err << run.out;
  }
}

TEST_F(FabroTest, ValidatePrintsEveryDiagnosticWithItsPlace) {
  Write("bad.fabro",
        "digraph G {\n  start [shape=Mdiamond]\n  start -> a\n  a [shape=parallelogram]\n}\n");
  const Output bad = Fabro({"validate", "bad.fabro"});
  EXPECT_EQ(bad.code, 2);
  EXPECT_TRUE(Has(bad.out, "bad.fabro:4:3: error[command_script]")) << bad.out;
  EXPECT_TRUE(Has(bad.out, "error[terminal_node]")) << bad.out;
  Write("good.fabro", Chain({{"one", "true"}}));
  EXPECT_EQ(Fabro({"validate", "good.fabro"}).code, 0);
}

TEST_F(FabroTest, GraphDrawsSvg) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  EXPECT_TRUE(Has(Fabro({"graph", "flow.fabro"}).out, "<svg"));
  EXPECT_EQ(Fabro({"graph", "flow.fabro", "-o", "flow.svg"}).code, 0);
  EXPECT_EQ(Shell("grep -c '<svg' flow.svg").out, "1\n");
  EXPECT_EQ(Fabro({"graph", "nowhere.fabro"}).code, 2);
}

TEST_F(FabroTest, AClosedReaderEndsQuietly) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  ASSERT_EQ(Fabro({"run", "flow.fabro", "--environment", "local"}).code, 0);
  const Output head = Shell("set -o pipefail; $FABRO logs $($FABRO ps -aq) | head -1 | wc -l");
  EXPECT_EQ(head.out, "1\n");
  EXPECT_EQ(head.err, "");
}

TEST_F(FabroTest, AnUnwritableStoreIsAClearError) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  const Output run =
      Fabro({"run", "flow.fabro", "--environment", "local", "--storage-dir", "/proc/nowhere"});
  EXPECT_EQ(run.code == 1 || run.code == 2, true) << run.code;
  EXPECT_TRUE(Has(run.err, "/proc/nowhere")) << run.err;
}

TEST_F(FabroTest, AFullDiskUnderTheStoreIsAClearErrorAndLosesNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for a small file system";
  Write("flow.fabro", Chain({{"one", "true"}}));
  const Output run = Shell(
      "unshare -m bash -c 'mkdir -p small && mount -t tmpfs -o size=256k small small && "
      "head -c 200k /dev/zero > small/fill; $FABRO run flow.fabro --environment local "
      "--storage-dir $PWD/small; code=$?; rm small/fill; $FABRO ps -a --storage-dir $PWD/small; "
      "exit $code'");
  EXPECT_NE(run.code, 0);
  EXPECT_TRUE(Has(run.err, "space") || Has(run.err, "full")) << run.err;
}

TEST_F(FabroTest, ACorruptStoreBreaksOneRunOnly) {
  Write("flow.fabro", Chain({{"one", "true"}}));
  const std::string bad = Detached({"flow.fabro", "--environment", "local"});
  const std::string good = Detached({"flow.fabro", "--environment", "local"});
  ASSERT_EQ(Fabro({"wait", bad}).code, 0);
  ASSERT_EQ(Fabro({"wait", good}).code, 0);
  ASSERT_EQ(Shell("cd $FABRO_STORAGE_DIR/scratch/*-" + bad +
                  " && rm -f run.db-wal run.db-shm && head -c 65536 /dev/urandom > run.db")
                .code,
            0);
  // The list is a cache of the runs' own stores; made anew it says what it finds.
  ASSERT_EQ(Shell("rm $FABRO_STORAGE_DIR/index.db").code, 0);
  const Output listed = Fabro({"ps", "-a"});
  EXPECT_EQ(listed.code, 0);
  EXPECT_TRUE(Has(listed.out, good) && Has(listed.out, "broken")) << listed.out;
  EXPECT_EQ(Fabro({"inspect", good}).code, 0);
  EXPECT_EQ(Fabro({"attach", bad}).code, 1);
}

}  // namespace
}  // namespace fabro::e2e
