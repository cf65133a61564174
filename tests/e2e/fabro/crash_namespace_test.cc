// Pulling the plug on runs in the namespace sandbox: the worker, the jailer, the sandbox's init.
#include "fixture.h"

namespace fabro::e2e {
namespace {

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class NamespaceCrashTest : public FabroTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(Shell("git init -q -b main . && git -c user.name=u -c user.email=u@x commit -q "
                    "--allow-empty -m one")
                  .code,
              0);
    Write("flow.fabro",
          Chain({{"one", "echo one >> log.txt"},
                 {"two",
                  "echo partial > part.txt; touch running; until [ -e go ]; "
                  "do read -t 0.05 <> <(:) || true; done; echo two >> log.txt; rm -f go running"},
                 {"three", "echo three >> log.txt"}}));
  }
  std::string Inside() const {
    return Shell("echo -n $FABRO_STORAGE_DIR/sandboxes/*/rw/workspace").out;
  }
  std::string StartedRun() {
    std::string id = Detached({"flow.fabro", "--environment", "namespace"});
    AwaitFileLike();
    return id;
  }
  // Stage two runs.
  void AwaitFileLike() const {
    ASSERT_EQ(
        Shell(
            "for i in $(seq 600); do [ -e $FABRO_STORAGE_DIR/sandboxes/*/rw/workspace/running ] && "
            "exit 0; read -t 0.1 <> <(:) || true; done; exit 1")
            .code,
        0);
  }
  pid_t InitOf() const {
    return std::atoi(Shell("sed 's/.*\"init_pid\":\\([0-9]*\\).*/\\1/' "
                           "$FABRO_STORAGE_DIR/sandboxes/*/sandbox.json")
                         .out.c_str());
  }
  pid_t JailerOf(const std::string& id) const {
    return std::atoi(
        Shell("cat /proc/" + std::to_string(WorkerOf(id)) + "/task/*/children").out.c_str());
  }
  void ExpectLostAndResumable(const std::string& id) {
    EXPECT_EQ(Fabro({"wait", id}).code, 1);
    const Output seen = Fabro({"attach", id});
    EXPECT_EQ(seen.code, 1) << seen.err;
    EXPECT_TRUE(Has(seen.err, "the sandbox was lost in stage two")) << seen.err;
    EXPECT_FALSE(Has(seen.err, "three@1")) << seen.err;
    EXPECT_TRUE(Has(Fabro({"logs", id}).out, "transient_infra"));
    EXPECT_EQ(Fabro({"resume", "-d", id}).code, 0);
    AwaitFileLike();
    ASSERT_EQ(Shell("touch " + Inside() + "/go").code, 0);
    EXPECT_EQ(Fabro({"wait", id}).code, 0);
    EXPECT_EQ(Shell("git show fabro/run/" + id + ":log.txt").out, "one\ntwo\nthree\n");
    EXPECT_EQ(Fabro({"rm", id}).code, 0);
    EXPECT_EQ(Shell("ls $FABRO_STORAGE_DIR/sandboxes").out, "");
  }
};

TEST_F(NamespaceCrashTest, AKilledWorkerIsResumedOverARestoredWorkspace) {
  const std::string id = StartedRun();
  const pid_t init = InitOf();
  ASSERT_EQ(::kill(WorkerOf(id), SIGKILL), 0);
  ASSERT_EQ(Shell("rm -f " + Inside() + "/running; touch " + Inside() + "/stray").code, 0);
  EXPECT_EQ(Fabro({"resume", "-d", id}).code, 0);
  AwaitFileLike();
  EXPECT_NE(::access((Inside() + "/stray").c_str(), F_OK), 0);
  EXPECT_NE(InitOf(), init);
  ASSERT_EQ(Shell("touch " + Inside() + "/go").code, 0);
  EXPECT_EQ(Fabro({"wait", id}).code, 0);
  EXPECT_TRUE(Has(Fabro({"logs", id}).out, "\"workspace\":\"restored\""));
  EXPECT_EQ(Shell("git show fabro/run/" + id + ":log.txt").out, "one\ntwo\nthree\n");
  EXPECT_EQ(Shell("ls $FABRO_STORAGE_DIR/sandboxes").out, "");
}

TEST_F(NamespaceCrashTest, AKilledJailerFailsTheRunAndAResumeGoesOn) {
  const std::string id = StartedRun();
  const pid_t jailer = JailerOf(id);
  ASSERT_GT(jailer, 0);
  ASSERT_EQ(::kill(jailer, SIGKILL), 0);
  ExpectLostAndResumable(id);
}

TEST_F(NamespaceCrashTest, AKilledInitFailsTheRunAndAResumeGoesOn) {
  const std::string id = StartedRun();
  const pid_t init = InitOf();
  ASSERT_GT(init, 0);
  ASSERT_EQ(::kill(init, SIGKILL), 0);
  ExpectLostAndResumable(id);
}

TEST_F(NamespaceCrashTest, RemoveByForceEndsALiveRunAndItsSandbox) {
  const std::string id = StartedRun();
  const pid_t init = InitOf();
  ASSERT_GT(init, 0);
  EXPECT_EQ(Fabro({"rm", "-f", id}).code, 0);
  EXPECT_NE(::kill(init, 0), 0);
  EXPECT_EQ(Shell("ls $FABRO_STORAGE_DIR/sandboxes").out, "");
}

TEST_F(NamespaceCrashTest, InterruptEndsTheSandboxToo) {
  Result<Process> client = Spawn(Request({"run", "flow.fabro", "--environment", "namespace"}));
  ASSERT_TRUE(client.ok());
  AwaitFileLike();
  ASSERT_TRUE(client->Kill(SIGINT).ok());
  EXPECT_EQ(client->Wait().value(), (ExitStatus{ExitStatus::Kind::kExited, 3}));
  EXPECT_EQ(Shell("ls $FABRO_STORAGE_DIR/sandboxes").out, "");
}

}  // namespace
}  // namespace fabro::e2e
