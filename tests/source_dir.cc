#include "source_dir.h"

namespace pilotfish::test {

std::filesystem::path source_dir() { return PILOTFISH_SOURCE_DIR; }

}  // namespace pilotfish::test
