# pilotfish_gtest(TARGET [PARTS n] [SHARDS n] [SECONDS n] [PROCESSORS n]): makes an
# executable a GoogleTest program, registered with CTest. GoogleMock's headers take
# seconds to parse, so all tests share them precompiled; and -O1 compiles a test
# in two thirds of -O3's time. PARTS: as in cmake/unity.cmake.
# CTest runs the program in SHARDS processes, each with its share of the tests,
# as a process per test would mostly start and stop. SECONDS: what a shard takes;
# the longest start first. PROCESSORS: how many a shard keeps busy. Threads that
# wait for each other take ten times as long beside another test.
# To run some tests, give the program a --gtest_filter, or set GTEST_FILTER for
# all programs.
find_package(GTest REQUIRED)

add_library(pilotfish_testing OBJECT ${PROJECT_SOURCE_DIR}/tests/source_dir.cc)
target_include_directories(pilotfish_testing PUBLIC ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(pilotfish_testing PUBLIC GTest::gmock GTest::gtest_main)
set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/source_dir.cc PROPERTIES
  COMPILE_DEFINITIONS PILOTFISH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_precompile_headers(pilotfish_testing PRIVATE
  <gmock/gmock.h> <gtest/gtest.h> <filesystem> <fstream> <sstream>)
# Compiled as the programs that use them are, or they would be of no use.
set_target_properties(pilotfish_testing PROPERTIES POSITION_INDEPENDENT_CODE OFF
  UNITY_BUILD OFF)
target_compile_options(pilotfish_testing PRIVATE -fPIE)
target_compile_options(pilotfish_testing PUBLIC $<$<CONFIG:Release>:-O1>)

function(pilotfish_gtest target)
  cmake_parse_arguments(ARG "" "PARTS;SHARDS;SECONDS;PROCESSORS" "" ${ARGN})
  foreach(number PARTS SHARDS SECONDS PROCESSORS)
    if(NOT ARG_${number})
      set(ARG_${number} 1)
    endif()
  endforeach()
  target_link_libraries(${target} PRIVATE pilotfish_testing)
  target_precompile_headers(${target} REUSE_FROM pilotfish_testing)
  pilotfish_parts(${target} ${ARG_PARTS})
  # Unnamed namespaces in a file that a part includes are no mistake.
  target_compile_options(${target} PRIVATE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)

  math(EXPR last "${ARG_SHARDS} - 1")
  foreach(shard RANGE ${last})
    set(name ${target})
    if(ARG_SHARDS GREATER 1)
      string(APPEND name ".${shard}")
    endif()
    add_test(NAME ${name} COMMAND ${target})
    set_tests_properties(${name} PROPERTIES
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${ARG_SHARDS};GTEST_SHARD_INDEX=${shard}"
      TIMEOUT ${PILOTFISH_TEST_TIMEOUT}
      COST ${ARG_SECONDS} PROCESSORS ${ARG_PROCESSORS})
  endforeach()
endfunction()
