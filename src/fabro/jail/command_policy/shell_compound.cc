// Compound commands: POSIX.1-2017 XCU 2.9.4, and bash's [[ ]], (( )) and `function`.
#include <utility>

#include "fabro/jail/command_policy/shell_parser.h"

namespace fabro::jail::command_policy {

Result<Node> ShellParser::ParseGroup(std::string_view close, bool keyword) {
  TRY(Next());
  Node list = TRY(ParseList(false));
  TRY(Expect(close, keyword));
  if (keyword && list.kind == Node::Kind::kList) return list;
  Node node{.kind = keyword ? Node::Kind::kList : Node::Kind::kSubshell};
  node.children.push_back(std::move(list));
  return node;
}

Result<Node> ShellParser::ParseIf() {
  Node node{.kind = Node::Kind::kList};
  do {
    TRY(Next());
    Node condition = TRY(ParseList(false));
    TRY(Expect("then", true));
    Node body = TRY(ParseList(false));
    node.children.push_back(std::move(condition));
    node.children.push_back(std::move(body));
  } while (IsKeyword("elif"));
  if (IsKeyword("else")) {
    TRY(Next());
    Node body = TRY(ParseList(false));
    node.children.push_back(std::move(body));
  }
  TRY(Expect("fi", true));
  return node;
}

Result<Node> ShellParser::ParseLoop() {
  TRY(Next());
  Node condition = TRY(ParseList(false));
  TRY(Expect("do", true));
  Node body = TRY(ParseList(false));
  TRY(Expect("done", true));
  Node node{.kind = Node::Kind::kList};
  node.children.push_back(std::move(condition));
  node.children.push_back(std::move(body));
  return node;
}

Result<Node> ShellParser::ParseFor() {
  Node node{.kind = Node::Kind::kFor};
  TRY(Next());
  if (bash() && IsOp("(") && At() == '(') {
    Node test = TRY(ParseArithmeticCommand());
    node.children.push_back(std::move(test));
    if (IsOp(";")) TRY(Next());
  } else {
    if (!IsName(token_.bare)) return Syntax("bad for loop variable");
    node.name = token_.bare;
    TRY(Next());
    TRY(ParseForWords(node));
  }
  TRY(SkipNewlines());
  const bool braces = bash() && IsKeyword("{");
  TRY(Expect(braces ? "{" : "do", true));
  Node body = TRY(ParseList(false));
  node.children.push_back(std::move(body));
  TRY(Expect(braces ? "}" : "done", true));
  return node;
}

Status ShellParser::ParseForWords(Node& node) {
  if (IsOp(";")) return Next();
  TRY(SkipNewlines());
  if (!IsKeyword("in")) return {};
  TRY(Next());
  for (; token_.type == Token::Type::kWord;) {
    node.words.push_back(std::move(token_.word));
    TRY(Next());
  }
  if (!IsOp(";") && token_.type != Token::Type::kNewline) return Unexpected();
  return Next();
}

Result<Node> ShellParser::ParseCase() {
  Node node{.kind = Node::Kind::kCase};
  TRY(Next());
  if (token_.type != Token::Type::kWord) return Unexpected();
  node.words.push_back(std::move(token_.word));
  TRY(Next());
  TRY(SkipNewlines());
  TRY(Expect("in", true));
  TRY(SkipNewlines());
  while (!IsKeyword("esac")) {
    TRY(ParseCaseItem(node));
    TRY(SkipNewlines());
  }
  TRY(Next());
  return node;
}

Status ShellParser::ParseCaseItem(Node& node) {
  if (IsOp("(")) TRY(Next());
  for (;;) {
    if (token_.type != Token::Type::kWord) return Unexpected();
    node.words.push_back(std::move(token_.word));
    TRY(Next());
    if (!IsOp("|")) break;
    TRY(Next());
  }
  TRY(Expect(")", false));
  Node body = TRY(ParseList(true));
  node.children.push_back(std::move(body));
  if (IsOp(";;") || IsOp(";&") || IsOp(";;&")) return Next();
  if (!IsKeyword("esac")) return Unexpected();
  return {};
}

// [[ … ]]: only its words matter, for the commands that are substituted in them.
Result<Node> ShellParser::ParseTest() {
  Node node{.kind = Node::Kind::kTest};
  TRY(Next());
  while (!IsKeyword("]]")) {
    if (token_.type == Token::Type::kEnd) return Syntax("missing ']]'");
    if (token_.type == Token::Type::kWord) node.words.push_back(std::move(token_.word));
    TRY(Next());
  }
  TRY(Next());
  return node;
}

// ((…)) with token_ at the first parenthesis. What is no arithmetic is a subshell in a subshell.
Result<Node> ShellParser::ParseArithmeticCommand() {
  const std::size_t behind = pos_;
  --pos_;
  Node node{.kind = Node::Kind::kTest};
  Word word;
  if (const Status read = ReadArithmetic(word.pieces, true); read.ok()) {
    node.words.push_back(std::move(word));
    TRY(Next());
    return node;
  }
  pos_ = behind;
  return ParseGroup(")", false);
}

Result<Node> ShellParser::ParseFunctionKeyword() {
  TRY(Next());
  if (token_.type != Token::Type::kWord || token_.bare.empty()) return Unexpected();
  std::string name = token_.bare;
  TRY(Next());
  if (IsOp("(")) {
    TRY(Next());
    TRY(Expect(")", false));
  }
  return ParseFunctionBody(std::move(name));
}

}  // namespace fabro::jail::command_policy
