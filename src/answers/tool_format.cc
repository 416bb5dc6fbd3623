#include "answers/tool_format.h"

#include <algorithm>
#include <iterator>

namespace pilotfish {
namespace {

// The first that a template speaks counts: formats that others resemble come
// first, and the general one, which all speak, is the last.
constexpr ToolFormat kFormats[] = {
    {
        .name = "qwen3-coder",
        .signs = {"<function=", "<parameter=", "<tool_call>"},
        .marks = {"<tool_call>", "</tool_call>"},
        .trigger = "<tool_call>",
        .openings = {"<tool_call>\n<function="},
        .behind_name = ">\n",
        .behind_arguments = "</function>\n</tool_call>",
        .again = "\n<tool_call>\n<function=",
        .arguments = ToolFormat::Arguments::kTagged,
    },
    {
        .name = "hermes",
        .signs = {"<tool_call>"},
        .marks = {"<tool_call>", "</tool_call>"},
        .trigger = "<tool_call>",
        .openings = {"<tool_call>\n{\"name\": \""},
        .behind_name = "\", \"arguments\": ",
        .behind_arguments = "}\n</tool_call>",
        .again = "\n<tool_call>\n{\"name\": \"",
    },
    {
        // Tekken tokenizers from version 11 on.
        .name = "mistral-args",
        .signs = {"[TOOL_CALLS]", "[ARGS]"},
        .marks = {"[TOOL_CALLS]", "[ARGS]"},
        .trigger = "[TOOL_CALLS]",
        .openings = {"[TOOL_CALLS]"},
        .behind_name = "[ARGS]",
        .again = "[TOOL_CALLS]",
        .has_short_ids = true,
    },
    {
        .name = "mistral",
        .signs = {"[TOOL_CALLS]"},
        .marks = {"[TOOL_CALLS]"},
        .trigger = "[TOOL_CALLS]",
        // Templates put a blank there or not; so do models.
        .openings = {"[TOOL_CALLS][{\"name\": \"",
                     "[TOOL_CALLS] [{\"name\": \""},
        .behind_name = "\", \"arguments\": ",
        .behind_arguments = "}",
        .again = ", {\"name\": \"",
        .close = "]",
        .has_short_ids = true,
    },
    {
        // V3 and R1.
        .name = "deepseek",
        .signs = {"<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>", "```json"},
        .marks = {"<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>",
                  "<｜tool▁sep｜>", "<｜tool▁call▁end｜>",
                  "<｜tool▁calls▁end｜>"},
        .trigger = "<｜tool▁calls▁begin｜>",
        .openings = {"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function"
                     "<｜tool▁sep｜>"},
        .behind_name = "\n```json\n",
        .behind_arguments = "\n```<｜tool▁call▁end｜>",
        .again = "\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
        .close = "<｜tool▁calls▁end｜>",
    },
    {
        .name = "deepseek-v3.1",
        .signs = {"<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>"},
        .marks = {"<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>",
                  "<｜tool▁sep｜>", "<｜tool▁call▁end｜>",
                  "<｜tool▁calls▁end｜>"},
        .trigger = "<｜tool▁calls▁begin｜>",
        .openings = {"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>"},
        .behind_name = "<｜tool▁sep｜>",
        .behind_arguments = "<｜tool▁call▁end｜>",
        .again = "<｜tool▁call▁begin｜>",
        .close = "<｜tool▁calls▁end｜>",
    },
    {
        .name = "functionary-v3.2",
        .signs = {">>>all"},
        .trigger = ">>>",
        .openings = {">>>"},
        .behind_name = "\n",
        .again = ">>>",
        .before_text = "all\n",
        .opened_by_prompt = true,
    },
    {
        .name = "functionary-v3.1",
        .signs = {"<function=", "</function>"},
        .trigger = "<function=",
        .openings = {"<function="},
        .behind_name = ">",
        .behind_arguments = "</function>",
        .again = "<function=",
    },
    {
        // 3.1 to 3.3. Whether the token comes in front depends on what the
        // system message says of its surroundings.
        .name = "llama3",
        .signs = {"<|start_header_id|>", "\"parameters\": "},
        .marks = {"<|python_tag|>"},
        .openings = {"{\"name\": \"", "<|python_tag|>{\"name\": \"",
                     "{\"type\": \"function\", \"name\": \"",
                     "<|python_tag|>{\"type\": \"function\", "
                     "\"name\": \""},
        .behind_name = "\", \"parameters\": ",
        .behind_arguments = "}",
    },
    {
        .name = "general",
        .signs = {},
        .trigger = "<tool_call>",
        .openings = {"<tool_call>\n{\"name\": \""},
        .behind_name = "\", \"arguments\": ",
        .behind_arguments = "}\n</tool_call>",
        .again = "\n<tool_call>\n{\"name\": \"",
        .in_template = false,
    },
};

}  // namespace

const ToolFormat& tool_format_of(std::string_view chat_template) {
  for (const ToolFormat& format : kFormats) {
    if (std::ranges::all_of(format.signs, [&](std::string_view sign) {
          return chat_template.find(sign) != std::string_view::npos;
        })) {
      return format;
    }
  }
  return *std::prev(std::end(kFormats));
}

}  // namespace pilotfish
