# pilotfish_parts(TARGET COUNT): where CMAKE_UNITY_BUILD is on, as in a release,
# TARGET is compiled as COUNT files that include its sources. Most of a small
# file's time goes into headers, and this way they are read COUNT times. Sources
# must then not define the same name, not even in an unnamed namespace. Each
# still includes what it needs: `make clang` and `make sanitize` compile them
# one by one.
function(pilotfish_parts target count)
  get_target_property(sources ${target} SOURCES)
  list(FILTER sources INCLUDE REGEX "\\.cc$")
  list(LENGTH sources length)
  math(EXPR batch "(${length} + ${count} - 1) / ${count}")
  set_target_properties(${target} PROPERTIES UNITY_BUILD_BATCH_SIZE ${batch})
endfunction()
