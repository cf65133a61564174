#include "fabro/template/template.h"

#include <gtest/gtest.h>

namespace fabro::templates {
namespace {

Map Names() {
  Map inputs;
  inputs.Set("who", "world");
  inputs.Set("my-key", "dashed");
  inputs.Set("count", 3);
  inputs.Set("ratio", 0.25);
  inputs.Set("dry", false);
  inputs.Set("tags", List{"a", "b"});
  inputs.Set("tricky", "{{ goal }} it's");
  Map names;
  names.Set("goal", "ship");
  names.Set("inputs", std::move(inputs));
  return names;
}

std::string Text(std::string_view source) {
  const auto rendered = Render(source, Names(), Undefined::kError);
  EXPECT_TRUE(rendered.has_value()) << source << ": " << rendered.error().message;
  return rendered ? rendered->text : "";
}

TEST(TemplateTest, TextWithoutTagsStaysAsItIs) {
  for (const char* text : {"", "plain", "${#list[@]} {# no comment #}", "a { b } }}", "{"}) {
    EXPECT_EQ(Text(text), text);
    EXPECT_FALSE(HasTags(text));
  }
}

TEST(TemplateTest, LooksUpNamesAndShowsValues) {
  EXPECT_EQ(Text("{{ goal }}: {{inputs.who}}, {{ inputs['my-key'] }} {{ inputs.tags[1] }}"),
            "ship: world, dashed b");
  EXPECT_EQ(Text("{{ inputs.count }} {{ inputs.ratio }} {{ inputs.dry }} {{ inputs.tags }}"),
            "3 0.25 false [\"a\",\"b\"]");
}

TEST(TemplateTest, BracesCanBeWritten) {
  EXPECT_EQ(Text("{{ '{{' }} {{ \"}}\" }}"), "{{ }}");
  EXPECT_EQ(Text("{% raw %}{{ x }} {% if %}{% endraw %}!"), "{{ x }} {% if %}!");
}

TEST(TemplateTest, InsertedValuesAreNotRenderedAgain) {
  EXPECT_EQ(Text("{{ inputs.tricky }}"), "{{ goal }} it's");
}

TEST(TemplateTest, ConditionsChooseABranch) {
  EXPECT_EQ(Text("{% if goal == 'ship' %}a{% else %}b{% endif %}"), "a");
  EXPECT_EQ(Text("{% if goal != 'ship' %}a{% elif inputs.count == 3 %}b{% endif %}"), "b");
  EXPECT_EQ(Text("{% if not inputs.dry and inputs.tags %}a{% endif %}"), "a");
  EXPECT_EQ(Text("{% if inputs.dry or (goal == 'x') %}a{% endif %}"), "");
  EXPECT_EQ(Text("{% if inputs.zz is defined %}a{% else %}b{% endif %}"), "b");
  EXPECT_EQ(Text("{% if goal is not defined %}a{% else %}b{% endif %}"), "b");
}

TEST(TemplateTest, LoopsHideOuterNamesAndKnowWhereTheyAre) {
  EXPECT_EQ(Text("{% for goal in inputs.tags %}{{ loop.index }}{{ goal }}"
                 "{% if not loop.last %},{% endif %}{% endfor %};{{ goal }}"),
            "1a,2b;ship");
  EXPECT_EQ(Text("{% for x in inputs.nothing | default(inputs.tags) %}{{ x }}{% endfor %}"), "ab");
  EXPECT_EQ(Text("{% for a in inputs.tags %}{% for b in inputs.tags %}{{ a }}{{ b }} "
                 "{% endfor %}{% endfor %}"),
            "aa ab ba bb ");
}

TEST(TemplateTest, DashesTrimBlanks) {
  EXPECT_EQ(Text("a  {{- goal -}}\n b"), "ashipb");
  EXPECT_EQ(Text("a {%- if goal -%} b {%- endif -%} c"), "abc");
}

TEST(TemplateTest, FiltersChangeValues) {
  EXPECT_EQ(Text("{{ inputs.zz | default('none') | upper }}"), "NONE");
  EXPECT_EQ(Text("{{ inputs.tricky | shell_quote }}"), "'{{ goal }} it'\\''s'");
  EXPECT_EQ(Text("{{ ' x ' | trim }}{{ 'Ab' | lower }}{{ inputs.tags | length }}"), "xab2");
  EXPECT_EQ(Text("{{ inputs.tags | join(', ') }} {{ inputs | length }}"), "a, b 7");
  EXPECT_EQ(Text("{{ inputs.tricky | tojson }}"), "\"{{ goal }} it's\"");
}

TEST(TemplateTest, UndefinedNamesAreErrorsOrCollected) {
  const auto failed = Render("a\n {{ inputs.zz }}", Names(), Undefined::kError);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().kind, TemplateError::Kind::kUndefined);
  EXPECT_EQ(failed.error().name, "inputs.zz");
  EXPECT_EQ(failed.error().at, (Place{2, 5}));

  const auto collected =
      Render("{{ zz }}-{{ goal.x }}{% for a in b %}{% endfor %}", Names(), Undefined::kCollect);
  ASSERT_TRUE(collected.has_value());
  EXPECT_EQ(collected->text, "-");
  ASSERT_EQ(collected->undefined.size(), 3U);
  EXPECT_EQ(collected->undefined[1].name, "goal.x");
}

TEST(TemplateTest, RefusesWithPlaceAndReason) {
  struct Bad {
    std::string_view text;
    std::string_view message;
    Place at;
  };
  const std::vector<Bad> table = {
      {"{{ goal", "'}}' is expected", {1, 8}},
      {"{{ }}", "a name or a value", {1, 4}},
      {"\n{{ .State }}", "a name or a value", {2, 4}},
      {"{{ goal goal }}", "'}}' is expected", {1, 9}},
      {"{{ 'x }}", "not closed", {1, 4}},
      {"{{ a. }}", "name is missing", {1, 6}},
      {"{{ goal | shout }}", "unknown filter 'shout'", {1, 11}},
      {"{{ goal | default }}", "got 0 arguments", {1, 11}},
      {"{{ goal is odd }}", "'defined'", {1, 12}},
      {"{% if goal %}", "'if' is not closed", {1, 1}},
      {"{% for a in inputs.tags %}", "'for' is not closed", {1, 1}},
      {"{% for a %}{% endfor %}", "a loop reads", {1, 10}},
      {"{% endif %}", "'endif' has no block", {1, 1}},
      {"{% if goal %}{% endfor %}", "'endfor' cannot stand here", {1, 14}},
      {"{% include 'x' %}", "unknown tag 'include'", {1, 1}},
      {"{% raw %} x", "'raw' is not closed", {1, 1}},
      {"{% for a in goal %}{% endfor %}", "needs a list", {1, 13}},
      {"{{ inputs.count | length }}", "'length' needs", {1, 19}},
  };
  for (const Bad& bad : table) {
    const auto rendered = Render(bad.text, Names(), Undefined::kError);
    ASSERT_FALSE(rendered.has_value()) << bad.text;
    EXPECT_NE(rendered.error().message.find(bad.message), std::string::npos)
        << bad.text << ": " << rendered.error().message;
    EXPECT_EQ(rendered.error().at, bad.at)
        << bad.text << ": " << rendered.error().at.line << ":" << rendered.error().at.column;
  }
}

TEST(TemplateTest, DepthAndSizeAreBounded) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "{% if goal %}";
  EXPECT_FALSE(Render(deep, Names(), Undefined::kError).has_value());
  EXPECT_FALSE(
      Render("{{ " + std::string(100'000, '(') + "}}", Names(), Undefined::kError).has_value());

  Map names;
  names.Set("n", List(400, Value("x")));
  const auto rendered = Render(
      "{% for a in n %}{% for b in n %}{% for c in n %}{{ a }}{% endfor %}{% endfor %}{% endfor %}",
      names, Undefined::kError);
  ASSERT_FALSE(rendered.has_value());
  EXPECT_EQ(rendered.error().kind, TemplateError::Kind::kLimit);
}

}  // namespace
}  // namespace fabro::templates
