// Questions of a run as people meet them: on a real terminal, from another one, from a pipe.
#include "fixture.h"

namespace fabro::e2e {
namespace {

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kGate = R"(digraph G {
  start [shape=Mdiamond]
  exit [shape=Msquare]
  ask [shape=hexagon, label="Ship it?"]
  ship [shape=parallelogram, script="touch shipped"]
  hold [shape=parallelogram, script="touch held"]
  start -> ask
  ask -> ship [label="[A] Approve"]
  ask -> hold [label="[R] Reject"]
  ship -> exit
  hold -> exit
})";

constexpr const char* kFree = R"(digraph G {
  start [shape=Mdiamond]
  exit [shape=Msquare]
  ask [shape=hexagon, label="What next?"]
  a [shape=parallelogram, script="touch a"]
  b [shape=parallelogram, script="touch b"]
  start -> ask
  ask -> a [label="[A] Go"]
  ask -> b [freeform=true]
  a -> exit
  b -> exit
})";

// A terminal of 60 columns around `fabro`: when the text is there, the keys are typed.
constexpr const char* kPty = R"(import os, pty, sys, select, struct, fcntl, termios, time
steps = [s.split('=>', 1) for s in sys.argv[1].split(';;') if s]
pid, fd = pty.fork()
if pid == 0:
    os.environ['TERM'] = 'xterm'
    os.environ['NO_COLOR'] = '1'
    os.execv(os.environ['FABRO'], ['fabro'] + sys.argv[2:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 60, 0, 0))
seen, at = b'', 0
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    if not select.select([fd], [], [], 1)[0]: continue
    try: piece = os.read(fd, 65536)
    except OSError: break
    if not piece: break
    seen += piece
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
    while steps and steps[0][0].encode() in seen[at:]:
        at = len(seen)
        keys = steps.pop(0)[1].encode().decode('unicode_escape')
        if keys == 'RESIZE': fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 10, 20, 0, 0))
        else: os.write(fd, keys.encode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
)";

class GatesTest : public FabroTest {
 protected:
  void SetUp() override {
    Write("gate.fabro", kGate);
    Write("free.fabro", kFree);
    Write("typist.py", kPty);
  }
  Output Pty(const std::string& steps, const std::string& args) const {
    return Shell("python3 typist.py '" + steps + "' " + args);
  }
  // A run that waits at its gate.
  std::string Waiting(const std::string& file = "gate.fabro") {
    std::string id = Detached({file, "--environment", "local"});
    const Output asked = Shell("for i in $(seq 200); do $FABRO answer " + id +
                               " --list | grep -q open && exit 0; done; exit 1");
    EXPECT_EQ(asked.code, 0) << asked.err;
    return id;
  }
  bool There(const std::string& name) const { return Shell("ls " + name).code == 0; }
};

TEST_F(GatesTest, AKeyOnATerminalAnswers) {
  const Output run = Pty("Approve=>r", "run gate.fabro --environment local");
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_TRUE(There("held")) << run.out;
  EXPECT_FALSE(There("shipped"));
  EXPECT_TRUE(Has(run.out, "[R] Reject, by ")) << run.out;
}

TEST_F(GatesTest, ArrowsAndEnterAnswerAlsoAfterAResize) {
  const Output run =
      Pty("Approve=>RESIZE;;Ship=>\\x1b[B;;❯ R=>\\r", "run gate.fabro --environment local");
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_TRUE(There("held")) << run.out;
}

TEST_F(GatesTest, FreeTextIsTypedInPlace) {
  const Output run = Pty("another answer=>2;;Esc goes back=>do it\\x7ft!\\r",
                         "run free.fabro --environment local");
  EXPECT_EQ(run.code, 0) << run.out << run.err;
  EXPECT_TRUE(There("b")) << run.out;
  EXPECT_TRUE(Has(Fabro({"answer", "free", "--list", "--json"}).out, "\"text\":\"do it!\""))
      << Fabro({"answer", "free", "--list", "--json"}).out;
}

TEST_F(GatesTest, TheDiffOfTheStageIsShownOnDemand) {
  Write("edit.fabro", R"(digraph G {
    start [shape=Mdiamond]
    exit [shape=Msquare]
    edit [shape=parallelogram, script="echo new-line >> file.txt"]
    ask [shape=hexagon, label="Good?"]
    start -> edit -> ask
    ask -> exit [label="[Y] Yes"]
  })");
  ASSERT_EQ(Shell("git init -q . && git config user.email a@b && git config user.name n && "
                  "echo old > file.txt && git add . && git commit -qm base")
                .code,
            0);
  const Output run = Pty("[Y] Yes=>d;;+new-line=>y", "run edit.fabro --environment local");
  EXPECT_EQ(run.code, 0) << run.out << run.err;
}

TEST_F(GatesTest, AnAnswerFromElsewhereClosesTheQuestionHere) {
  const std::string id = Waiting();
  const Output attached =
      Shell("(python3 typist.py 'never=>x' attach " + id + " > seen.txt) & " +
            "until grep -aq Approve seen.txt; do read -t 0.05 <> <(:) || true; done; "
            "$FABRO answer " +
            id + " approve; wait");
  EXPECT_EQ(attached.code, 0) << attached.err;
  EXPECT_TRUE(There("shipped"));
  EXPECT_TRUE(Has(Shell("cat seen.txt").out, "[A] Approve, by ")) << Shell("cat seen.txt").out;
}

TEST_F(GatesTest, ThePipesLinesAnswerOneQuestionEach) {
  const Output run = Shell("printf 'maybe\\nR\\n' | $FABRO run gate.fabro --environment local");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_TRUE(There("held"));
  EXPECT_TRUE(Has(run.err, "  1  A  [A] Approve\n")) << run.err;
  EXPECT_TRUE(Has(run.err, "\"maybe\" is no answer")) << run.err;
}

TEST_F(GatesTest, TheEndOfInputClosesTheGate) {
  const Output run = Fabro({"run", "gate.fabro", "--environment", "local"});
  EXPECT_EQ(run.code, 1) << run.err;
  EXPECT_FALSE(There("shipped") || There("held"));
}

TEST_F(GatesTest, AutoApproveTakesTheFirstOption) {
  EXPECT_EQ(Fabro({"run", "gate.fabro", "--environment", "local", "--auto-approve"}).code, 0);
  EXPECT_TRUE(There("shipped"));
}

TEST_F(GatesTest, AnAnswerIsGivenOnceAndTheSameAgainIsFine) {
  const std::string id = Waiting();
  const Output list = Fabro({"answer", id, "--list"});
  EXPECT_TRUE(Has(list.out, "(open)")) << list.out;
  EXPECT_EQ(Fabro({"answer", id, "perhaps"}).code, 2);
  EXPECT_EQ(Fabro({"answer", id, "q-1", "approve"}).code, 0);
  EXPECT_EQ(Fabro({"wait", id}).code, 0);
  EXPECT_EQ(Fabro({"answer", id, "q-1", "A"}).code, 0);
  const Output other = Fabro({"answer", id, "q-1", "--key", "R"});
  EXPECT_EQ(other.code, 1);
  EXPECT_TRUE(Has(other.err, "was answered before: [A] Approve, by ")) << other.err;
  EXPECT_EQ(Fabro({"answer", id}).code, 5);
  EXPECT_EQ(Fabro({"answer", id, "q-9", "A"}).code, 5);
}

TEST_F(GatesTest, OfTwoAnswersAtOnceOneCounts) {
  const std::string id = Waiting();
  const Output both = Shell("$FABRO answer " + id + " q-1 A & a=$!; $FABRO answer " + id +
                            " q-1 R & b=$!; wait $a; x=$?; wait $b; echo $x $?");
  EXPECT_TRUE(both.out == "0 1\n" || both.out == "1 0\n") << both.out << both.err;
  EXPECT_EQ(Fabro({"wait", id}).code, 0);
  EXPECT_NE(There("shipped"), There("held"));
}

TEST_F(GatesTest, AnAnswerFromAPipeAndOneWithoutAWorker) {
  const std::string id = Waiting();
  ASSERT_EQ(::kill(WorkerOf(id), SIGKILL), 0);
  const Output answer =
      Shell("until ! $FABRO inspect " + id + " | grep -q '\"live\":true'; do :; " +
            "done; echo approve | $FABRO answer " + id);
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(Fabro({"resume", id}).code, 0);
  EXPECT_TRUE(There("shipped"));
}

}  // namespace
}  // namespace fabro::e2e
