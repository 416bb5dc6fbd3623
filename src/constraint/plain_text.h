#ifndef PILOTFISH_CONSTRAINT_PLAIN_TEXT_H_
#define PILOTFISH_CONSTRAINT_PLAIN_TEXT_H_

#include <vector>

#include "constraint/transition_table.h"

namespace pilotfish {

// One plain character, which stands for itself in a JSON string: no quote, no
// backslash, no control character. Accepting states read nothing more, and
// nothing leads back to the start.
const TransitionTable& plain_character();

// The states of a table behind which any number of plain characters can come,
// whichever they are, over edges of bytes and no accepting state.
std::vector<char> plain_text_states(const TransitionTable& table);

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_PLAIN_TEXT_H_
