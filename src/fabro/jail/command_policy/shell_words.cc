// From characters to words: POSIX.1-2017 XCU 2.2 (quoting), 2.3 (tokens), 2.6 (expansions).
#include <algorithm>
#include <array>
#include <utility>

#include "fabro/jail/command_policy/shell_parser.h"

namespace fabro::jail::command_policy {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }
bool IsMeta(char c) {
  return IsBlank(c) || c == '\n' || c == ';' || c == '&' || c == '|' || c == '<' || c == '>' ||
         c == '(' || c == ')';
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNameChar(char c) { return IsNameStart(c) || IsDigit(c); }

void AppendText(std::vector<Piece>& out, char c, bool quoted) {
  if (out.empty() || out.back().kind != Piece::Kind::kText || out.back().quoted != quoted) {
    out.push_back({.kind = Piece::Kind::kText, .quoted = quoted});
  }
  out.back().text += c;
}

// An empty quoted piece keeps "" a word and makes a word no keyword.
void MarkQuoted(std::vector<Piece>& out) {
  if (out.empty() || out.back().kind != Piece::Kind::kText || !out.back().quoted) {
    out.push_back({.kind = Piece::Kind::kText, .quoted = true});
  }
}

// Longest first.
constexpr std::array<std::string_view, 15> kPosixOperators = {
    "<<-", "&&", "||", ";;", "<<", ">>", "<&", ">&", "<>", ">|", "<", ">", "(", ")", "|"};
constexpr std::array<std::string_view, 6> kBashOperators = {"&>>", ";;&", "<<<", "&>", ";&", "|&"};

}  // namespace

std::string BareText(const Word& word) {
  if (word.pieces.size() != 1) return {};
  const Piece& piece = word.pieces.front();
  return piece.kind == Piece::Kind::kText && !piece.quoted ? piece.text : std::string();
}

bool IsName(std::string_view text) {
  return !text.empty() && IsNameStart(text.front()) && std::ranges::all_of(text, IsNameChar);
}

void ShellParser::SkipContinuations() {
  while (At() == '\\' && At(1) == '\n') pos_ += 2;
}

void ShellParser::SkipBlanksAndComments() {
  for (;;) {
    SkipContinuations();
    if (IsBlank(At())) {
      ++pos_;
    } else if (At() == '#') {
      while (!AtEnd() && At() != '\n') ++pos_;
      return;
    } else {
      return;
    }
  }
}

std::string_view ShellParser::OperatorHere() const {
  const std::string_view rest = text_.substr(pos_);
  if (bash()) {
    for (const std::string_view op : kBashOperators) {
      if (rest.starts_with(op)) return op;
    }
  }
  for (const std::string_view op : kPosixOperators) {
    if (rest.starts_with(op)) return op;
  }
  if (rest.starts_with(';')) return ";";
  if (rest.starts_with('&')) return "&";
  return {};
}

Status ShellParser::ReadToken() {
  SkipBlanksAndComments();
  token_ = Token{.offset = pos_};
  if (AtEnd()) return {};
  if (At() == '\n') {
    ++pos_;
    token_.type = Token::Type::kNewline;
    return ReadHereDocs();
  }
  // The number of `2>file` belongs to the operator and says nothing to us.
  std::size_t digits = 0;
  while (IsDigit(At(digits))) ++digits;
  const char behind = At(digits);
  if (digits > 0 && (digits == 1 || bash()) && (behind == '<' || behind == '>')) pos_ += digits;
  const bool process = bash() && (At() == '<' || At() == '>') && At(1) == '(';
  const std::string_view op = process ? std::string_view() : OperatorHere();
  if (!op.empty()) {
    // `&\<newline>&` is "&&": the continuation is taken out of the middle.
    pos_ += 1;
    std::string whole(1, op.front());
    SkipContinuations();
    for (;;) {
      const std::string longer = whole + At();
      const auto known = [&](std::string_view one) { return one.starts_with(longer); };
      const bool more = !AtEnd() && (std::ranges::any_of(kPosixOperators, known) ||
                                     (bash() && std::ranges::any_of(kBashOperators, known)));
      if (!more) break;
      whole = longer;
      ++pos_;
      SkipContinuations();
    }
    token_.type = Token::Type::kOperator;
    token_.op = std::move(whole);
    return {};
  }
  token_.type = Token::Type::kWord;
  token_.word = TRY(ReadWord());
  token_.bare = BareText(token_.word);
  return {};
}

Result<Word> ShellParser::ReadWord() {
  Word word;
  word.offset = pos_;
  TRY(ReadPieces(word.pieces, Until::kMeta, false));
  return word;
}

// Reads up to what `until` names, which is left (kMeta, kEnd) or taken (kQuote, kBrace).
Status ShellParser::ReadPieces(std::vector<Piece>& out, Until until, bool quoted) {
  TRY(CheckDepth());
  const Nested nested(depth_);
  for (;;) {
    SkipContinuations();
    if (AtEnd()) break;
    const char c = At();
    if (until == Until::kMeta) {
      const bool process = bash() && (c == '<' || c == '>') && At(1) == '(';
      if (process) {
        ++pos_;
        TRY(ReadCommandSubstitution(out, Piece::Kind::kProcess, quoted));
        continue;
      }
      if (bash() && c == '(' && !out.empty() && out.back().text.ends_with('=')) {
        TRY(ReadArray(out));
        continue;
      }
      if (IsMeta(c)) return {};
    }
    if (until == Until::kQuote && c == '"') {
      ++pos_;
      return {};
    }
    if (until == Until::kBrace && c == '}') {
      ++pos_;
      return {};
    }
    const bool here_doc = until == Until::kEnd;
    if (here_doc && (c == '"' || c == '\'')) {
      AppendText(out, c, true);
      ++pos_;
      continue;
    }
    TRY(ReadQuoteOrExpansion(out, quoted));
  }
  if (until == Until::kQuote) return Syntax("unterminated quoted string");
  if (until == Until::kBrace) return Syntax("missing '}'");
  return {};
}

// One character, quote or expansion. Inside double quotes a single quote is a character.
Status ShellParser::ReadQuoteOrExpansion(std::vector<Piece>& out, bool quoted) {
  const char c = At();
  if (c == '\\') {
    const char next = At(1);
    // A backslash at the end of the text is itself.
    const bool escapes =
        pos_ + 1 < text_.size() &&
        (!quoted || std::string_view("$`\"\\}").find(next) != std::string_view::npos);
    AppendText(out, escapes ? next : c, true);
    pos_ += escapes ? 2 : 1;
    return {};
  }
  if (c == '\'' && !quoted) return ReadSingleQuotes(out);
  if (c == '"') return ReadDoubleQuotes(out);
  if (c == '`') return ReadBackquotes(out, quoted);
  if (c == '$') return ReadDollar(out, quoted);
  AppendText(out, c, quoted);
  ++pos_;
  return {};
}

Status ShellParser::ReadSingleQuotes(std::vector<Piece>& out) {
  const std::size_t end = text_.find('\'', pos_ + 1);
  if (end == std::string_view::npos) return Syntax("unterminated quoted string");
  MarkQuoted(out);
  out.back().text += text_.substr(pos_ + 1, end - pos_ - 1);
  pos_ = end + 1;
  return {};
}

Status ShellParser::ReadDoubleQuotes(std::vector<Piece>& out) {
  ++pos_;
  MarkQuoted(out);
  return ReadPieces(out, Until::kQuote, true);
}

// `…` is a text of its own once \` \\ \$ (inside double quotes also \") lost their backslash.
Status ShellParser::ReadBackquotes(std::vector<Piece>& out, bool quoted) {
  const std::size_t start = pos_++;
  std::string inner;
  for (;;) {
    SkipContinuations();
    if (AtEnd()) {
      pos_ = start;
      return Syntax("end of text in backquote substitution");
    }
    const char c = text_[pos_++];
    if (c == '`') break;
    if (c == '\\' && !AtEnd()) {
      const char next = At();
      const bool drops = next == '\\' || next == '`' || next == '$' || (quoted && next == '"');
      if (!drops) inner += c;
      inner += next;
      ++pos_;
      continue;
    }
    inner += c;
  }
  TRY(CheckDepth());
  Script script = ShellParser(inner, dialect_, depth_ + 1).ParseBackquoted();
  if (script.error) return Syntax(std::move(script.error->message));
  Piece piece{.kind = Piece::Kind::kCommand, .quoted = quoted};
  piece.script = std::move(script.commands);
  out.push_back(std::move(piece));
  return {};
}

// name=(a b c): the elements are looked at for substitutions, the array's use is run-time data.
Status ShellParser::ReadArray(std::vector<Piece>& out) {
  ++pos_;
  Piece piece{.kind = Piece::Kind::kUnknown};
  for (;;) {
    SkipBlanksAndComments();
    if (AtEnd()) return Syntax("missing ')' of an array");
    if (At() == '\n') {
      ++pos_;
      continue;
    }
    if (At() == ')') break;
    if (IsMeta(At())) return Syntax("'" + std::string(1, At()) + "' in an array");
    Word word = TRY(ReadWord());
    std::ranges::move(word.pieces, std::back_inserter(piece.word));
  }
  ++pos_;
  out.push_back(std::move(piece));
  return {};
}

Status ShellParser::ReadHereDocs() {
  std::vector<PendingHereDoc> pending = std::exchange(pending_, {});
  for (PendingHereDoc& one : pending) TRY(ReadHereDocBody(one));
  return {};
}

Status ShellParser::ReadHereDocBody(PendingHereDoc& pending) {
  std::string body;
  bool continued = false;  // The line before ended in a backslash, so this one is no delimiter.
  while (!AtEnd()) {
    const std::size_t newline = std::min(text_.find('\n', pos_), text_.size());
    std::string_view line = text_.substr(pos_, newline - pos_);
    pos_ = std::min(newline + 1, text_.size());
    if (pending.strip_tabs && !continued) {
      line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
    }
    if (!continued && line == pending.delimiter) break;
    body += line;
    body += '\n';
    const std::size_t last = line.find_last_not_of('\\');
    const std::size_t slashes = line.size() - (last == std::string_view::npos ? 0 : last + 1);
    continued = !pending.quoted && slashes % 2 == 1;
  }
  if (pending.quoted) {
    pending.body->pieces.push_back({.kind = Piece::Kind::kText, .quoted = true, .text = body});
    return {};
  }
  TRY(CheckDepth());
  pending.body->pieces = TRY(ShellParser(body, dialect_, depth_ + 1).ParseHereDoc());
  return {};
}

Result<std::vector<Piece>> ShellParser::ParseHereDoc() {
  std::vector<Piece> pieces;
  TRY(ReadPieces(pieces, Until::kEnd, true));
  return pieces;
}

std::optional<std::vector<std::string>> SplitWords(std::string_view text) {
  std::vector<std::string> words;
  bool open = false;  // A word has begun, perhaps as "".
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && (IsBlank(c) || c == '\n')) {
      open = false;
      continue;
    }
    if (!std::exchange(open, true)) words.emplace_back();
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      words.back() += text[++i];
    } else {
      words.back() += c;
    }
  }
  if (quote != 0) return std::nullopt;
  return words;
}

}  // namespace fabro::jail::command_policy
