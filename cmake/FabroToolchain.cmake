# Language level, warnings, hardening, linker and compiler cache: the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON)  # TRY is a statement expression.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_program(FABRO_CCACHE ccache)
if(FABRO_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER "${FABRO_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${FABRO_CCACHE}")
endif()
find_program(FABRO_MOLD mold)
if(FABRO_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# fabro_options carries the flags; fabro_sanitize those that static guest-side programs must not have.
add_library(fabro_options INTERFACE)
target_include_directories(fabro_options INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_compile_options(fabro_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                       -Wunused-result -Wno-gnu-statement-expression)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(fabro_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-pedantic>)
endif()
if(FABRO_WERROR)
  target_compile_options(fabro_options INTERFACE -Werror)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(fabro_options INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
                         -D_GLIBCXX_ASSERTIONS -fstack-protector-strong)
  target_link_options(fabro_options INTERFACE -Wl,-z,relro,-z,now)
endif()

add_library(fabro_sanitize INTERFACE)
if(FABRO_SANITIZE)
  target_compile_options(fabro_sanitize INTERFACE -fsanitize=${FABRO_SANITIZE}
                         -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(fabro_sanitize INTERFACE -fsanitize=${FABRO_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND FABRO_SANITIZE STREQUAL "thread")
    # Optimised and instrumented code confuses that warning (gcc(1), -fsanitize); the release build has it.
    target_compile_options(fabro_sanitize INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
if(FABRO_FUZZ)
  target_compile_options(fabro_sanitize INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
if(NOT FABRO_TESTS STREQUAL "none")
  find_package(GTest REQUIRED)
endif()
