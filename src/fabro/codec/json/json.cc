#include "fabro/codec/json/json.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace fabro::codec {
namespace {

constexpr std::size_t kMaxDepth = 256;

// Builds the value while the library reads: no second tree, and the depth is watched as it grows.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return Add(model::Json()); }
  bool boolean(bool value) override { return Add(model::Json(value)); }
  bool number_integer(number_integer_t value) override { return Add(model::Json(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      return Add(model::Json(static_cast<double>(value)));
    }
    return Add(model::Json(static_cast<std::int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override {
    return Add(model::Json(value));
  }
  bool string(string_t& value) override { return Add(model::Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return Open(model::Json::MakeObject()); }
  bool key(string_t& value) override {
    open_.back().key = std::move(value);
    return true;
  }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(model::Json::MakeArray()); }
  bool end_array() override { return Close(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    error_at_ = position;
    return false;
  }

  bool too_deep() const { return too_deep_; }
  std::size_t error_at() const { return error_at_; }
  model::Json Take() { return std::move(root_); }

 private:
  struct Level {
    model::Json value;
    std::string key;  // Of the member being read, when `value` is an object.
  };

  bool Open(model::Json empty) {
    if (open_.size() == kMaxDepth) {
      too_deep_ = true;
      return false;
    }
    open_.push_back({std::move(empty), {}});
    return true;
  }
  bool Close() {
    model::Json done = std::move(open_.back().value);
    open_.pop_back();
    return Add(std::move(done));
  }
  bool Add(model::Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().value.Items() != nullptr) {
      open_.back().value.Push(std::move(value));
    } else {
      open_.back().value.Set(open_.back().key, std::move(value));
    }
    return true;
  }

  std::vector<Level> open_;
  model::Json root_;
  std::size_t error_at_ = 0;
  bool too_deep_ = false;
};

}  // namespace

Result<model::Json> ParseJson(std::string_view text) {
  Builder builder;
  if (nlohmann::json::sax_parse(text, &builder)) return builder.Take();
  if (builder.too_deep()) {
    return Failure(Code::kInvalidArgument, "JSON nested deeper than 256", "json_too_deep");
  }
  return Failure(Code::kInvalidArgument,
                 "no valid JSON at byte " + std::to_string(builder.error_at()), "json_syntax");
}

}  // namespace fabro::codec
