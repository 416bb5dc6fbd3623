#include "lab/convert/json_file.h"

#include <nlohmann/json.hpp>

#include "formats/atomic_file.h"

namespace pilotfish {

void write_json(const std::filesystem::path& path,
                const nlohmann::ordered_json& value) {
  AtomicFile file(path);
  file.write(value.dump(2) + "\n");
  file.commit();
}

}  // namespace pilotfish
