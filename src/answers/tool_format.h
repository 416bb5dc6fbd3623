#ifndef PILOTFISH_ANSWERS_TOOL_FORMAT_H_
#define PILOTFISH_ANSWERS_TOOL_FORMAT_H_

#include <array>
#include <string_view>

namespace pilotfish {

// How a family of models writes calls of tools. A call is
//
//   opening NAME behind_name ARGUMENTS behind_arguments
//
// and another one follows behind `again`, which ends where its name begins.
struct ToolFormat {
  enum class Arguments {
    kJson,    // an object
    kTagged,  // <parameter=KEY>\nVALUE\n</parameter>\n for each member
  };
  // Empty texts at the end are none.
  using Texts = std::array<std::string_view, 5>;

  std::string_view name;
  // A template speaks this format if all of these stand in it.
  Texts signs;
  // Special tokens, if the model has them as such, in the texts below.
  Texts marks = {};

  // What announces calls behind a text: every opening begins with it. Empty:
  // nothing does, an answer calls at its very beginning or not at all, and it
  // is a call from behind_name on.
  std::string_view trigger = {};
  // What may stand in front of the first call's name.
  Texts openings;
  std::string_view behind_name;
  std::string_view behind_arguments = {};
  // Empty: an answer has one call at most.
  std::string_view again = {};
  std::string_view close = {};  // behind the last call

  // In front of a text, which is dropped; empty: nothing.
  std::string_view before_text = {};
  // The prompt may end with the trigger, so that an answer goes on behind it.
  bool opened_by_prompt = false;
  Arguments arguments = Arguments::kJson;
  // `, "id": "..."` may follow the arguments, of 9 letters and digits; ids in
  // the conversation have to be such.
  bool has_short_ids = false;
  bool in_template = true;  // else the prompt has to explain it
};

// The format that a chat template shows; the general one where it shows none.
const ToolFormat& tool_format_of(std::string_view chat_template);

}  // namespace pilotfish

#endif  // PILOTFISH_ANSWERS_TOOL_FORMAT_H_
