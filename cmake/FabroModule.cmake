# fabro_module(NAME SRCS … [DEPS …] [LIBS …] [TESTS …] [KERNEL_TESTS …] [THREADED] [PLAIN] [O1])
#
# One room of src/fabro = one library `fabro_NAME`, and its tests:
#   TESTS         pure or cheap, built and run in the `dev` preset (ASan, UBSan); program NAME_test
#   KERNEL_TESTS  need namespaces, cgroups or real guests; run in `release`; program NAME_kernel_test
#   THREADED      the unit tests are built and run in the `tsan` preset too
#   PLAIN         never sanitized (code that runs between clone and exec, or is linked statically)
#   O1            parsers: -O1 also in `dev`, so that the sanitizers' cost stays bearable
# DEPS name other rooms; LIBS are link names of system libraries.
# A room that is header-only gives no SRCS.

function(_fabro_test target label srcs libs)
  add_executable(${target} ${srcs})
  target_link_libraries(${target} PRIVATE ${libs} fabro_options fabro_sanitize GTest::gmock
                        GTest::gtest_main)
  add_dependencies(tests ${target})
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES LABELS "${label}" SKIP_RETURN_CODE 77)
endfunction()

function(_fabro_wants out kind threaded)
  set(wants FALSE)
  if(FABRO_TESTS STREQUAL "all" OR FABRO_TESTS STREQUAL kind)
    set(wants TRUE)
  elseif(FABRO_TESTS STREQUAL "tsan" AND kind STREQUAL "unit" AND threaded)
    set(wants TRUE)
  endif()
  set(${out} ${wants} PARENT_SCOPE)
endfunction()

function(fabro_module name)
  cmake_parse_arguments(M "THREADED;PLAIN;O1" "" "SRCS;DEPS;LIBS;TESTS;KERNEL_TESTS" ${ARGN})
  set(lib fabro_${name})
  list(TRANSFORM M_DEPS PREPEND fabro_)
  if(M_SRCS)
    add_library(${lib} STATIC ${M_SRCS})
    target_link_libraries(${lib} PUBLIC ${M_DEPS} ${M_LIBS} PRIVATE fabro_options)
    target_include_directories(${lib} PUBLIC "${CMAKE_SOURCE_DIR}/src")
    if(NOT M_PLAIN)
      target_link_libraries(${lib} PRIVATE fabro_sanitize)
    endif()
    if(M_O1 AND CMAKE_BUILD_TYPE STREQUAL "Debug")
      target_compile_options(${lib} PRIVATE -O1)
    endif()
  else()
    add_library(${lib} INTERFACE)
    target_link_libraries(${lib} INTERFACE ${M_DEPS} ${M_LIBS})
    target_include_directories(${lib} INTERFACE "${CMAKE_SOURCE_DIR}/src")
  endif()
  _fabro_wants(unit "unit" "${M_THREADED}")
  if(M_TESTS AND unit)
    _fabro_test(${name}_test "unit;${name}" "${M_TESTS}" "${lib}")
  endif()
  _fabro_wants(kernel "kernel" FALSE)
  if(M_KERNEL_TESTS AND kernel)
    _fabro_test(${name}_kernel_test "kernel;${name}" "${M_KERNEL_TESTS}" "${lib}")
    set_tests_properties(${name}_kernel_test PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()

# fabro_program(NAME SRCS … DEPS … [STATIC]): a program in bin/. STATIC ones are never sanitized.
function(fabro_program name)
  cmake_parse_arguments(P "STATIC" "" "SRCS;DEPS;LIBS" ${ARGN})
  list(TRANSFORM P_DEPS PREPEND fabro_)
  add_executable(${name} ${P_SRCS})
  target_link_libraries(${name} PRIVATE ${P_DEPS} ${P_LIBS} fabro_options)
  add_dependencies(programs ${name})
  if(P_STATIC)
    target_link_options(${name} PRIVATE -static)
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${name} PRIVATE -fno-pie)
    target_link_options(${name} PRIVATE -no-pie)
  else()
    target_link_libraries(${name} PRIVATE fabro_sanitize)
  endif()
endfunction()

# fabro_fuzz(NAME SRC DEPS … CORPUS dir): a libFuzzer program in the `fuzz` preset; everywhere else
# the same entry point replays the committed corpus as a unit test.
function(fabro_fuzz name)
  cmake_parse_arguments(F "" "CORPUS" "SRCS;DEPS;LIBS" ${ARGN})
  list(TRANSFORM F_DEPS PREPEND fabro_)
  if(FABRO_FUZZ)
    add_executable(fuzz_${name} ${F_SRCS})
    target_link_libraries(fuzz_${name} PRIVATE ${F_DEPS} ${F_LIBS} fabro_options fabro_sanitize)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers fuzz_${name})
  else()
    _fabro_wants(unit "unit" FALSE)
    if(unit)
      add_executable(fuzz_${name}_replay ${F_SRCS}
                     "${CMAKE_SOURCE_DIR}/tests/support/corpus_replay.cc")
      target_link_libraries(fuzz_${name}_replay PRIVATE ${F_DEPS} ${F_LIBS} fabro_options
                            fabro_sanitize GTest::gtest)
      add_dependencies(tests fuzz_${name}_replay)
      add_test(NAME fuzz_${name}_replay
               COMMAND fuzz_${name}_replay "${F_CORPUS}")
      set_tests_properties(fuzz_${name}_replay PROPERTIES LABELS "unit;fuzz")
    endif()
  endif()
endfunction()
