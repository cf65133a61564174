// The pure parts: edge selection, retry targets, retries, modifiers, signatures, the watchdog.
#include <gtest/gtest.h>

#include <algorithm>

#include <string>
#include <vector>

#include "fabro/workflow/engine/outcome.h"
#include "fabro/workflow/engine/retry.h"
#include "fabro/workflow/engine/routing.h"
#include "fabro/workflow/engine/watchdog.h"
#include "fabro/workflow/graph/parser.h"

namespace fabro::workflow {
namespace {

struct SelectCase {
  const char* name;
  const char* edges;  // Of node `a`.
  StageStatus status = StageStatus::kSucceeded;
  std::string label{};
  std::vector<std::string> suggested{};
  std::vector<std::string> true_conditions{};
  const char* to = "";  // Empty: no edge.
  const char* reason = "";
  const char* shape = "box";
};

class SelectTest : public ::testing::TestWithParam<SelectCase> {};

TEST_P(SelectTest, PicksTheEdgeOfTheRules) {
  const SelectCase& c = GetParam();
  const auto graph = Parse("digraph T { a [shape=" + std::string(c.shape) + "]; " + c.edges + " }");
  ASSERT_TRUE(graph.has_value()) << graph.error().message;
  const GraphIndex index(*graph);
  RoutingInput input{
      .status = c.status, .preferred_label = c.label, .suggested_next_ids = c.suggested};
  input.holds = [&](std::size_t edge) {
    const std::string text(graph->edges[edge].attributes.Text("condition"));
    return std::find(c.true_conditions.begin(), c.true_conditions.end(), text) !=
           c.true_conditions.end();
  };
  const auto choice = SelectEdge(index, index.IndexOf("a"), input);
  EXPECT_EQ(choice ? graph->edges[choice->edge].to : std::string(), c.to);
  EXPECT_EQ(choice ? choice->reason : std::string_view(), c.reason);
}

constexpr StageStatus kFailed = StageStatus::kFailed;

INSTANTIATE_TEST_SUITE_P(
    Rules, SelectTest,
    ::testing::Values(
        SelectCase{.name = "NoEdges", .edges = ""},
        SelectCase{.name = "OnlyEdge", .edges = "a -> b", .to = "b", .reason = "unconditional"},
        SelectCase{.name = "TrueConditionBeatsAll",
                   .edges = "a -> b [label=go, weight=9]; a -> c [condition=\"x\"]",
                   .label = "go",
                   .suggested = {"b"},
                   .true_conditions = {"x"},
                   .to = "c",
                   .reason = "condition"},
        SelectCase{.name = "FalseConditionIsNoEdge", .edges = "a -> c [condition=\"x\"]"},
        SelectCase{.name = "LabelWithAccelerator",
                   .edges = "a -> b; a -> c [label=\"[Y] Yes, go\"]",
                   .label = " yes, GO ",
                   .to = "c",
                   .reason = "preferred_label"},
        SelectCase{.name = "SuggestionsInOrder",
                   .edges = "a -> b; a -> c; a -> d",
                   .suggested = {"nosuch", "d", "b"},
                   .to = "d",
                   .reason = "suggested_next"},
        SelectCase{.name = "WeightFirst",
                   .edges = "a -> b; a -> c [weight=2]; a -> d [weight=1]",
                   .to = "c",
                   .reason = "unconditional"},
        SelectCase{.name = "ThenTargetInByteOrder",
                   .edges = "a -> c; a -> b; a -> B",
                   .to = "B",
                   .reason = "unconditional"},
        SelectCase{.name = "FailedCommandFollowsItsDefaultEdge",
                   .edges = "a -> b",
                   .status = kFailed,
                   .to = "b",
                   .reason = "unconditional",
                   .shape = "parallelogram"},
        SelectCase{.name = "FailedHumanDoesNot",
                   .edges = "a -> b [label=go]",
                   .status = kFailed,
                   .label = "go",
                   .shape = "hexagon"},
        SelectCase{.name = "FailedHumanTakesItsCondition",
                   .edges = "a -> b; a -> c [condition=\"x\"]",
                   .status = kFailed,
                   .true_conditions = {"x"},
                   .to = "c",
                   .reason = "condition",
                   .shape = "hexagon"}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(RandomSelectionTest, IsTheSameForTheSameStageAndFollowsTheWeights) {
  EXPECT_EQ(RandomDraw("R", "a", 1), RandomDraw("R", "a", 1));
  EXPECT_NE(RandomDraw("R", "a", 1), RandomDraw("R", "a", 2));
  const auto graph = Parse("digraph T { a [selection=random]; a -> b [weight=3]; a -> c }");
  const GraphIndex index(*graph);
  int to_b = 0;
  for (std::uint64_t visit = 0; visit < 1000; ++visit) {
    const RoutingInput input{.draw = RandomDraw("R", "a", visit)};
    const auto choice = SelectEdge(index, index.IndexOf("a"), input);
    EXPECT_EQ(choice->reason, "random");
    if (graph->edges[choice->edge].to == "b") ++to_b;
  }
  EXPECT_GT(to_b, 700);  // Deterministic: the draws are a function of the names.
  EXPECT_LT(to_b, 800);
}

TEST(RetryTargetTest, SkipsWhatDoesNotExistAndTheExit) {
  const auto graph = Parse(R"(digraph T { graph [retry_target=nosuch, fallback_retry_target=b];
      a [retry_target=exit]; b; exit [shape=Msquare] })");
  const GraphIndex index(*graph);
  EXPECT_EQ(RetryTarget(index, *index.Find("a"))->id, "b");
}

TEST(RetryPolicyTest, ResolvesInTheOrderOfTheSpecification) {
  const auto policy = [](const char* text) {
    const auto graph = Parse(text);
    return ResolveRetryPolicy(*graph, graph->nodes[0]);
  };
  EXPECT_EQ(policy("digraph T { a }")->max_attempts, 1U);
  EXPECT_EQ(policy("digraph T { graph [default_max_retries=2]; a }")->max_attempts, 3U);
  EXPECT_EQ(policy("digraph T { graph [default_max_retries=2]; a [max_retries=0] }")->max_attempts,
            1U);
  EXPECT_EQ(policy("digraph T { a [max_retries=7, retry_policy=standard] }")->max_attempts, 5U);
  EXPECT_EQ(policy("digraph T { a [retry_policy=often] }").error().reason, "attr_type");
}

TEST(RetryPolicyTest, DelaysGrowAndAreCapped) {
  const RetryPolicy policy{.max_attempts = 9, .first_delay = std::chrono::seconds(5), .factor = 2};
  EXPECT_EQ(RetryDelay(policy, 1, 1.0), std::chrono::seconds(5));
  EXPECT_EQ(RetryDelay(policy, 3, 0.5), std::chrono::seconds(10));
  EXPECT_EQ(RetryDelay(policy, 8, 1.5), std::chrono::seconds(90));
}

TEST(ModifiersTest, WorkInTheirOrderAndNeverHideACancel) {
  StageOutcome outcome = StageOutcome::Failed("slow", FailureClass::kTransientInfra);
  ApplyModifiers({.allow_partial = true}, outcome);
  EXPECT_EQ(outcome.status, StageStatus::kPartiallySucceeded);
  EXPECT_EQ(outcome.notes, "slow");
  outcome = StageOutcome::Failed("wrong");
  ApplyModifiers({.allow_partial = true}, outcome);
  EXPECT_EQ(outcome.status, StageStatus::kFailed);
  ApplyModifiers({.auto_status = true}, outcome);
  EXPECT_EQ(outcome.status, StageStatus::kSucceeded);
  EXPECT_FALSE(outcome.failure.has_value());
  outcome = StageOutcome::Failed("stop", FailureClass::kCanceled);
  ApplyModifiers({.allow_partial = true, .auto_status = true}, outcome);
  EXPECT_EQ(outcome.status, StageStatus::kFailed);
}

TEST(SignatureTest, TakesOutWhatChangesFromTryToTry) {
  const auto of = [](const char* message) {
    return FailureSignature("n", {message, FailureClass::kDeterministic});
  };
  EXPECT_EQ(of("Exit 12 at 0xDEADbeef"), "n|deterministic|exit <n> at <hex>");
  EXPECT_EQ(of("commit 3f2a9c81d0 bad"), "n|deterministic|commit <hex> bad");
  EXPECT_EQ(of("add deadbeef 7"), "n|deterministic|add deadbeef <n>");
  EXPECT_EQ(FailureSignature("n", {"x", FailureClass::kTransientInfra}), "");
  EXPECT_LE(of(std::string(1000, 'x').c_str()).size(), 260U);
}

TEST(WatchdogTest, JudgesIdleTimeAndBudget) {
  const std::chrono::steady_clock::time_point began{std::chrono::seconds(100)};
  auto active = began;
  WatchdogConfig config{.stall_timeout = std::chrono::seconds(30),
                        .budget_left = std::chrono::seconds(50),
                        .last_activity = [&] { return active; }};
  EXPECT_EQ(Judge(config, began, began + std::chrono::seconds(10)).look_again,
            std::chrono::seconds(20));
  EXPECT_TRUE(Judge(config, began, began + std::chrono::seconds(30)).stalled);
  active = began + std::chrono::seconds(25);
  const auto verdict = Judge(config, began, began + std::chrono::seconds(50));
  EXPECT_FALSE(verdict.stalled);
  EXPECT_TRUE(verdict.budget_spent);
}

}  // namespace
}  // namespace fabro::workflow
