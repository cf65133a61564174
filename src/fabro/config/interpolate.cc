#include "fabro/config/interpolate.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace fabro::config {
namespace {

// A piece of a text: itself, or what stands between braces.
using Piece = std::variant<std::string, Reference>;

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<Reference> ParseReference(std::string_view text) {
  Reference reference;
  if (text.starts_with("env.")) {
    text.remove_prefix(4);
  } else if (text.starts_with("secrets.")) {
    reference.kind = Reference::Kind::kSecret;
    text.remove_prefix(8);
  } else {
    return std::nullopt;
  }
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!plain) return std::nullopt;
  reference.name = std::string(text);
  return reference;
}

Result<std::vector<Piece>> Split(std::string_view text) {
  std::vector<Piece> pieces;
  if (text.starts_with("${env.") && text.ends_with("}")) {  // Of the first version.
    auto old = ParseReference(text.substr(2, text.size() - 3));
    if (old) return std::vector<Piece>{*std::move(old)};
  }
  while (!text.empty()) {
    const std::size_t open = std::min(text.find("{{"), text.size());
    if (open > 0) pieces.emplace_back(std::string(text.substr(0, open)));
    text.remove_prefix(open);
    if (text.empty()) break;
    constexpr std::string_view kLiteral = "{{ '{{' }}";
    if (text.starts_with(kLiteral)) {
      pieces.emplace_back("{{");
      text.remove_prefix(kLiteral.size());
      continue;
    }
    const std::size_t close = text.find("}}");
    const std::string_view inside =
        close == std::string_view::npos ? std::string_view() : Trim(text.substr(2, close - 2));
    auto reference = ParseReference(inside);
    if (!reference) {
      // Not the text itself: it may hold a secret beside the braces.
      return Failure(Code::kInvalidArgument, "the braces hold no env.NAME or secrets.NAME",
                     "bad_reference", "write {{ '{{' }} where two braces are meant");
    }
    pieces.emplace_back(*std::move(reference));
    text.remove_prefix(close + 2);
  }
  return pieces;
}

std::string Written(const Reference& reference) {
  return (reference.kind == Reference::Kind::kEnv ? "env." : "secrets.") + reference.name;
}

}  // namespace

Result<std::vector<Reference>> ReferencesOf(std::string_view text) {
  const std::vector<Piece> pieces = TRY(Split(text));
  std::vector<Reference> references;
  for (const Piece& piece : pieces) {
    if (const auto* reference = std::get_if<Reference>(&piece)) references.push_back(*reference);
  }
  return references;
}

Result<std::string> Interpolate(std::string_view text, const std::string& field,
                                const Lookup& lookup) {
  const std::vector<Piece> pieces = TRY_IN(field, Split(text));
  std::string filled;
  for (const Piece& piece : pieces) {
    if (const auto* plain = std::get_if<std::string>(&piece)) {
      filled += *plain;
      continue;
    }
    const Reference& reference = std::get<Reference>(piece);
    const std::optional<std::string> value = TRY_IN(field, lookup(reference));
    if (!value) {
      const bool secret = reference.kind == Reference::Kind::kSecret;
      return Failure(Code::kFailedPrecondition,
                     field + ": {{ " + Written(reference) + " }} has no value", "reference_missing",
                     secret
                         ? "fabro secret set " + reference.name
                         : "set the variable " + reference.name + ", or put it into ~/.fabro/.env");
    }
    filled += *value;
  }
  return filled;
}

Status InterpolateAll(std::map<std::string, std::string>& texts, const std::string& field,
                      const Lookup& lookup) {
  for (auto& [name, text] : texts) {
    text = TRY(Interpolate(text, field + "." + name, lookup));
  }
  return {};
}

}  // namespace fabro::config
