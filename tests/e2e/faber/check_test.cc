// The commands that run nothing, and the files that a run shows.
#include <sys/stat.h>
#include <unistd.h>

#include "fabro/linux/file.h"
#include "fabro/linux/scoped_dir.h"
#include "tests/e2e/faber/faber_run.h"

namespace fabro::e2e {
namespace {

class Commands : public FaberTest {};

TEST_F(Commands, CheckFindsThisMachineFitForMedium) {
  const Done text = Faber({"check"});
  EXPECT_EQ(text.status, 0) << text.out;
  EXPECT_NE(text.out.find("level medium can be had here"), std::string::npos) << text.out;
  const Done done = Faber({"check", "--level", "high", "--json"});
  const model::Json json = JsonOf(done);
  EXPECT_EQ(json.StringAt("level"), "high");
  EXPECT_EQ(json.BoolAt("available"), done.status == 0);
  EXPECT_GT(json.Find("layers")->Items()->size(), 15U);
}

TEST_F(Commands, VersionHelpAndCompletionPrint) {
  EXPECT_EQ(Faber({"--version"}).out, Faber({"version"}).out);
  EXPECT_NE(Faber({"--help"}).out.find("Commands"), std::string::npos);
  EXPECT_NE(Faber({"run", "--help"}).out.find("--cpu-time"), std::string::npos);
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Done done = Faber({"completion", shell});
    EXPECT_EQ(done.status, 0);
    EXPECT_NE(done.out.find("--"), std::string::npos);
  }
}

TEST_F(Commands, PrintShowsEachStepAndRunsNothing) {
  for (const char* step : {"request", "plan", "jail"}) {
    const Done done = Faber({"run", "--print", step, "--", "touch", "/work/x"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.out.front(), '{') << step;
  }
}

TEST_F(Commands, NothingOfTheCallersEnvironmentIsInside) {
  const Done done = Shell("env | sort", {"--env", "A=1"});
  EXPECT_NE(done.out.find("A=1\n"), std::string::npos);
  EXPECT_NE(done.out.find("HOME=/home/agent\n"), std::string::npos) << done.out;
}

TEST_F(Commands, ABindIsReadOnlyUnlessRwAndFilesBelongToTheOwnerOutside) {
  auto dir = TempDir::Make("faber-e2e");
  ASSERT_TRUE(dir.ok());
  ASSERT_EQ(::chown(dir->path().c_str(), 12345, 12345), 0);
  ASSERT_TRUE(WriteFile(dir->path() + "/secret", "s", 0600).ok());
  ASSERT_EQ(::chown((dir->path() + "/secret").c_str(), 12345, 12345), 0);
  const Done read = Shell("cat /src/secret; touch /src/new", {"--bind", dir->path() + ":/src"});
  EXPECT_EQ(read.out, "s") << read.err;
  EXPECT_NE(read.status, 0);
  const Done write = Shell("touch /src/new", {"--bind", dir->path() + ":/src:rw", "--cwd", "/src"});
  EXPECT_EQ(write.status, 0) << write.err;
  struct stat made{};
  ASSERT_EQ(::stat((dir->path() + "/new").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, 12345U);
}

TEST_F(Commands, ADiskWorkspaceStays) {
  auto dir = TempDir::Make("faber-e2e");
  ASSERT_TRUE(dir.ok());
  const std::string option = "disk:" + dir->path();
  EXPECT_EQ(Shell("echo kept >/work/file", {"--workspace", option}).status, 0);
  EXPECT_EQ(Shell("cat /work/file", {"--workspace", option}).out, "kept\n");
}

TEST_F(Commands, NoNetworkMeansNoSocketAndLoopbackMeansOnlyThat) {
  const std::string probe =
      "perl -MSocket -e 'socket(my $s, PF_INET, SOCK_STREAM, 0) or die \"no socket\\n\"; print "
      "qq(ok)'";
  EXPECT_EQ(Shell(probe, {"--network", "loopback"}).out, "ok");
  EXPECT_NE(Shell(probe, {"--network", "none"}).status, 0);
}

}  // namespace
}  // namespace fabro::e2e
