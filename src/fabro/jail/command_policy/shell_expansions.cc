// What begins with a dollar: POSIX.1-2017 XCU 2.6.2 (parameters), 2.6.3 (commands), 2.6.4
// (arithmetic), and bash's $'…'.
#include <algorithm>
#include <utility>

#include "fabro/jail/command_policy/shell_parser.h"

namespace fabro::jail::command_policy {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNameChar(char c) { return IsNameStart(c) || IsDigit(c); }
bool IsSpecial(char c) {
  return c != '\0' && std::string_view("@*#?-$!").find(c) != std::string_view::npos;
}

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void AppendUtf8(std::string& out, unsigned code) {
  const auto push = [&out](unsigned byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    push(code);
  } else if (code < 0x800) {
    push(0xC0U | code >> 6U);
    push(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    push(0xE0U | code >> 12U);
    push(0x80U | (code >> 6U & 0x3FU));
    push(0x80U | (code & 0x3FU));
  } else {
    push(0xF0U | (code >> 18U & 0x07U));
    push(0x80U | (code >> 12U & 0x3FU));
    push(0x80U | (code >> 6U & 0x3FU));
    push(0x80U | (code & 0x3FU));
  }
}

// The value of a \-sequence of $'…' with `next` behind the backslash; `pos` goes past it.
void AppendAnsiEscape(std::string& out, std::string_view text, std::size_t& pos) {
  const char c = text[pos++];
  const auto number = [&](unsigned base, std::size_t most) {
    unsigned value = 0;
    for (std::size_t i = 0; i < most && pos < text.size(); ++i) {
      const int digit = HexValue(text[pos]);
      if (digit < 0 || static_cast<unsigned>(digit) >= base) break;
      value = value * base + static_cast<unsigned>(digit);
      ++pos;
    }
    return value;
  };
  constexpr std::string_view kNames = "abeEfnrtv";
  constexpr std::string_view kValues = "\a\b\x1b\x1b\f\n\r\t\v";
  if (const std::size_t at = kNames.find(c); at != std::string_view::npos) {
    out += kValues[at];
  } else if (c == 'x') {
    out += static_cast<char>(number(16, 2));
  } else if (c == 'u' || c == 'U') {
    AppendUtf8(out, number(16, c == 'u' ? 4 : 8));
  } else if (c >= '0' && c <= '7') {
    --pos;
    out += static_cast<char>(number(8, 3));
  } else if (c == 'c' && pos < text.size()) {
    out += static_cast<char>(static_cast<unsigned char>(text[pos++]) & 0x1FU);
  } else {
    if (c != '\\' && c != '\'' && c != '"' && c != '?') out += '\\';
    out += c;
  }
}

}  // namespace

Status ShellParser::ReadAnsiQuotes(std::vector<Piece>& out) {
  Piece piece{.kind = Piece::Kind::kText, .quoted = true};
  for (pos_ += 2;;) {
    if (AtEnd()) return Syntax("unterminated quoted string");
    const char c = text_[pos_++];
    if (c == '\'') break;
    if (c == '\\' && !AtEnd()) {
      AppendAnsiEscape(piece.text, text_, pos_);
    } else {
      piece.text += c;
    }
  }
  // A NUL ends the string, as it does in bash.
  piece.text.resize(std::min(piece.text.find('\0'), piece.text.size()));
  out.push_back(std::move(piece));
  return {};
}

Status ShellParser::ReadDollar(std::vector<Piece>& out, bool quoted) {
  ++pos_;
  SkipContinuations();
  const char c = At();
  if (c == '(') {
    if (At(1) != '(') return ReadCommandSubstitution(out, Piece::Kind::kCommand, quoted);
    const std::size_t start = pos_;
    const std::size_t pieces = out.size();
    Status arithmetic = ReadArithmetic(out, quoted);
    if (arithmetic.ok() || !bash()) return arithmetic;
    // bash: $((…) …) that is no arithmetic is a command that begins with a subshell.
    pos_ = start;
    out.erase(out.begin() + static_cast<std::ptrdiff_t>(pieces), out.end());
    return ReadCommandSubstitution(out, Piece::Kind::kCommand, quoted);
  }
  if (c == '{') return ReadBraces(out, quoted);
  if (bash() && !quoted && c == '\'') {
    --pos_;
    return ReadAnsiQuotes(out);
  }
  if (bash() && !quoted && c == '"') return ReadDoubleQuotes(out);
  if (!IsNameStart(c) && !IsDigit(c) && !IsSpecial(c)) {
    out.push_back({.kind = Piece::Kind::kText, .quoted = true, .text = "$"});
    return {};
  }
  Piece piece{.kind = Piece::Kind::kParameter, .quoted = quoted};
  piece.text += c;
  ++pos_;
  if (IsNameStart(c)) {
    for (SkipContinuations(); IsNameChar(At()); SkipContinuations()) piece.text += text_[pos_++];
  }
  out.push_back(std::move(piece));
  return {};
}

Status ShellParser::ReadBraces(std::vector<Piece>& out, bool quoted) {
  ++pos_;
  Piece piece{.kind = Piece::Kind::kParameter, .quoted = quoted};
  SkipContinuations();
  piece.text = ReadParameterName(piece);
  TRY(ReadParameterRest(piece, quoted));
  out.push_back(std::move(piece));
  return {};
}

// The name behind "${"; `piece.op` becomes '!' when the form is one that is not folded: ${#x}.
std::string ShellParser::ReadParameterName(Piece& piece) {
  std::string name;
  const bool length = At() == '#' && (IsNameStart(At(1)) || IsDigit(At(1)) || IsSpecial(At(1)));
  if ((length && !(At(1) == '#' && At(2) == '}')) || (bash() && At() == '!' && At(1) != '}')) {
    piece.op = '!';
    ++pos_;
  }
  if (IsNameStart(At())) {
    for (; IsNameChar(At()); SkipContinuations()) name += text_[pos_++];
  } else if (IsDigit(At())) {
    for (; IsDigit(At()); SkipContinuations()) name += text_[pos_++];
  } else if (IsSpecial(At())) {
    name = text_[pos_++];
  } else {
    piece.op = '!';  // A bad substitution: an error when it is expanded, not when it is read.
  }
  return name;
}

// Operator and word up to the closing brace.
Status ShellParser::ReadParameterRest(Piece& piece, bool quoted) {
  SkipContinuations();
  if (At() == '}') {
    ++pos_;
    return {};
  }
  const bool colon = At() == ':';
  const char op = At(colon ? 1 : 0);
  const bool fills = op == '-' || op == '=' || op == '+' || op == '?';
  if (fills) pos_ += colon ? 2 : 1;
  if (piece.op == 0) piece.op = fills ? op : '!';
  // Behind % and # quotes count also inside double quotes.
  const bool trims = op == '%' || op == '#';
  return ReadPieces(piece.word, Until::kBrace, quoted && !trims);
}

Status ShellParser::ReadArithmetic(std::vector<Piece>& out, bool quoted) {
  TRY(CheckDepth());
  const Nested nested(depth_);
  const std::size_t start = pos_;
  pos_ += 2;
  Piece piece{.kind = Piece::Kind::kUnknown, .quoted = quoted};
  int open = 0;
  for (;;) {
    SkipContinuations();
    if (AtEnd()) {
      pos_ = start;
      return Syntax("missing '))'");
    }
    const char c = At();
    if (c == '(') ++open;
    if (c == ')') {
      if (open == 0 && At(1) == ')') break;
      if (open == 0 && bash()) return Syntax("unbalanced ')' in arithmetic");
      if (open > 0) --open;
    }
    if (c == '$') {
      TRY(ReadDollar(piece.word, true));
    } else if (c == '`') {
      TRY(ReadBackquotes(piece.word, true));
    } else {
      pos_ += c == '\\' && pos_ + 1 < text_.size() ? 2 : 1;
    }
  }
  pos_ += 2;
  out.push_back(std::move(piece));
  return {};
}

// $(…) and bash's <(…), >(…), with pos_ at the parenthesis: the text goes on in this parser, so
// that a parenthesis in a case pattern or a quote does not end it.
Status ShellParser::ReadCommandSubstitution(std::vector<Piece>& out, Piece::Kind kind,
                                            bool quoted) {
  TRY(CheckDepth());
  const Nested nested(depth_);
  ++pos_;
  Token saved = std::exchange(token_, {});
  std::vector<PendingHereDoc> pending = std::exchange(pending_, {});
  TRY(Next());
  Node list = TRY(ParseList(true));
  if (!IsOp(")")) return Unexpected();
  // Here-documents begun inside end with the next line, as those of the line outside.
  std::ranges::move(pending_, std::back_inserter(pending));
  pending_ = std::move(pending);
  token_ = std::move(saved);
  Piece piece{.kind = kind, .quoted = quoted};
  piece.script.push_back(std::move(list));
  out.push_back(std::move(piece));
  return {};
}

}  // namespace fabro::jail::command_policy
