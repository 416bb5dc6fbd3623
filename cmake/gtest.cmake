# pilotfish_gtest(TARGET): makes an executable a GoogleTest program, registered
# with CTest. GoogleMock's headers take seconds to parse, so all tests share them
# precompiled; and -O1 compiles a test in two thirds of -O3's time.
find_package(GTest REQUIRED)
include(GoogleTest)

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
  target_link_libraries(${target} PRIVATE pilotfish_testing)
  target_precompile_headers(${target} REUSE_FROM pilotfish_testing)
  # Tests of one program define the same names.
  set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
  gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT ${PILOTFISH_TEST_TIMEOUT})
endfunction()
