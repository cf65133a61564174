// Our own small binary form: little-endian numbers and length-counted strings. A reader never reads
// past its end: the first thing that does not fit makes it bad for good, and every later read gives
// zero, so that callers check once at the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace fabro {

class ByteWriter {
 public:
  void U8(std::uint8_t value) { Number(value, 1); }
  void U16(std::uint16_t value) { Number(value, 2); }
  void U32(std::uint32_t value) { Number(value, 4); }
  void U64(std::uint64_t value) { Number(value, 8); }
  void I32(std::int32_t value) { Number(static_cast<std::uint32_t>(value), 4); }
  void I64(std::int64_t value) { Number(static_cast<std::uint64_t>(value), 8); }
  void Bool(bool value) { Number(value ? 1 : 0, 1); }
  void Text(std::string_view text) {
    U32(static_cast<std::uint32_t>(text.size()));
    bytes_.append(text);
  }
  template <typename T, typename F>
  void Optional(const std::optional<T>& value, F write) {
    Bool(value.has_value());
    if (value.has_value()) write(*value);
  }
  template <typename C, typename F>
  void List(const C& items, F write) {
    U32(static_cast<std::uint32_t>(items.size()));
    for (const auto& item : items) write(item);
  }

  std::string Take() { return std::move(bytes_); }

 private:
  void Number(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bytes_.push_back(static_cast<char>(value >> (8 * i)));
  }

  std::string bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t U8() { return static_cast<std::uint8_t>(Number(1)); }
  std::uint16_t U16() { return static_cast<std::uint16_t>(Number(2)); }
  std::uint32_t U32() { return static_cast<std::uint32_t>(Number(4)); }
  std::uint64_t U64() { return Number(8); }
  std::int32_t I32() { return static_cast<std::int32_t>(U32()); }
  std::int64_t I64() { return static_cast<std::int64_t>(Number(8)); }
  // Only 0 and 1 are booleans.
  bool Bool() {
    const std::uint64_t value = Number(1);
    if (value > 1) Fail();
    return value == 1;
  }
  // Longer than `most` is bad.
  std::string Text(std::size_t most) {
    const std::uint32_t size = U32();
    if (size > most || size > rest_.size()) {
      Fail();
      return {};
    }
    std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return text;
  }
  // The number of items of a list; more than `most`, or than bytes are left, is bad.
  std::uint32_t Count(std::uint32_t most) {
    const std::uint32_t count = U32();
    if (count > most || count > rest_.size()) {
      Fail();
      return 0;
    }
    return count;
  }
  // A value of an enumeration whose last one is `last`.
  template <typename E>
  E Enum(E last) {
    const std::uint8_t value = U8();
    if (value > static_cast<std::uint8_t>(last)) {
      Fail();
      return E{};
    }
    return static_cast<E>(value);
  }

  void Fail() {
    bad_ = true;
    rest_ = {};
  }
  // Everything was there, and nothing is left over.
  bool Complete() const { return !bad_ && rest_.empty(); }
  bool bad() const { return bad_; }

 private:
  std::uint64_t Number(std::size_t bytes) {
    if (rest_.size() < bytes) {
      Fail();
      return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value |= std::uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
    }
    rest_.remove_prefix(bytes);
    return value;
  }

  std::string_view rest_;
  bool bad_ = false;
};

}  // namespace fabro
