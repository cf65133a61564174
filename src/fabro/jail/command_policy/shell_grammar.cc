// From tokens to commands: POSIX.1-2017 XCU 2.9 and 2.10. What is refused is what dash refuses.
#include <algorithm>
#include <array>
#include <utility>

#include "fabro/jail/command_policy/shell_parser.h"

namespace fabro::jail::command_policy {
namespace {

// Special built-ins are no names for functions in dash ("Bad function name").
constexpr std::array<std::string_view, 16> kSpecialBuiltins = {
    ".",    ":",        "break",  "continue", "eval",  "exec",  "exit", "export",
    "read", "readonly", "return", "set",      "shift", "times", "trap", "unset"};

bool IsRedirectOperator(std::string_view op) {
  return op.starts_with('<') || op.starts_with('>') || op.starts_with("&>");
}

Node Join(std::vector<Node> parts, Node::Kind kind) {
  if (parts.size() == 1) return std::move(parts.front());
  Node node{.kind = kind};
  node.children = std::move(parts);
  return node;
}

// "name=" at the head of a word, unquoted: its length with the "=", or 0.
std::size_t AssignmentHead(const Word& word) {
  if (word.pieces.empty()) return 0;
  const Piece& head = word.pieces.front();
  if (head.kind != Piece::Kind::kText || head.quoted) return 0;
  const std::size_t equals = head.text.find('=');
  if (equals == std::string::npos) return 0;
  std::string_view name(head.text.data(), equals);
  if (name.ends_with('+')) name.remove_suffix(1);
  name = name.substr(0, name.find('['));  // bash: name[1]=
  return IsName(name) ? equals + 1 : 0;
}

Assignment SplitAssignment(Word word, std::size_t head) {
  Assignment assignment;
  std::string& text = word.pieces.front().text;
  assignment.name = text.substr(0, std::min(text.find_first_of("+=["), head));
  text.erase(0, head);
  if (text.empty()) word.pieces.erase(word.pieces.begin());
  assignment.value = std::move(word);
  return assignment;
}

}  // namespace

Error ShellParser::Syntax(std::string message) const {
  return Failure(Code::kInvalidArgument, std::move(message), "shell_syntax");
}

Status ShellParser::CheckDepth() const {
  if (depth_ > kDeepestNesting) return Syntax("nested too deeply");
  return {};
}

Error ShellParser::Unexpected() const {
  if (token_.type == Token::Type::kEnd) return Syntax("end of text unexpected");
  if (token_.type == Token::Type::kNewline) return Syntax("newline unexpected");
  const std::string shown = token_.type == Token::Type::kOperator
                                ? token_.op
                                : (token_.bare.empty() ? "word" : token_.bare);
  return Syntax("'" + shown + "' unexpected");
}

Status ShellParser::Next() { return ReadToken(); }

bool ShellParser::IsOp(std::string_view op) const {
  return token_.type == Token::Type::kOperator && token_.op == op;
}

bool ShellParser::IsKeyword(std::string_view word) const {
  return token_.type == Token::Type::kWord && token_.bare == word;
}

bool ShellParser::EndsList() const {
  if (token_.type == Token::Type::kEnd) return true;
  if (IsOp(")") || IsOp(";;") || IsOp(";&") || IsOp(";;&")) return true;
  constexpr std::array<std::string_view, 8> kEnds = {"then", "else", "elif", "fi",
                                                     "do",   "done", "esac", "}"};
  return std::ranges::any_of(kEnds, [this](std::string_view word) { return IsKeyword(word); });
}

Status ShellParser::Expect(std::string_view what, bool keyword) {
  if (!(keyword ? IsKeyword(what) : IsOp(what))) return Unexpected();
  return Next();
}

Status ShellParser::SkipNewlines() {
  while (token_.type == Token::Type::kNewline) TRY(Next());
  return {};
}

Script ShellParser::Parse() {
  Script script;
  const auto fail = [&](const Error& error) { script.error = {pos_, error.message}; };
  if (text_.size() > kMostShellText) {
    script.error = {0, "too long"};
    return script;
  }
  if (Status begun = Next(); !begun.ok()) {
    fail(begun.error());
    return script;
  }
  while (token_.type != Token::Type::kEnd) {
    if (token_.type == Token::Type::kNewline) {
      if (Status next = Next(); !next.ok()) {
        fail(next.error());
        break;
      }
      continue;
    }
    Result<Node> line = ParseLine();
    if (!line.ok()) {
      fail(line.error());
      break;
    }
    script.commands.push_back(*std::move(line));
  }
  return script;
}

// dash reads the inside of `…` up to what cannot go on and leaves the rest unread.
Script ShellParser::ParseBackquoted() {
  if (bash()) return Parse();
  Script script;
  Status begun = Next();
  Result<Node> list = begun.ok() ? ParseList(true) : Result<Node>(std::move(begun).error());
  if (list.ok()) {
    script.commands.push_back(*std::move(list));
  } else {
    script.error = {pos_, list.error().message};
  }
  return script;
}

// A line of the text: what ends with a newline or the end.
Result<Node> ShellParser::ParseLine() {
  std::vector<Node> parts;
  for (;;) {
    Node part = TRY(ParseAndOr());
    parts.push_back(std::move(part));
    if (IsOp("&") || IsOp(";")) {
      parts.back().background = IsOp("&");
      TRY(Next());
      if (token_.type != Token::Type::kNewline && token_.type != Token::Type::kEnd) continue;
    }
    if (token_.type != Token::Type::kNewline && token_.type != Token::Type::kEnd) {
      return Unexpected();
    }
    return Join(std::move(parts), Node::Kind::kList);
  }
}

// A list inside a compound command; it ends before what cannot begin a command.
Result<Node> ShellParser::ParseList(bool may_be_empty) {
  TRY(CheckDepth());
  const Nested nested(depth_);
  std::vector<Node> parts;
  for (;;) {
    TRY(SkipNewlines());
    if (EndsList() && (may_be_empty || !parts.empty())) break;
    Node part = TRY(ParseAndOr());
    parts.push_back(std::move(part));
    if (IsOp("&") || IsOp(";")) {
      parts.back().background = IsOp("&");
      TRY(Next());
    } else if (token_.type != Token::Type::kNewline) {
      break;
    }
  }
  return Join(std::move(parts), Node::Kind::kList);
}

Result<Node> ShellParser::ParseAndOr() {
  std::vector<Node> parts;
  for (;;) {
    Node part = TRY(ParsePipeline());
    parts.push_back(std::move(part));
    if (!IsOp("&&") && !IsOp("||")) return Join(std::move(parts), Node::Kind::kList);
    TRY(Next());
    TRY(SkipNewlines());
  }
}

Result<Node> ShellParser::ParsePipeline() {
  while (IsKeyword("!")) {
    TRY(Next());
    if (!bash()) break;
  }
  std::vector<Node> parts;
  for (;;) {
    Node part = TRY(ParseCommand());
    parts.push_back(std::move(part));
    if (!IsOp("|") && !IsOp("|&")) return Join(std::move(parts), Node::Kind::kPipeline);
    TRY(Next());
    TRY(SkipNewlines());
  }
}

bool ShellParser::StartsCompound() const {
  constexpr std::array<std::string_view, 6> kPosix = {"if", "while", "until", "for", "case", "{"};
  constexpr std::array<std::string_view, 3> kBash = {"[[", "function", "select"};
  const auto here = [this](std::string_view word) { return IsKeyword(word); };
  return IsOp("(") || std::ranges::any_of(kPosix, here) ||
         (bash() && std::ranges::any_of(kBash, here));
}

Result<Node> ShellParser::ParseCommand() {
  TRY(CheckDepth());
  const Nested nested(depth_);
  if (!StartsCompound()) return ParseSimple();
  Node node = TRY(ParseCompound());
  TRY(ParseRedirects(node));
  return node;
}

Result<Node> ShellParser::ParseCompound() {
  if (IsOp("(")) {
    if (bash() && At() == '(') return ParseArithmeticCommand();
    return ParseGroup(")", false);
  }
  if (IsKeyword("if")) return ParseIf();
  if (IsKeyword("while") || IsKeyword("until")) return ParseLoop();
  if (IsKeyword("for") || IsKeyword("select")) return ParseFor();
  if (IsKeyword("case")) return ParseCase();
  if (IsKeyword("[[")) return ParseTest();
  if (IsKeyword("function")) return ParseFunctionKeyword();
  return ParseGroup("}", true);
}

Result<Node> ShellParser::ParseFunctionBody(std::string name) {
  TRY(SkipNewlines());
  Node body = TRY(ParseCommand());
  Node node{.kind = Node::Kind::kFunction};
  node.name = std::move(name);
  node.children.push_back(std::move(body));
  return node;
}

bool ShellParser::AtRedirect() const {
  return token_.type == Token::Type::kOperator && IsRedirectOperator(token_.op);
}

Status ShellParser::ParseRedirects(Node& node) {
  while (AtRedirect()) TRY(ParseRedirect(node));
  return {};
}

Status ShellParser::ParseRedirect(Node& node) {
  Redirect redirect{.op = token_.op};
  TRY(Next());
  if (token_.type != Token::Type::kWord) return Unexpected();
  redirect.target = std::move(token_.word);
  if (redirect.op == "<<" || redirect.op == "<<-") {
    PendingHereDoc pending{.strip_tabs = redirect.op == "<<-"};
    for (const Piece& piece : redirect.target.pieces) {
      if (piece.kind != Piece::Kind::kText) return Syntax("bad here-document delimiter");
      pending.delimiter += piece.text;
      pending.quoted = pending.quoted || piece.quoted;
    }
    pending.body = std::make_shared<Word>();
    redirect.here_doc = pending.body;
    // Registered before the next token is read: that may be the newline behind which it stands.
    pending_.push_back(std::move(pending));
  }
  node.redirects.push_back(std::move(redirect));
  return Next();
}

Result<Node> ShellParser::ParseSimple() {
  Node node{.kind = Node::Kind::kSimple};
  if (token_.type == Token::Type::kWord && (EndsList() || IsKeyword("!"))) return Unexpected();
  for (;;) {
    if (AtRedirect()) {
      TRY(ParseRedirect(node));
      continue;
    }
    if (token_.type == Token::Type::kWord) {
      const std::size_t head = node.words.empty() ? AssignmentHead(token_.word) : 0;
      if (head > 0) {
        node.assignments.push_back(SplitAssignment(std::move(token_.word), head));
      } else {
        node.words.push_back(std::move(token_.word));
      }
      TRY(Next());
      continue;
    }
    const bool function =
        IsOp("(") && node.words.size() == 1 && node.assignments.empty() && node.redirects.empty();
    if (!function) break;
    std::string name = BareText(node.words.front());
    TRY(Next());
    TRY(Expect(")", false));
    const bool special = std::ranges::find(kSpecialBuiltins, name) != kSpecialBuiltins.end();
    if (name.empty() || (!bash() && (!IsName(name) || special))) return Syntax("bad function name");
    return ParseFunctionBody(std::move(name));
  }
  if (node.words.empty() && node.assignments.empty() && node.redirects.empty()) {
    return Unexpected();
  }
  return node;
}

Script ParseShell(std::string_view text, Dialect dialect) {
  return ShellParser(text, dialect, 0).Parse();
}

}  // namespace fabro::jail::command_policy
