# `make package`: all that `cmake --install` puts in place, as a Debian package
# for /usr, with the systemd unit of deploy/. The program's dependencies are
# found by dpkg-shlibdeps.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pilotfish)
set(CPACK_PACKAGE_CONTACT "pilotfish maintainers <maintainers@pilotfish.invalid>")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# For programs of one's own on the library.
string(JOIN ", " CPACK_DEBIAN_PACKAGE_SUGGESTS
  g++ cmake pkg-config nlohmann-json3-dev libfmt-dev libgmp-dev libpcre2-dev
  libutf8proc-dev)
string(JOIN "\n" CPACK_DEBIAN_PACKAGE_DESCRIPTION
  "pilotfish generates text with Llama, Mistral and Qwen models on the"
  "processor, speculatively: a small model drafts what the large one then"
  "checks in one pass, and the text has the large one's own distribution."
  "The package has the program with its HTTP server, a unit for systemd, the"
  "library, and a small pair of models to try it with.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/deploy/debian/postinst
    ${PROJECT_SOURCE_DIR}/deploy/debian/prerm
    ${PROJECT_SOURCE_DIR}/deploy/debian/postrm)

# The unit names /usr/bin, so that it belongs to the package alone.
install(FILES deploy/pilotfish.service DESTINATION lib/systemd/system
        COMPONENT package EXCLUDE_FROM_ALL)
install(FILES LICENSE DESTINATION share/doc/pilotfish RENAME copyright
        COMPONENT package EXCLUDE_FROM_ALL)
set(CPACK_INSTALL_CMAKE_PROJECTS
    ${PROJECT_BINARY_DIR} pilotfish ALL /
    ${PROJECT_BINARY_DIR} pilotfish package /)
include(CPack)
