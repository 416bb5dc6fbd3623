#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "formats/json.h"
#include "model/config.h"
#include "one_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, size_t size) {
  using namespace pilotfish;
  allow_one_line_errors([&] {
    const nlohmann::json json = parse_json_object(
        {reinterpret_cast<const char*>(data), size}, "config.json");
    // generation_config.json shares the keys that it can have.
    const ModelConfig config = config_from_json(json, json, "config.json");
    if (config.parameters() <= 0) std::abort();
  });
  return 0;
}
