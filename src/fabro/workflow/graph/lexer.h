// Tokens of the workflow language (sections 2.1 to 2.3). Used by the parser alone.
//
// Values and structure are lexed by different rules ("gpt-5.2" is one value, but "a-b" is no id),
// so the parser asks for the one or the other. The first error sticks: every later token is kError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fabro/workflow/graph/graph.h"
#include "fabro/workflow/graph/parser.h"

namespace fabro::workflow {

enum class TokenKind {
  kError,
  kEnd,
  kIdent,   // Dots included: "human.default_choice".
  kString,  // Where structure is expected; `text` is the string with its quotes.
  kNumber,  // Where structure is expected.
  kArrow,
  kSymbol,  // One of { } [ ] = , ; : + < > and whatever else; `text` holds it.
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // In the source.
  Position at;

  bool Is(std::string_view symbol) const { return kind == TokenKind::kSymbol && text == symbol; }
};

struct Literal {
  ValueType type = ValueType::kString;
  std::string text;
  Position at;
};

class Lexer {
 public:
  // `source` outlives the lexer.
  explicit Lexer(std::string_view source);

  // The next token of structure.
  Token Next();
  // The next value; empty after an error.
  std::optional<Literal> Value();

  const std::optional<SyntaxError>& error() const { return error_; }

 private:
  bool AtEnd() const { return at_ >= source_.size(); }
  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }
  Position Here() const;
  void NewLine();  // at_ is just behind a '\n'.
  bool SkipBlanks();
  bool SkipBlockComment();
  Token Take(TokenKind kind, std::size_t length);
  std::optional<std::string> String();
  void Escape(std::string& text);
  void Fail(Position at, std::string message, std::string hint = {});

  std::string_view source_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::uint32_t line_ = 1;
  std::optional<SyntaxError> error_;
};

// Refuses what is no text of ours before any token is made: size, NUL bytes, control characters,
// invalid UTF-8.
std::optional<SyntaxError> CheckText(std::string_view source);

}  // namespace fabro::workflow
