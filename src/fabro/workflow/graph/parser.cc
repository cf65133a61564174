#include "fabro/workflow/graph/parser.h"

#include <optional>
#include <utility>
#include <vector>

#include "fabro/workflow/graph/builder.h"
#include "fabro/workflow/graph/lexer.h"

namespace fabro::workflow {
namespace {

// 'strict' is not among them: it means something before 'digraph' only, and nodes bear that name.
bool IsKeyword(std::string_view word) {
  return word == "digraph" || word == "graph" || word == "node" || word == "edge" ||
         word == "subgraph";
}

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) { Advance(); }

  tl::expected<Graph, SyntaxError> Run() {
    if (Header() && Statements() && Footer() && Accept(builder_.Finish())) return builder_.Take();
    // A broken token explains more than what the parser missed because of it.
    return tl::unexpected(lexer_.error() ? *lexer_.error() : *error_);
  }

 private:
  void Advance() { token_ = lexer_.Next(); }
  bool Fail(Position at, std::string message, std::string hint = {}) {
    if (!error_) error_ = SyntaxError{at, std::move(message), std::move(hint)};
    return false;
  }
  bool Unexpected(std::string_view wanted);

  bool Header();
  bool Footer();
  bool Statements();
  bool Statement();
  bool KeywordStatement();
  bool NamedStatement();
  bool Subgraph();
  bool NodeStatement(const Token& name);
  bool EdgeStatement(const Token& first);
  bool EdgeEnd(Token& name);
  bool CheckId(const Token& name);
  bool Attrs(Attributes& into);
  bool Attr(Attributes& into);
  bool Assign(Attributes& into, const Token& key);
  bool Accept(GraphBuilder::Refusal refusal) {
    if (refusal && !error_) error_ = std::move(refusal);
    return !error_;
  }
  GraphBuilder::Scope& scope() { return builder_.scope(); }

  Lexer lexer_;
  Token token_;
  GraphBuilder builder_;
  std::optional<SyntaxError> error_;
};

bool Parser::Unexpected(std::string_view wanted) {
  const std::string before = std::string(wanted) + " is expected here, not ";
  if (token_.kind == TokenKind::kEnd) return Fail(token_.at, before + "the end of the file");
  if (token_.kind == TokenKind::kString) return Fail(token_.at, before + "a string");
  return Fail(token_.at, before + "'" + std::string(token_.text.substr(0, 40)) + "'");
}

bool Parser::Header() {
  if (token_.kind == TokenKind::kEnd) {
    return Fail(token_.at, "the file holds no graph", "start with: digraph Name { start -> exit }");
  }
  if (token_.kind == TokenKind::kIdent && token_.text == "strict") {
    return Fail(token_.at, "'strict' is not supported: parallel edges are kept",
                "remove the word 'strict'");
  }
  if (token_.kind == TokenKind::kIdent && token_.text == "graph") {
    return Fail(token_.at, "an undirected graph is no workflow", "write 'digraph' and '->'");
  }
  if (token_.kind != TokenKind::kIdent || token_.text != "digraph") {
    Unexpected("'digraph'");
    error_->hint = "a workflow starts with: digraph Name {";
    return false;
  }
  Advance();
  if (token_.Is("{")) {
    return Fail(token_.at, "the graph has no name", "write: digraph Name {");
  }
  if (token_.kind == TokenKind::kString) {
    return Fail(token_.at, "the name of the graph may not be quoted",
                "use letters, digits and '_'; a free text goes into graph [label=\"…\"]");
  }
  if (token_.kind != TokenKind::kIdent) return Unexpected("the name of the graph");
  if (!CheckId(token_)) return false;
  builder_.Begin({token_.text, token_.at});
  Advance();
  if (!token_.Is("{")) return Unexpected("'{'");
  Advance();
  return true;
}

bool Parser::Footer() {
  if (token_.kind == TokenKind::kEnd) return true;
  if (token_.kind == TokenKind::kIdent && (token_.text == "digraph" || token_.text == "graph")) {
    return Fail(token_.at, "a file holds one graph only", "move the second graph to its own file");
  }
  return Unexpected("the end of the file");
}

// Up to the '}' of the outermost scope. A loop, not a recursion: depth is data here.
bool Parser::Statements() {
  while (builder_.depth() > 0) {
    if (token_.Is("}")) {
      if (!Accept(builder_.CloseScope(token_.at))) return false;
    } else if (!Statement()) {
      return false;
    } else {
      continue;
    }
    Advance();
    if (builder_.depth() > 0 && token_.Is(";")) Advance();
  }
  return true;
}

bool Parser::Statement() {
  if (token_.kind == TokenKind::kIdent) {
    if (IsKeyword(token_.text)) {
      if (token_.text == "subgraph") return Subgraph();
      if (!KeywordStatement()) return false;
    } else if (!NamedStatement()) {
      return false;
    }
    if (token_.Is(";")) Advance();
    return true;
  }
  switch (token_.kind) {
    case TokenKind::kEnd:
      return Fail(token_.at, "the graph is not closed: '}' is missing",
                  builder_.depth() > 1 ? "a subgraph is open, too" : "");
    case TokenKind::kString:
      return Fail(token_.at, "a node id may not be quoted",
                  "use letters, digits and '_' as id, and label=\"…\" for the text");
    case TokenKind::kNumber:
      return Fail(token_.at, "a node id may not start with a digit",
                  "start it with a letter or '_'");
    default:
      break;
  }
  if (token_.Is("{")) {
    return Fail(token_.at, "a group without 'subgraph' is not supported", "write: subgraph {");
  }
  if (static_cast<unsigned char>(token_.text.empty() ? 'x' : token_.text[0]) >= 0x80) {
    return Fail(token_.at, "'" + std::string(token_.text) + "' cannot stand in a node id",
                "ids are letters, digits and '_' of ASCII; label=\"…\" takes any text");
  }
  return Unexpected("a statement or '}'");
}

// At 'graph', 'node', 'edge', or a keyword that may not stand here.
bool Parser::KeywordStatement() {
  const Token word = token_;
  Advance();
  if (word.text == "graph" || word.text == "node" || word.text == "edge") {
    if (token_.kind == TokenKind::kArrow || token_.Is("=")) {
      return Fail(word.at, "'" + std::string(word.text) + "' is a keyword and no node id",
                  "choose another id");
    }
    if (!token_.Is("[")) return Unexpected("'['");
    if (word.text == "graph") return Attrs(scope().own);
    return Attrs(word.text == "node" ? scope().node_defaults : scope().edge_defaults);
  }
  if (word.text == "digraph") {
    return Fail(word.at, "a graph cannot stand inside a graph", "write: subgraph Name {");
  }
  return Fail(word.at, "'" + std::string(word.text) + "' is a keyword and no node id",
              "choose another id");
}

bool Parser::Subgraph() {
  const Position at = token_.at;
  Advance();
  if (token_.kind == TokenKind::kIdent) {
    if (!CheckId(token_)) return false;
    Advance();
  } else if (token_.kind == TokenKind::kString) {
    return Fail(token_.at, "the name of a subgraph may not be quoted",
                "use letters, digits and '_', and label = \"…\" inside for the text");
  }
  if (!token_.Is("{")) return Unexpected("'{'");
  if (!Accept(builder_.OpenScope(at))) return false;
  Advance();
  return true;
}

// At an identifier: an attribute of the scope, a node, or a chain of edges.
bool Parser::NamedStatement() {
  const Token name = token_;
  Advance();
  if (token_.Is("=")) return Assign(scope().own, name);
  if (!CheckId(name)) return false;
  if (token_.kind == TokenKind::kArrow) return EdgeStatement(name);
  return NodeStatement(name);
}

bool Parser::CheckId(const Token& name) {
  if (name.text.size() > kMaxNameSize) {
    return Fail(name.at, "an id is longer than " + std::to_string(kMaxNameSize) + " characters");
  }
  if (IsKeyword(name.text)) {
    return Fail(name.at, "'" + std::string(name.text) + "' is a keyword and no id",
                "choose another id");
  }
  if (name.text.find('.') != std::string_view::npos) {
    return Fail(name.at, "an id may not hold a dot: '" + std::string(name.text) + "'",
                "use letters, digits and '_'");
  }
  // token_ is what follows, when `name` was already taken.
  if (token_.at == name.at) return true;
  if (token_.Is("--")) {
    return Fail(token_.at, "'--' is an undirected edge", "write '->'");
  }
  if (token_.Is(":")) {
    return Fail(token_.at, "node ports are not supported", "write the node's id alone");
  }
  if (token_.Is("-")) {
    return Fail(token_.at, "'-' cannot stand in a node id", "use '_'");
  }
  if (static_cast<unsigned char>(token_.text.empty() ? 'x' : token_.text[0]) >= 0x80) {
    return Fail(token_.at, "'" + std::string(token_.text) + "' cannot stand in a node id",
                "ids are letters, digits and '_' of ASCII; label=\"…\" takes any text");
  }
  return true;
}

bool Parser::NodeStatement(const Token& name) {
  Attributes own;
  if (token_.Is("[") && !Attrs(own)) return false;
  return Accept(builder_.Declare({name.text, name.at}, std::move(own)));
}

// The target of '->'; token_ is what follows afterwards.
bool Parser::EdgeEnd(Token& name) {
  Advance();
  if (token_.kind == TokenKind::kIdent && token_.text == "subgraph") {
    return Fail(token_.at, "an edge to a subgraph is not supported", "write one edge a node");
  }
  if (token_.Is("{")) {
    return Fail(token_.at, "an edge to a group is not supported", "write one edge a node");
  }
  if (token_.kind == TokenKind::kString) {
    return Fail(token_.at, "a node id may not be quoted", "use letters, digits and '_'");
  }
  if (token_.kind != TokenKind::kIdent) return Unexpected("a node id");
  name = token_;
  Advance();
  return CheckId(name);
}

bool Parser::EdgeStatement(const Token& first) {
  std::vector<Name> chain{{first.text, first.at}};
  while (token_.kind == TokenKind::kArrow) {
    Token name;
    if (!EdgeEnd(name)) return false;
    chain.push_back({name.text, name.at});
  }
  Attributes own;
  if (token_.Is("[") && !Attrs(own)) return false;
  return Accept(builder_.Connect(chain, own));
}

// At '['; leaves token_ behind ']'.
bool Parser::Attrs(Attributes& into) {
  if (into.items.empty()) into.items.reserve(4);
  Advance();
  while (!token_.Is("]")) {
    if (!Attr(into)) return false;
    if (token_.Is(",") || token_.Is(";")) Advance();
  }
  Advance();
  if (token_.Is("[")) {
    return Fail(token_.at, "a second attribute list is not supported",
                "put all attributes into one [ … ]");
  }
  return true;
}

bool Parser::Attr(Attributes& into) {
  if (token_.kind == TokenKind::kString) {
    return Fail(token_.at, "an attribute name may not be quoted", "write: label=\"…\"");
  }
  if (token_.kind == TokenKind::kEnd) {
    return Fail(token_.at, "the attribute list is not closed: ']' is missing");
  }
  if (token_.kind != TokenKind::kIdent) return Unexpected("an attribute name or ']'");
  const Token key = token_;
  if (key.text.size() > kMaxNameSize) {
    return Fail(key.at,
                "an attribute name is longer than " + std::to_string(kMaxNameSize) + " characters");
  }
  Advance();
  if (!token_.Is("=")) {
    return Fail(key.at, "the attribute '" + std::string(key.text) + "' has no value",
                "write: " + std::string(key.text) + "=…");
  }
  return Assign(into, key);
}

// At '='; leaves token_ behind the value.
bool Parser::Assign(Attributes& into, const Token& key) {
  auto value = lexer_.Value();
  if (!value) return Fail(token_.at, "");  // The lexer's error is what counts.
  Advance();
  if (value->type == ValueType::kString && token_.Is("+")) {
    return Fail(token_.at, "joining strings with '+' is not supported",
                "write one string; a backslash at the end of a line joins lines");
  }
  into.Set({std::string(key.text), std::move(value->text), value->type, value->at});
  return into.items.size() <= kMaxAttributes ||
         Fail(key.at, "more than " + std::to_string(kMaxAttributes) + " attributes in one place");
}

}  // namespace

tl::expected<Graph, SyntaxError> Parse(std::string_view text) {
  if (auto refused = CheckText(text)) return tl::unexpected(*std::move(refused));
  return Parser(text).Run();
}

}  // namespace fabro::workflow
