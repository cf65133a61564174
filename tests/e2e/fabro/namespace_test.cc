// Runs in the namespace sandbox as a developer has them: repository in, branch or archive out.
#include "fixture.h"

namespace fabro::e2e {
namespace {

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class NamespaceRunTest : public FabroTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
  Output RunFlow(const std::vector<std::pair<std::string, std::string>>& stages,
                 const std::vector<std::string>& more = {}) {
    Write("flow.fabro", Chain(stages));
    std::vector<std::string> args = {"run", "flow.fabro", "--environment", "namespace"};
    args.insert(args.end(), more.begin(), more.end());
    return Fabro(std::move(args));
  }
  void MakeRepository() {
    ASSERT_EQ(
        Shell("git init -q -b main . && git config user.name u && git config user.email u@x && "
              "echo committed > a.txt && git add a.txt && git commit -qm one")
            .code,
        0);
  }
};

TEST_F(NamespaceRunTest, ARepositoryGoesInAtHeadAndABranchComesOut) {
  MakeRepository();
  ASSERT_EQ(
      Shell("echo dirty >> a.txt; echo new > untracked.txt; echo s > s.txt; git add s.txt").code,
      0);
  const std::string look =
      "git status --porcelain=v2; git stash list; git reflog; git rev-parse HEAD; sha256sum "
      ".git/HEAD";
  Write("flow.fabro", "");
  const std::string before = Shell(look).out;
  const Output run =
      RunFlow({{"one", "ls > seen.txt; cat a.txt >> seen.txt"}, {"two", "echo 2 > two.txt"}});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_TRUE(Has(run.err, "dirty_not_included")) << run.err;
  EXPECT_EQ(Shell(look).out, before);
  const std::string id = Shell("$FABRO ps -aq").out.substr(0, 26);
  EXPECT_EQ(Shell("git show fabro/run/" + id + ":seen.txt").out, "a.txt\nseen.txt\ncommitted\n");
  EXPECT_EQ(Shell("git rev-list --count main..fabro/run/" + id).out, "2\n");
  EXPECT_TRUE(Has(run.err, "git merge fabro/run/" + id)) << run.err;
  ASSERT_EQ(Shell("git stash -q && git merge -q fabro/run/" + id).code, 0);
  EXPECT_EQ(Shell("cat two.txt").out, "2\n");
  EXPECT_EQ(Shell("ls $FABRO_STORAGE_DIR/sandboxes").out, "");
}

TEST_F(NamespaceRunTest, OutsideARepositoryTheWorkspaceIsSaved) {
  const Output run = RunFlow({{"one", "mkdir d; echo deep > d/f; ln -s d/f link"}});
  ASSERT_EQ(run.code, 0) << run.err;
  const Output copied = Shell(
      "$FABRO artifact cp $($FABRO ps -aq):result out && mkdir x && zstd -dc out/result.tar.zst | "
      "tar -x -C x && cat x/d/f && readlink x/link");
  EXPECT_TRUE(Has(copied.out, "deep\nd/f\n")) << copied.out << copied.err;
}

TEST_F(NamespaceRunTest, NothingOfTheHostIsSeenInside) {
  Write("marker.txt", "of the host");
  SpawnRequest request = Request({"run", "flow.fabro", "--environment", "namespace"});
  request.env.insert(request.env.end(), {"MY_TOKEN=sekret-value", "FABRO_API_KEY=sekret-value"});
  Write("flow.fabro", Chain({{"one", "env | sort; ls -A; test ! -e " + storage() + "; test ! -e " +
                                         work() + " && echo unseen"}}));
  const Output run = OutputOf(RunCommand(std::move(request), "", ByteSize(1U << 20U),
                                         std::chrono::steady_clock::now() + kPatience));
  ASSERT_EQ(run.code, 0) << run.err;
  const std::string said = Shell("cat $FABRO_STORAGE_DIR/scratch/*/stages/*one*/*").out;
  EXPECT_TRUE(Has(said, "unseen")) << said;
  EXPECT_FALSE(Has(said, "_TOKEN") || Has(said, "API_KEY") || Has(said, "marker.txt")) << said;
  EXPECT_EQ(Shell("grep -rl sekret-value $FABRO_STORAGE_DIR").out, "");
}

TEST_F(NamespaceRunTest, ABackgroundServerOfOneStageIsReachedByTheNext) {
  const Output run = RunFlow(
      {{"one",
        "setsid python3 -m http.server 8123 --bind 127.0.0.1 >/dev/null 2>&1 & "
        "until (echo > /dev/tcp/127.0.0.1/8123) 2>/dev/null; do read -t 0.1 <> <(:) || true; done"},
       {"two",
        "exec 3<>/dev/tcp/127.0.0.1/8123 && echo reached > r.txt; "
        "! (echo > /dev/tcp/192.0.2.1/80) 2>/dev/null && echo no-network >> r.txt"},
       {"three", "test $(wc -l < r.txt) = 2 || exit 9"}});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_FALSE(Has(run.err, "FAIL")) << run.err;
}

TEST_F(NamespaceRunTest, APreservedSandboxIsSaidAndRemovedByRm) {
  const Output run = RunFlow({{"one", "echo kept > k.txt"}}, {"--preserve-sandbox"});
  ASSERT_EQ(run.code, 0) << run.err;
  const Output kept = Shell("cat $FABRO_STORAGE_DIR/sandboxes/*/rw/workspace/k.txt");
  EXPECT_EQ(kept.out, "kept\n") << kept.err;
  EXPECT_TRUE(Has(run.err, "/rw/workspace")) << run.err;
  ASSERT_EQ(Shell("$FABRO rm $($FABRO ps -aq)").code, 0);
  EXPECT_EQ(Shell("ls $FABRO_STORAGE_DIR/sandboxes").out, "");
}

}  // namespace
}  // namespace fabro::e2e
