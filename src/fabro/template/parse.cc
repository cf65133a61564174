#include <algorithm>
#include <utility>

#include "fabro/template/ast.h"
#include "fabro/template/expr.h"

namespace fabro::templates {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

// Start of the next "{{" or "{%" at or behind `at`.
std::size_t NextTag(std::string_view source, std::size_t at) {
  while ((at = source.find('{', at)) != std::string_view::npos) {
    if (at + 1 < source.size() && (source[at + 1] == '{' || source[at + 1] == '%')) return at;
    ++at;
  }
  return source.size();
}

class TemplateParser {
 public:
  explicit TemplateParser(std::string_view source) : source_(source) {}

  tl::expected<std::vector<Piece>, TemplateError> Run() {
    std::vector<Piece> pieces;
    Tag end;
    if (Body(pieces, end) && end.word.empty()) return pieces;
    if (!error_) {
      Fail(end.at, "'" + std::string(end.word) + "' has no block that it ends");
    }
    return tl::unexpected(*std::move(error_));
  }

 private:
  // A {% word … %} that the caller has to deal with; an empty word is the end of the source.
  struct Tag {
    std::string_view word;
    std::size_t at = 0;
    ExprParser rest{{}, 0};
  };

  bool Fail(std::size_t at, std::string message, std::string hint = {}) {
    if (!error_) {
      error_ = TemplateError{TemplateError::Kind::kSyntax,
                             std::move(message),
                             std::move(hint),
                             PlaceOf(source_, at),
                             {}};
    }
    return false;
  }
  bool Adopt(const ExprParser& parser) {
    if (!error_) error_ = parser.error();
    return false;
  }

  bool Body(std::vector<Piece>& pieces, Tag& stop);
  bool BodyInside(std::vector<Piece>& pieces, Tag& stop, std::size_t opened, std::string_view word);
  void AddText(std::vector<Piece>& pieces, std::size_t end, bool trim_end);
  std::size_t OpenTag(std::vector<Piece>& pieces, std::size_t tag);
  bool CloseTag(ExprParser& parser, std::string_view closer);
  bool Output(std::vector<Piece>& pieces, std::size_t inside);
  bool If(Piece& piece, ExprParser& parser, std::size_t opened);
  bool For(Piece& piece, ExprParser& parser, std::size_t opened);
  bool Raw(std::vector<Piece>& pieces, std::size_t opened);

  std::string_view source_;
  std::size_t at_ = 0;
  bool trim_start_ = false;  // The tag before ended in "-": blanks behind it go.
  std::size_t depth_ = 0;
  std::optional<TemplateError> error_;
};

// The text from at_ to `end`.
void TemplateParser::AddText(std::vector<Piece>& pieces, std::size_t end, bool trim_end) {
  std::string_view text = source_.substr(at_, end - at_);
  if (trim_start_) text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  if (trim_end) text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
  trim_start_ = false;
  at_ = end;
  if (text.empty()) return;
  Piece piece;
  piece.text = text;
  pieces.push_back(std::move(piece));
}

// Adds the text before the tag and gives the offset of what is inside its braces.
std::size_t TemplateParser::OpenTag(std::vector<Piece>& pieces, std::size_t tag) {
  const bool trims = source_.substr(tag + 2).starts_with('-');
  AddText(pieces, tag, trims);
  return tag + (trims ? 3 : 2);
}

bool TemplateParser::CloseTag(ExprParser& parser, std::string_view closer) {
  if (parser.error()) return Adopt(parser);
  trim_start_ = parser.Take("-" + std::string(closer));
  if (!trim_start_ && !parser.Take(closer)) {
    return Fail(parser.at(), "'" + std::string(closer) + "' is expected here",
                "text that only looks like a template goes between {% raw %} and {% endraw %}");
  }
  at_ = parser.at();
  return true;
}

// Up to the end of the source or a tag that ends or splits the enclosing block.
bool TemplateParser::Body(std::vector<Piece>& pieces, Tag& stop) {
  for (;;) {
    const std::size_t tag = NextTag(source_, at_);
    if (tag >= source_.size()) {
      AddText(pieces, source_.size(), false);
      stop.at = source_.size();
      return true;
    }
    const bool is_output = source_[tag + 1] == '{';
    const std::size_t inside = OpenTag(pieces, tag);
    if (is_output) {
      if (!Output(pieces, inside)) return false;
      continue;
    }
    ExprParser parser(source_, inside);
    const std::string_view word = parser.Word();
    if (word == "raw") {
      if (!CloseTag(parser, "%}") || !Raw(pieces, tag)) return false;
    } else if (word == "if" || word == "for") {
      Piece piece;
      if (!(word == "if" ? If(piece, parser, tag) : For(piece, parser, tag))) return false;
      pieces.push_back(std::move(piece));
    } else if (word == "elif" || word == "else" || word == "endif" || word == "endfor") {
      stop = Tag{word, tag, parser};
      return true;
    } else {
      return Fail(tag, "unknown tag '" + std::string(word) + "'",
                  "tags are if, elif, else, endif, for, endfor, raw, endraw");
    }
  }
}

bool TemplateParser::BodyInside(std::vector<Piece>& pieces, Tag& stop, std::size_t opened,
                                std::string_view word) {
  if (++depth_ > kMaxDepth) return Fail(opened, "blocks are nested too deeply");
  if (!Body(pieces, stop)) return false;
  --depth_;
  if (!stop.word.empty()) return true;
  return Fail(opened, "'" + std::string(word) + "' is not closed",
              "end it with {% end" + std::string(word) + " %}");
}

bool TemplateParser::Output(std::vector<Piece>& pieces, std::size_t inside) {
  ExprParser parser(source_, inside);
  auto expr = parser.Expression();
  if (!expr || !CloseTag(parser, "}}")) return Adopt(parser);
  Piece piece;
  piece.kind = Piece::Kind::kOutput;
  piece.expr = *std::move(expr);
  pieces.push_back(std::move(piece));
  return true;
}

bool TemplateParser::If(Piece& piece, ExprParser& parser, std::size_t opened) {
  piece.kind = Piece::Kind::kIf;
  auto test = parser.Expression();
  if (!test || !CloseTag(parser, "%}")) return Adopt(parser);
  piece.expr = *std::move(test);
  Tag stop;
  if (!BodyInside(piece.body, stop, opened, "if")) return false;
  if (stop.word == "elif") {
    if (++depth_ > kMaxDepth) return Fail(stop.at, "too many 'elif'");
    Piece next;
    if (!If(next, stop.rest, opened)) return false;
    --depth_;
    piece.otherwise.push_back(std::move(next));
    return true;
  }
  if (stop.word == "else") {
    if (!CloseTag(stop.rest, "%}")) return false;
    Tag end;
    if (!BodyInside(piece.otherwise, end, opened, "if")) return false;
    stop = end;
  }
  if (stop.word == "endif") return CloseTag(stop.rest, "%}");
  return Fail(stop.at, "'" + std::string(stop.word) + "' cannot stand here: 'if' is open");
}

bool TemplateParser::For(Piece& piece, ExprParser& parser, std::size_t opened) {
  piece.kind = Piece::Kind::kFor;
  piece.variable = parser.Word();
  if (piece.variable.empty() || !parser.TakeWord("in")) {
    return Fail(parser.at(), "a loop reads: {% for name in list %}");
  }
  auto list = parser.Expression();
  if (!list || !CloseTag(parser, "%}")) return Adopt(parser);
  piece.expr = *std::move(list);
  Tag stop;
  if (!BodyInside(piece.body, stop, opened, "for")) return false;
  if (stop.word == "else") {
    if (!CloseTag(stop.rest, "%}")) return false;
    Tag end;
    if (!BodyInside(piece.otherwise, end, opened, "for")) return false;
    stop = end;
  }
  if (stop.word == "endfor") return CloseTag(stop.rest, "%}");
  return Fail(stop.at, "'" + std::string(stop.word) + "' cannot stand here: 'for' is open");
}

bool TemplateParser::Raw(std::vector<Piece>& pieces, std::size_t opened) {
  for (std::size_t at = at_; (at = source_.find("{%", at)) != std::string_view::npos; at += 2) {
    const bool trims = source_.substr(at + 2).starts_with('-');
    ExprParser parser(source_, at + (trims ? 3 : 2));
    if (!parser.TakeWord("endraw")) continue;
    AddText(pieces, at, trims);
    return CloseTag(parser, "%}");
  }
  return Fail(opened, "'raw' is not closed", "end it with {% endraw %}");
}

}  // namespace

Place PlaceOf(std::string_view source, std::size_t offset) {
  const std::string_view before = source.substr(0, offset);
  const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  return {lines + 1, before.size() - (before.rfind('\n') + 1) + 1};
}

bool HasTags(std::string_view source) { return NextTag(source, 0) < source.size(); }

tl::expected<std::vector<Piece>, TemplateError> ParseTemplate(std::string_view source) {
  if (source.size() > kMaxTemplateSize.bytes()) {
    return tl::unexpected(TemplateError{TemplateError::Kind::kLimit,
                                        "the template is longer than " + ToString(kMaxTemplateSize),
                                        {},
                                        {},
                                        {}});
  }
  return TemplateParser(source).Run();
}

}  // namespace fabro::templates
