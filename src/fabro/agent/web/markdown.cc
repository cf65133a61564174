#include "fabro/agent/web/markdown.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "fabro/agent/tools/output.h"

namespace fabro::agent {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string Encode(std::uint32_t code) {
  if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return "\uFFFD";
  std::string text;
  const auto put = [&](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0U | (code >> 6U));
    put(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0U | (code >> 12U));
    put(0x80U | ((code >> 6U) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  } else {
    put(0xF0U | (code >> 18U));
    put(0x80U | ((code >> 12U) & 0x3FU));
    put(0x80U | ((code >> 6U) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  }
  return text;
}

// The entity at the start ("&amp;", "&#8364;"), and how long it is; 0: it is none.
std::pair<std::string, std::size_t> Entity(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kNamed{
      {{"amp", "&"},
       {"lt", "<"},
       {"gt", ">"},
       {"quot", "\""},
       {"apos", "'"},
       {"nbsp", " "},
       {"mdash", "\u2014"},
       {"ndash", "\u2013"},
       {"hellip", "\u2026"}}};
  const std::size_t end = text.substr(0, 12).find(';');
  if (end == std::string_view::npos || end < 2) return {{}, 0};
  std::string_view name = text.substr(1, end - 1);
  for (const auto& [known, value] : kNamed) {
    if (name == known) return {std::string(value), end + 1};
  }
  if (name.front() != '#') return {{}, 0};
  name.remove_prefix(1);
  int base = 10;
  if (!name.empty() && Lower(name.front()) == 'x') {
    base = 16;
    name.remove_prefix(1);
  }
  std::uint32_t code = 0;
  const auto [stopped, error] = std::from_chars(name.data(), name.data() + name.size(), code, base);
  if (error != std::errc() || stopped != name.data() + name.size()) return {{}, 0};
  return {Encode(code), end + 1};
}

class Page {
 public:
  explicit Page(std::string_view html) : rest_(html) {}

  std::string Read() {
    while (!rest_.empty()) {
      if (rest_.front() == '<') {
        Markup();
      } else {
        Text();
      }
    }
    while (!out_.empty() && IsBlank(out_.back())) out_.pop_back();
    return out_ + "\n";
  }

 private:
  void Text() {
    const std::size_t end = std::min(rest_.find('<'), rest_.size());
    std::string_view text = rest_.substr(0, end);
    while (!text.empty()) {
      if (text.front() == '&') {
        const auto [value, length] = Entity(text);
        if (length > 0) {
          out_ += value;
          text.remove_prefix(length);
          continue;
        }
      }
      if (!IsBlank(text.front()) || preformatted_) {
        out_.push_back(text.front());
      } else if (!out_.empty() && !IsBlank(out_.back())) {
        out_.push_back(' ');
      }
      text.remove_prefix(1);
    }
    rest_.remove_prefix(end);
  }

  void Markup() {
    if (rest_.starts_with("<!--")) return SkipPast("-->");
    const std::size_t end = rest_.find('>');
    // A lone "<" is text.
    if (end == std::string_view::npos || rest_.size() < 2 || IsBlank(rest_[1])) {
      out_.push_back('<');
      rest_.remove_prefix(1);
      return;
    }
    std::string_view tag = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    const bool closing = tag.starts_with('/');
    if (closing) tag.remove_prefix(1);
    std::string name;
    for (const char c : tag) {
      if (IsBlank(c) || c == '/') break;
      name.push_back(Lower(c));
    }
    Apply(name, closing, tag);
  }

  void Apply(const std::string& name, bool closing, std::string_view tag) {
    for (const std::string_view silent :
         {"script", "style", "noscript", "template", "svg", "head", "iframe"}) {
      if (name == silent && !closing) return SkipPast("</" + name);
    }
    if (name.size() == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6') {
      Block();
      if (!closing) out_ += std::string(static_cast<std::size_t>(name[1] - '0'), '#') + " ";
    } else if (name == "li") {
      if (!closing) {
        NewLine();
        out_ += "- ";
      }
    } else if (name == "br") {
      NewLine();
    } else if (name == "pre") {
      Block();
      out_ += "```\n";
      preformatted_ = !closing;
      if (closing) Block();
    } else if (name == "code" && !preformatted_) {
      out_ += '`';
    } else if (name == "a") {
      Link(closing, tag);
    } else if (name == "td" || name == "th") {
      if (closing) out_ += " | ";
    } else {
      for (const std::string_view block : {"p", "div", "section", "article", "ul", "ol", "table",
                                           "tr", "blockquote", "header", "footer", "main"}) {
        if (name == block) Block();
      }
    }
  }

  void Link(bool closing, std::string_view tag) {
    if (closing) {
      if (!link_.empty()) out_ += "](" + std::exchange(link_, {}) + ")";
      return;
    }
    if (!link_.empty()) return;  // Links do not nest.
    const std::size_t at = tag.find("href=");
    if (at == std::string_view::npos) return;
    std::string_view value = tag.substr(at + 5);
    const char quote = value.empty() ? '\0' : value.front();
    if (quote != '"' && quote != '\'') return;
    value.remove_prefix(1);
    link_ = value.substr(0, std::min(value.find(quote), value.size()));
    if (!link_.empty()) out_ += '[';
  }

  void NewLine() {
    while (!out_.empty() && (out_.back() == ' ' || out_.back() == '\t')) out_.pop_back();
    if (!out_.empty() && out_.back() != '\n') out_ += '\n';
  }
  void Block() {
    NewLine();
    if (!out_.empty() && !out_.ends_with("\n\n")) out_ += '\n';
  }
  // Case does not matter; at the end of an element, its tag is left out too.
  void SkipPast(std::string_view end) {
    for (std::size_t at = 0; at + end.size() <= rest_.size(); ++at) {
      bool same = true;
      for (std::size_t i = 0; same && i < end.size(); ++i) same = Lower(rest_[at + i]) == end[i];
      if (!same) continue;
      rest_.remove_prefix(at + end.size());
      if (end.starts_with("</")) {
        const std::size_t close = rest_.find('>');
        rest_.remove_prefix(close == std::string_view::npos ? rest_.size() : close + 1);
      }
      return;
    }
    rest_ = {};
  }

  std::string_view rest_;
  std::string out_;
  std::string link_;
  bool preformatted_ = false;
};

}  // namespace

std::string MarkdownOf(std::string_view html) { return ToUtf8(Page(html).Read()); }

}  // namespace fabro::agent
