#include "fabro/workflow/graph/lexer.h"

#include <algorithm>
#include <array>
#include <utility>

namespace fabro::workflow {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsIdentStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsIdent(char c) { return IsIdentStart(c) || IsDigit(c); }
bool IsValue(char c) { return IsIdent(c) || c == '.' || c == ':' || c == '-'; }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f'; }

bool IsInteger(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
}

bool IsFloat(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view whole = text.substr(0, dot);
  const std::string_view fraction = text.substr(dot + 1);
  return (whole.empty() || whole == "-" || IsInteger(whole)) && !fraction.starts_with('-') &&
         IsInteger(fraction);
}

bool IsDuration(std::string_view text) {
  constexpr std::array<std::string_view, 5> kUnits{"ms", "s", "m", "h", "d"};
  return std::any_of(kUnits.begin(), kUnits.end(), [text](std::string_view unit) {
    return text.ends_with(unit) && IsInteger(text.substr(0, text.size() - unit.size()));
  });
}

// In the order of section 2.3.
std::optional<ValueType> Classify(std::string_view text) {
  if (IsDuration(text)) return ValueType::kDuration;
  if (IsFloat(text)) return ValueType::kFloat;
  if (IsInteger(text)) return ValueType::kInteger;
  if (text == "true" || text == "false") return ValueType::kBoolean;
  if (IsIdentStart(text.front())) return ValueType::kBareword;
  return std::nullopt;
}

// Whether an unquoted value may stand directly before `c`; '\0' is the end of the file.
bool EndsValue(char c, char next) {
  if (c == '/') return next == '/' || next == '*';
  return c == '\0' || IsBlank(c) || c == ',' || c == ';' || c == ']' || c == '}';
}

// Length of the valid UTF-8 sequence at the start of `text`, or 0 (RFC 3629, section 4).
std::size_t Utf8Length(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto tail = [&byte](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80U) return 1;
  if (first >= 0xC2U && first <= 0xDFU) return tail(1) ? 2 : 0;
  if (first >= 0xE0U && first <= 0xEFU) {
    const bool overlong = first == 0xE0U && byte(1) < 0xA0U;
    const bool surrogate = first == 0xEDU && byte(1) > 0x9FU;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0U && first <= 0xF4U) {
    const bool overlong = first == 0xF0U && byte(1) < 0x90U;
    const bool too_big = first == 0xF4U && byte(1) > 0x8FU;
    return tail(1) && tail(2) && tail(3) && !overlong && !too_big ? 4 : 0;
  }
  return 0;
}

std::string Hex(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return std::string("0x") + kDigits[byte >> 4U] + kDigits[byte & 15U];
}

Position PositionOf(std::string_view source, std::size_t offset) {
  const std::string_view before = source.substr(0, offset);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 == 0
  return {static_cast<std::uint32_t>(lines + 1), static_cast<std::uint32_t>(offset - start + 1)};
}

}  // namespace

std::optional<SyntaxError> CheckText(std::string_view source) {
  if (source.size() > kMaxFileSize.bytes()) {
    return SyntaxError{{1, 1},
                       "the workflow is larger than the limit of " + ToString(kMaxFileSize),
                       "keep long texts in files of their own: prompt=\"@prompts/plan.md\""};
  }
  if (source.starts_with("\xFF\xFE") || source.starts_with("\xFE\xFF")) {
    return SyntaxError{{1, 1}, "the file is UTF-16, not UTF-8", "save it as UTF-8"};
  }
  for (std::size_t i = 0; i < source.size();) {
    const auto byte = static_cast<unsigned char>(source[i]);
    if (byte >= 0x20 && byte < 0x7F) {  // Nearly all of it.
      ++i;
      continue;
    }
    if (byte == 0) {
      return SyntaxError{PositionOf(source, i), "the file holds a NUL byte: it is no text", {}};
    }
    if ((byte < 0x20 && !IsBlank(source[i])) || byte == 0x7F) {
      return SyntaxError{PositionOf(source, i), "the file holds the control character " + Hex(byte),
                         "a workflow is plain UTF-8 text"};
    }
    const std::size_t length = Utf8Length(source.substr(i, 4));
    if (length == 0) {
      return SyntaxError{PositionOf(source, i),
                         "the byte " + Hex(byte) + " is not valid UTF-8 here", "save it as UTF-8"};
    }
    i += length;
  }
  return std::nullopt;
}

Lexer::Lexer(std::string_view source) : source_(source) {
  if (source_.starts_with("\xEF\xBB\xBF")) {  // A byte order mark says nothing in UTF-8.
    at_ = 3;
    line_start_ = 3;
  }
}

Position Lexer::Here() const { return {line_, static_cast<std::uint32_t>(at_ - line_start_ + 1)}; }

void Lexer::NewLine() {
  ++line_;
  line_start_ = at_;
}

void Lexer::Fail(Position at, std::string message, std::string hint) {
  if (!error_) error_ = SyntaxError{at, std::move(message), std::move(hint)};
}

bool Lexer::SkipBlockComment() {
  const Position start = Here();
  at_ += 2;
  while (!AtEnd()) {
    if (Peek() == '*' && Peek(1) == '/') {
      at_ += 2;
      return true;
    }
    if (source_[at_++] == '\n') NewLine();
  }
  Fail(start, "the comment is not closed", "end it with '*/'");
  return false;
}

bool Lexer::SkipBlanks() {
  while (!AtEnd() && !error_) {
    const char c = Peek();
    if (c == '\n') {
      ++at_;
      NewLine();
    } else if (IsBlank(c)) {
      ++at_;
    } else if (c == '/' && Peek(1) == '/') {
      const std::size_t end = source_.find('\n', at_);
      at_ = end == std::string_view::npos ? source_.size() : end;
    } else if (c == '/' && Peek(1) == '*') {
      if (!SkipBlockComment()) return false;
    } else if (c == '#') {
      Fail(Here(), "'#' does not start a comment here", "write '//' or '/* … */'");
      return false;
    } else {
      return true;
    }
  }
  return !error_;
}

Token Lexer::Take(TokenKind kind, std::size_t length) {
  const Token token{kind, source_.substr(at_, length), Here()};
  at_ += length;
  return token;
}

Token Lexer::Next() {
  if (!SkipBlanks()) return {TokenKind::kError, {}, Here()};
  if (AtEnd()) return {TokenKind::kEnd, {}, Here()};
  const char c = Peek();
  if (IsIdentStart(c)) {
    std::size_t length = 1;
    while (IsIdent(Peek(length)) || (Peek(length) == '.' && IsIdentStart(Peek(length + 1)))) {
      ++length;
    }
    return Take(TokenKind::kIdent, length);
  }
  if (IsDigit(c) || ((c == '-' || c == '.') && IsDigit(Peek(1)))) {
    std::size_t length = 1;
    while (IsIdent(Peek(length)) || Peek(length) == '.') ++length;
    return Take(TokenKind::kNumber, length);
  }
  if (c == '"') {
    const Position at = Here();
    const std::size_t start = at_;
    if (!String()) return {TokenKind::kError, {}, at};
    return {TokenKind::kString, source_.substr(start, at_ - start), at};
  }
  if (c == '-' && Peek(1) == '>') return Take(TokenKind::kArrow, 2);
  if (c == '-' && Peek(1) == '-') return Take(TokenKind::kSymbol, 2);
  return Take(TokenKind::kSymbol, std::max<std::size_t>(1, Utf8Length(source_.substr(at_, 4))));
}

void Lexer::Escape(std::string& text) {
  const char c = Peek(1);
  at_ += 2;
  switch (c) {
    case '"':
    case '\\':
      text += c;
      return;
    case 'n':
      text += '\n';
      return;
    case 't':
      text += '\t';
      return;
    case '\n':
      NewLine();
      return;
    case '\r':
      if (Peek() == '\n') {
        ++at_;
        NewLine();
        return;
      }
      break;
    default:
      break;
  }
  text += '\\';  // Kept, so that "\d" of a regular expression survives.
  text += c;
}

std::optional<std::string> Lexer::String() {
  const Position start = Here();
  ++at_;
  std::string text;
  while (!AtEnd()) {
    const std::size_t stop = std::min(source_.find_first_of("\"\\\n\r", at_), source_.size());
    text.append(source_.substr(at_, stop - at_));
    at_ = stop;
    if (AtEnd()) break;
    const char c = Peek();
    if (c == '"') {
      ++at_;
      return text;
    }
    if (c == '\\') {
      if (at_ + 1 >= source_.size()) break;
      Escape(text);
      continue;
    }
    ++at_;
    if (c == '\r' && Peek() == '\n') continue;  // A line end is one '\n', whatever wrote the file.
    text += c;
    if (c == '\n') NewLine();
  }
  Fail(start, "the string is not closed", "it starts here; inside a string write \\\" for a quote");
  return std::nullopt;
}

std::optional<Literal> Lexer::Value() {
  if (!SkipBlanks()) return std::nullopt;
  const Position at = Here();
  const char c = Peek();
  if (c == '"') {
    auto text = String();
    if (!text) return std::nullopt;
    return Literal{ValueType::kString, *std::move(text), at};
  }
  if (c == '<') {
    Fail(at, "HTML labels are not supported", "write the text as a quoted string");
    return std::nullopt;
  }
  std::size_t length = 0;
  while (IsValue(Peek(length))) ++length;
  const std::string_view run = source_.substr(at_, length);
  const auto type = run.empty() ? std::nullopt : Classify(run);
  if (!type || !EndsValue(Peek(length), Peek(length + 1))) {
    Fail(at, run.empty() ? "a value is missing here" : "this is not a value the language knows",
         "quote text that is more than letters, digits and _ . : -");
    return std::nullopt;
  }
  at_ += length;
  return Literal{*type, std::string(run), at};
}

}  // namespace fabro::workflow
