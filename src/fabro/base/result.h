// Result<T>: a value or an Error, and dropping it is a compiler warning. Every function that can
// fail for a reason outside the code returns one; bugs abort (check.h); nothing throws.
#pragma once

#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

#include "fabro/base/error.h"

namespace fabro {

template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
  // A failure converts by itself: `return Failure(...)`.
  Result(Error error)
      : Base(tl::unexpect, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return this->has_value(); }
};

// Result<void> is "done" or an Error: `return {};` says done.
using Status = Result<void>;

namespace internal {
template <typename T>
T Unwrap(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}
}  // namespace internal

}  // namespace fabro

// TRY(f()) is the value of f(), or returns its Error from the enclosing function.
//
// It stands only as a whole statement or as the whole initialiser of a named variable; a lint holds
// that. gcc 12.2 leaks the members already built when an initialiser inside braces leaves the
// expression, so name the parts first, then build the value.
#define TRY(...)                                            \
  ({                                                        \
    auto fabro_try_result = (__VA_ARGS__);                  \
    if (!fabro_try_result.has_value()) [[unlikely]]         \
      return std::move(fabro_try_result).error();           \
    ::fabro::internal::Unwrap(std::move(fabro_try_result)); \
  })

// TRY with what was being done: TRY_IN("reading /x", Read(...)). Same places as TRY.
#define TRY_IN(what, ...)                                   \
  ({                                                        \
    auto fabro_try_result = (__VA_ARGS__);                  \
    if (!fabro_try_result.has_value()) [[unlikely]]         \
      return std::move(fabro_try_result).error().In(what);  \
    ::fabro::internal::Unwrap(std::move(fabro_try_result)); \
  })
