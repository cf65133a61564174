// The guest's side as a whole, with real namespaces: what a program inside can see and do.
#include <gtest/gtest.h>
#include <unistd.h>

#include "fabro/jail/child/testing/small_jailer.h"

namespace fabro::jail {
namespace {

using testing::DefaultJail;
using testing::ExecRequest;
using testing::ExecResult;
using testing::RunExec;
using testing::RunShell;
using testing::Slot;
using testing::SpawnJail;
using testing::TestJail;

// One slot with one Jail for all tests that only look.
class JailTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    auto slot = Slot::Start({});
    ASSERT_TRUE(slot.ok()) << slot.error().ToString();
    slot_ = new Slot(*std::move(slot));
    auto jail = SpawnJail(*slot_, DefaultJail());
    ASSERT_TRUE(jail.ok()) << jail.error().ToString();
    jail_ = new TestJail(*std::move(jail));
  }
  static void TearDownTestSuite() {
    delete jail_;
    delete slot_;
    jail_ = nullptr;
    slot_ = nullptr;
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_NE(jail_, nullptr);
  }

  // What the script printed; a failure of the Exec itself is a failure of the test.
  static std::string Shell(const std::string& script) {
    auto result = RunShell(*jail_, script);
    EXPECT_TRUE(result.ok()) << result.error().ToString();
    if (!result.ok()) return "";
    EXPECT_FALSE(result->failed.has_value())
        << "step " << result->failed->step << " errno " << result->failed->sys_errno << " "
        << result->failed->object;
    return result->out;
  }

  static inline Slot* slot_ = nullptr;
  static inline TestJail* jail_ = nullptr;
};

TEST_F(JailTest, RunsACommandAndReportsItsEnd) {
  ExecRequest request;
  request.argv = {"/bin/echo", "hello"};
  auto result = RunExec(*jail_, request);
  ASSERT_TRUE(result.ok()) << result.error().ToString();
  EXPECT_FALSE(result->failed.has_value())
      << result->failed->step << " " << result->failed->object << " " << result->failed->sys_errno;
  EXPECT_EQ(result->out, "hello\n");
  EXPECT_TRUE(result->had_listener);
  EXPECT_EQ(result->ended.si_code, CLD_EXITED);
  EXPECT_EQ(result->ended.status, 0);
}

}  // namespace
}  // namespace fabro::jail
