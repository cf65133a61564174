#include <algorithm>
#include <optional>
#include <utility>

#include "fabro/template/ast.h"

namespace fabro::templates {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return {};
  return std::string(text.substr(start, text.find_last_not_of(kBlanks) - start + 1));
}

// Characters of a text, members of the others.
std::optional<std::int64_t> LengthOf(const Value& value) {
  std::ptrdiff_t length = 0;
  if (const auto* list = std::get_if<List>(&value.data)) {
    length = static_cast<std::ptrdiff_t>(list->size());
  } else if (const auto* map = std::get_if<Map>(&value.data)) {
    length = static_cast<std::ptrdiff_t>(map->members.size());
  } else if (const auto* text = std::get_if<std::string>(&value.data)) {
    length = std::count_if(text->begin(), text->end(),
                           [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
  } else {
    return std::nullopt;
  }
  return length;
}

// What `loop` means in turn number `index` of a loop.
Map LoopOf(std::size_t index, std::size_t count) {
  const auto number = static_cast<std::int64_t>(index);
  Map loop;
  loop.members = {{"index", number + 1},
                  {"index0", number},
                  {"first", index == 0},
                  {"last", index + 1 == count}};
  return loop;
}

class Renderer {
 public:
  Renderer(std::string_view source, const Map& names, Undefined undefined)
      : source_(source), names_(names), undefined_(undefined) {}

  tl::expected<Rendered, TemplateError> Run(const std::vector<Piece>& pieces) {
    if (Pieces(pieces)) return std::move(out_);
    return tl::unexpected(*std::move(error_));
  }

 private:
  // A loop's names hide those outside.
  struct Frame {
    std::string_view variable;
    const Value* item;
    Value loop;
  };

  std::nullopt_t Fail(TemplateError::Kind kind, std::size_t at, std::string message,
                      std::string hint = {}, std::string name = {}) {
    if (!error_) {
      error_ = TemplateError{kind, std::move(message), std::move(hint), PlaceOf(source_, at),
                             std::move(name)};
    }
    return std::nullopt;
  }

  bool Append(std::string_view text, std::size_t at);
  bool Pieces(const std::vector<Piece>& pieces);
  bool One(const Piece& piece);
  bool Loop(const Piece& piece);
  bool Walk(const Piece& piece, const List& items);
  const Value* Find(const Expr& expr) const;
  std::optional<Value> Eval(const Expr& expr);
  std::optional<Value> LookUp(const Expr& expr);
  std::optional<Value> Filter(const Expr& expr);
  std::optional<Value> JoinList(const Expr& expr, const Value& input);

  std::string_view source_;
  const Map& names_;
  Undefined undefined_;
  std::vector<Frame> frames_;
  std::size_t iterations_ = 0;
  Rendered out_;
  std::optional<TemplateError> error_;
};

bool Renderer::Append(std::string_view text, std::size_t at) {
  if (out_.text.size() + text.size() > kMaxRenderedSize.bytes()) {
    Fail(TemplateError::Kind::kLimit, at,
         "the rendered text is longer than " + ToString(kMaxRenderedSize));
    return false;
  }
  out_.text += text;
  return true;
}

bool Renderer::Pieces(const std::vector<Piece>& pieces) {
  return std::all_of(pieces.begin(), pieces.end(),
                     [this](const Piece& piece) { return One(piece); });
}

bool Renderer::One(const Piece& piece) {
  if (piece.kind == Piece::Kind::kText) {
    return Append(piece.text, static_cast<std::size_t>(piece.text.data() - source_.data()));
  }
  if (piece.kind == Piece::Kind::kFor) return Loop(piece);
  const auto value = Eval(piece.expr);
  if (!value) return false;
  if (piece.kind == Piece::Kind::kOutput) return Append(TextOf(*value), piece.expr.at);
  return Pieces(IsTruthy(*value) ? piece.body : piece.otherwise);
}

bool Renderer::Loop(const Piece& piece) {
  // A list that a name stands for is walked where it is: inner loops would copy it every time.
  const Value* walked = piece.expr.kind == Expr::Kind::kLookup ? Find(piece.expr) : nullptr;
  std::optional<Value> made;
  if (walked == nullptr) {
    made = Eval(piece.expr);
    if (!made) return false;
    walked = &*made;
  }
  List names;
  if (const auto* map = std::get_if<Map>(&walked->data)) {
    for (const Member& member : map->members) names.emplace_back(member.name);
  } else if (!std::holds_alternative<List>(walked->data) && *walked != Value()) {
    Fail(TemplateError::Kind::kValue, piece.expr.at, "a loop needs a list or a map");
    return false;
  }  // An undefined name that is only collected is the empty text and loops over nothing.
  const auto* list = std::get_if<List>(&walked->data);
  return Walk(piece, list != nullptr ? *list : names);
}

bool Renderer::Walk(const Piece& piece, const List& items) {
  if (items.empty()) return Pieces(piece.otherwise);
  frames_.push_back({piece.variable, nullptr, {}});
  bool done = true;
  for (std::size_t i = 0; done && i < items.size(); ++i) {
    if (++iterations_ > kMaxIterations) {
      Fail(TemplateError::Kind::kLimit, piece.expr.at,
           "loops turn more than " + std::to_string(kMaxIterations) + " times");
      done = false;
      break;
    }
    frames_.back().item = &items[i];
    frames_.back().loop = LoopOf(i, items.size());
    done = Pieces(piece.body);
  }
  frames_.pop_back();
  return done;
}

// The value behind a lookup, or null.
const Value* Renderer::Find(const Expr& expr) const {
  const Value* found = nullptr;
  for (auto frame = frames_.rbegin(); frame != frames_.rend() && found == nullptr; ++frame) {
    if (frame->variable == expr.path[0])
      found = frame->item;
    else if (expr.path[0] == "loop")
      found = &frame->loop;
  }
  if (found == nullptr) found = names_.Find(expr.path[0]);
  for (std::size_t i = 1; i < expr.path.size() && found != nullptr; ++i) {
    const std::string& name = expr.path[i];
    if (const auto* map = std::get_if<Map>(&found->data)) {
      found = map->Find(name);
    } else if (const auto* list = std::get_if<List>(&found->data)) {
      std::size_t at = 0;
      bool number = !name.empty() && name.size() <= 9;
      for (const char c : name) {
        number = number && c >= '0' && c <= '9';
        at = at * 10 + static_cast<std::size_t>(c - '0');
      }
      found = number && at < list->size() ? &(*list)[at] : nullptr;
    } else {
      found = nullptr;
    }
  }
  return found;
}

std::optional<Value> Renderer::LookUp(const Expr& expr) {
  if (const Value* found = Find(expr)) return *found;
  if (undefined_ == Undefined::kCollect) {
    out_.undefined.push_back({expr.name, PlaceOf(source_, expr.at)});
    return Value();
  }
  return Fail(TemplateError::Kind::kUndefined, expr.at, "'" + expr.name + "' has no value", {},
              expr.name);
}

std::optional<Value> Renderer::Eval(const Expr& expr) {
  using Kind = Expr::Kind;
  if (expr.kind == Kind::kLiteral) return expr.literal;
  if (expr.kind == Kind::kLookup) return LookUp(expr);
  if (expr.kind == Kind::kFilter) return Filter(expr);
  if (expr.kind == Kind::kDefined) {
    return Value(expr.args[0].kind != Kind::kLookup || Find(expr.args[0]) != nullptr);
  }
  const auto left = Eval(expr.args[0]);
  if (!left) return std::nullopt;
  if (expr.kind == Kind::kNot) return Value(!IsTruthy(*left));
  if (expr.kind == Kind::kAnd && !IsTruthy(*left)) return left;
  if (expr.kind == Kind::kOr && IsTruthy(*left)) return left;
  const auto right = Eval(expr.args[1]);
  if (!right) return std::nullopt;
  if (expr.kind == Kind::kEqual) return Value(*left == *right);
  if (expr.kind == Kind::kNotEqual) return Value(!(*left == *right));
  return right;
}

std::optional<Value> Renderer::Filter(const Expr& expr) {
  if (expr.name == "default") {
    const Expr& input = expr.args[0];
    const bool missing = input.kind == Expr::Kind::kLookup && Find(input) == nullptr;
    return Eval(missing ? expr.args[1] : input);
  }
  const auto input = Eval(expr.args[0]);
  if (!input) return std::nullopt;
  if (expr.name == "tojson") return Value(JsonOf(*input));
  if (expr.name == "join") return JoinList(expr, *input);
  if (expr.name == "length") {
    const auto length = LengthOf(*input);
    if (length) return Value(*length);
    return Fail(TemplateError::Kind::kValue, expr.at, "'length' needs a text, a list or a map");
  }
  std::string text = TextOf(*input);
  if (expr.name == "shell_quote") return Value(ShellQuote(text));
  if (expr.name == "trim") return Value(Trim(text));
  std::transform(text.begin(), text.end(), text.begin(), expr.name == "upper" ? Upper : Lower);
  return Value(std::move(text));
}

std::optional<Value> Renderer::JoinList(const Expr& expr, const Value& input) {
  const auto* list = std::get_if<List>(&input.data);
  if (list == nullptr) {
    return Fail(TemplateError::Kind::kValue, expr.at, "'join' needs a list");
  }
  std::string between;
  if (expr.args.size() > 1) {
    const auto given = Eval(expr.args[1]);
    if (!given) return std::nullopt;
    between = TextOf(*given);
  }
  std::string joined;
  for (const Value& item : *list) {
    if (&item != &list->front()) joined += between;
    joined += TextOf(item);
    if (joined.size() > kMaxRenderedSize.bytes()) {
      return Fail(TemplateError::Kind::kLimit, expr.at, "the joined text is too long");
    }
  }
  return Value(std::move(joined));
}

}  // namespace

tl::expected<Rendered, TemplateError> Render(std::string_view source, const Map& names,
                                             Undefined undefined) {
  auto pieces = ParseTemplate(source);
  if (!pieces) return tl::unexpected(std::move(pieces).error());
  return Renderer(source, names, undefined).Run(*pieces);
}

}  // namespace fabro::templates
