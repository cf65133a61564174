#include "fabro/workflow/graph/graph.h"

#include <gtest/gtest.h>

namespace fabro::workflow {
namespace {

Node MakeNode(std::string id, std::vector<Attribute> attributes = {}) {
  Node node;
  node.id = std::move(id);
  node.attributes.items = std::move(attributes);
  return node;
}

Edge MakeEdge(std::string from, std::string to) {
  Edge edge;
  edge.from = std::move(from);
  edge.to = std::move(to);
  return edge;
}

TEST(AttributeMapTest, SettingAKeyAgainKeepsItsPlace) {
  Attributes attributes;
  attributes.Set({"a", "1", ValueType::kInteger, {}});
  attributes.Set({"b", "2", ValueType::kInteger, {}});
  attributes.Set({"a", "3", ValueType::kInteger, {}});

  ASSERT_EQ(attributes.items.size(), 2U);
  EXPECT_EQ(attributes.items[0].text, "3");
  EXPECT_EQ(attributes.Text("c", "none"), "none");
}

TEST(ResolveKindTest, AKnownTypeBeatsTheShape) {
  const Node node = MakeNode(
      "a", {{"shape", "tab", ValueType::kBareword, {}}, {"type", "tool", ValueType::kString, {}}});
  EXPECT_EQ(ResolveKind(node), NodeKind::kCommand);
}

TEST(ResolveKindTest, AnUnknownTypeLeavesTheChoiceToTheShape) {
  const Node node = MakeNode(
      "a", {{"shape", "tab", ValueType::kBareword, {}}, {"type", "quux", ValueType::kString, {}}});
  EXPECT_EQ(ResolveKind(node), NodeKind::kPrompt);
}

TEST(ResolveKindTest, IdsDecideOnlyWithoutShapeAndType) {
  EXPECT_EQ(ResolveKind(MakeNode("Start")), NodeKind::kStart);
  EXPECT_EQ(ResolveKind(MakeNode("eNd")), NodeKind::kExit);
  EXPECT_EQ(ResolveKind(MakeNode("START")), NodeKind::kAgent);
  EXPECT_EQ(ResolveKind(MakeNode("exit", {{"shape", "box", ValueType::kBareword, {}}})),
            NodeKind::kAgent);
}

TEST(ResolveKindTest, AnUnknownShapeIsAnAgent) {
  EXPECT_EQ(ResolveKind(MakeNode("a", {{"shape", "star", ValueType::kBareword, {}}})),
            NodeKind::kAgent);
}

TEST(KindTableTest, EveryNameIsAType) {
  for (const auto kind : {NodeKind::kStart, NodeKind::kFanIn, NodeKind::kPullRequest}) {
    EXPECT_EQ(KindOfType(KindName(kind)), kind);
  }
  EXPECT_EQ(KindOfType(""), std::nullopt);
  EXPECT_EQ(KindOfShape(""), std::nullopt);
}

TEST(GraphIndexTest, KeepsParallelAndSelfEdgesInFileOrder) {
  Graph graph;
  graph.nodes = {MakeNode("a"), MakeNode("b")};
  graph.edges = {MakeEdge("a", "b"), MakeEdge("a", "a"), MakeEdge("a", "b"), MakeEdge("a", "zz")};

  const GraphIndex index(graph);

  EXPECT_EQ(std::vector<std::size_t>(index.Out(0).begin(), index.Out(0).end()),
            (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(index.In(1).size(), 2U);
  EXPECT_EQ(index.Target(3), GraphIndex::kNone);
  EXPECT_EQ(index.Find("zz"), nullptr);
}

}  // namespace
}  // namespace fabro::workflow
