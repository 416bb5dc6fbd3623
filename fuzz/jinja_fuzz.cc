#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
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
    const pilotfish::RenderedChat prompt = chat.render_chat(
        {{"system", "Be brief."},
         {"user", "Grüße 🐟"},
         {"assistant", std::nullopt,
          R"([{"id": "abcdefgh1", "function": {"name": "f",
               "arguments": {"a": [null, "x"]}}},
              {"function": {"name": "g",
               "arguments": "{\"b\": 18446744073709551616}"}}])"},
         {"tool", "42", "", R"({"tool_call_id": "abcdefgh1"})"}},
        options);
    // Ranges in order, none empty, none touching another.
    size_t end = 0;
    for (const pilotfish::TextRange& range : prompt.content) {
      const bool first = &range == &prompt.content.front();
      if (range.begin >= range.end || range.end > prompt.text.size() ||
          (!first && range.begin <= end)) {
        std::abort();
      }
      end = range.end;
    }
  } catch (const pilotfish::Error&) {
    // The way to refuse a template.
  }
  return 0;
}
