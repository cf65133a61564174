// The parser behind ParseShell: shell_words.cc reads characters into words and operators,
// shell_grammar.cc reads those into commands. One per text; nested `…` texts get one of their own.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fabro/base/result.h"
#include "fabro/jail/command_policy/shell.h"

namespace fabro::jail::command_policy {

class ShellParser {
 public:
  ShellParser(std::string_view text, Dialect dialect, int depth)
      : text_(text), dialect_(dialect), depth_(depth) {}

  Script Parse();
  Script ParseBackquoted();
  // The text as the inside of a here-document whose delimiter was not quoted.
  Result<std::vector<Piece>> ParseHereDoc();

 private:
  struct Token {
    enum class Type { kEnd, kNewline, kOperator, kWord };
    Type type = Type::kEnd;
    std::string op = {};    // kOperator.
    Word word = {};         // kWord.
    std::string bare = {};  // kWord: its text when nothing in it is quoted or expanded; else empty.
    std::size_t offset = 0;
  };
  struct PendingHereDoc {
    std::string delimiter = {};
    bool quoted = false;
    bool strip_tabs = false;
    std::shared_ptr<Word> body = {};
  };
  // What ends a stretch of pieces.
  enum class Until { kMeta, kQuote, kBrace, kEnd };

  // Counts the nesting for as long as it lives.
  class Nested {
   public:
    explicit Nested(int& depth) : depth_(depth) { ++depth_; }
    ~Nested() { --depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    int& depth_;
  };

  bool bash() const { return dialect_ == Dialect::kBash; }
  Error Syntax(std::string message) const;
  Status CheckDepth() const;

  // shell_words.cc
  bool AtEnd() const { return pos_ >= text_.size(); }
  char At(std::size_t ahead = 0) const {
    return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0';
  }
  void SkipContinuations();
  void SkipBlanksAndComments();
  Status ReadToken();
  std::string_view OperatorHere() const;
  Result<Word> ReadWord();
  Status ReadPieces(std::vector<Piece>& out, Until until, bool quoted);
  Status ReadQuoteOrExpansion(std::vector<Piece>& out, bool quoted);
  Status ReadSingleQuotes(std::vector<Piece>& out);
  Status ReadAnsiQuotes(std::vector<Piece>& out);
  Status ReadDoubleQuotes(std::vector<Piece>& out);
  Status ReadDollar(std::vector<Piece>& out, bool quoted);
  Status ReadBraces(std::vector<Piece>& out, bool quoted);
  std::string ReadParameterName(Piece& piece);
  Status ReadParameterRest(Piece& piece, bool quoted);
  Status ReadArithmetic(std::vector<Piece>& out, bool quoted);
  Status ReadCommandSubstitution(std::vector<Piece>& out, Piece::Kind kind, bool quoted);
  Status ReadBackquotes(std::vector<Piece>& out, bool quoted);
  Status ReadArray(std::vector<Piece>& out);
  Status ReadHereDocs();
  Status ReadHereDocBody(PendingHereDoc& pending);

  // shell_grammar.cc
  Status Next();  // Reads the next token into token_.
  bool IsOp(std::string_view op) const;
  bool IsKeyword(std::string_view word) const;
  bool EndsList() const;
  Status Expect(std::string_view what, bool keyword);
  Error Unexpected() const;
  Status SkipNewlines();
  Result<Node> ParseLine();
  Result<Node> ParseList(bool may_be_empty);
  Result<Node> ParseAndOr();
  Result<Node> ParsePipeline();
  Result<Node> ParseCommand();
  Result<Node> ParseCompound();
  Result<Node> ParseIf();
  Result<Node> ParseLoop();
  Result<Node> ParseFor();
  Status ParseForWords(Node& node);
  Result<Node> ParseCase();
  Status ParseCaseItem(Node& node);
  Result<Node> ParseGroup(std::string_view close, bool keyword);
  Result<Node> ParseTest();
  Result<Node> ParseArithmeticCommand();
  Result<Node> ParseFunctionKeyword();
  Result<Node> ParseSimple();
  Result<Node> ParseFunctionBody(std::string name);
  Status ParseRedirect(Node& node);
  Status ParseRedirects(Node& node);
  bool AtRedirect() const;
  bool StartsCompound() const;

  std::string_view text_;
  Dialect dialect_;
  int depth_;
  std::size_t pos_ = 0;
  Token token_;
  std::vector<PendingHereDoc> pending_;
};

// The bytes of a word in which nothing is quoted or expanded; empty otherwise.
std::string BareText(const Word& word);
bool IsName(std::string_view text);

}  // namespace fabro::jail::command_policy
