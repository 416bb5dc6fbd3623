#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pilotfish/chat_template.h"
#include "pilotfish/error.h"

// A template from a stranger, and one conversation that has everything.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  try {
    const pilotfish::ChatTemplate chat(source, "<s>", "</s>");
    pilotfish::ChatOptions options;
    options.tools_json =
        R"([{"type": "function", "function": {"name": "f", "n": [1, 2.5]}}])";
    options.variables_json = R"({"date_string": "1 Jan 2025", "flag": true})";
    chat.render({{"system", "Be brief."},
                 {"user", "Grüße 🐟"},
                 {"assistant", "",
                  R"([{"id": "abcdefgh1", "function": {"name": "f",
                       "arguments": {"a": [null, "x"]}}}])"},
                 {"tool", "42", "", R"({"tool_call_id": "abcdefgh1"})"}},
                options);
  } catch (const pilotfish::Error&) {
    // The way to refuse a template.
  }
  return 0;
}
