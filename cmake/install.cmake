# `cmake --install`: the program, the library with its headers, a CMake package
# (find_package(pilotfish), then link pilotfish::pilotfish), and the models that
# come with it; a file for pkg-config, the licence and the examples.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pilotfish)

install(TARGETS pilotfish_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS pilotfish EXPORT pilotfishTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/pilotfish DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT pilotfishTargets NAMESPACE pilotfish::
        DESTINATION ${package_dir})
if(EXISTS ${PROJECT_SOURCE_DIR}/models)
  install(DIRECTORY models DESTINATION ${CMAKE_INSTALL_DATADIR}/pilotfish)
endif()

configure_package_config_file(
  cmake/pilotfishConfig.cmake.in ${PROJECT_BINARY_DIR}/pilotfishConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/pilotfishConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pilotfishConfig.cmake
              ${PROJECT_BINARY_DIR}/pilotfishConfigVersion.cmake
        DESTINATION ${package_dir})

# The paths in it are relative to where it lies, so that an installation may be
# moved, and `cmake --install --prefix` is obeyed.
file(RELATIVE_PATH prefix_from_pkgconfig
     ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
list(JOIN PILOTFISH_LINK_FLAGS " " link_flags)
configure_file(cmake/pilotfish.pc.in ${PROJECT_BINARY_DIR}/pilotfish.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pilotfish.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
        PATTERN "__pycache__" EXCLUDE)

# Manual pages and completions, printed by the program itself.
set(shell_files ${PROJECT_BINARY_DIR}/shell_files)
set(bash ${shell_files}/bash-completion/completions/pilotfish)
set(zsh ${shell_files}/zsh/site-functions/_pilotfish)
set(fish ${shell_files}/fish/vendor_completions.d/pilotfish.fish)
foreach(file ${bash} ${zsh} ${fish} ${shell_files}/man/man1/pilotfish.1)
  cmake_path(GET file PARENT_PATH folder)
  file(MAKE_DIRECTORY ${folder})
endforeach()
add_custom_command(
  OUTPUT ${bash} ${zsh} ${fish} ${shell_files}/man/man1/pilotfish.1
  COMMAND pilotfish_cli completion bash > ${bash}
  COMMAND pilotfish_cli completion zsh > ${zsh}
  COMMAND pilotfish_cli completion fish > ${fish}
  COMMAND pilotfish_cli man -o ${shell_files}/man/man1
  DEPENDS pilotfish_cli
  VERBATIM)
add_custom_target(shell_files ALL DEPENDS ${bash})
install(DIRECTORY ${shell_files}/ DESTINATION ${CMAKE_INSTALL_DATADIR})
