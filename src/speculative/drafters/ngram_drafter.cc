#include "speculative/drafters/ngram_drafter.h"

#include <algorithm>
#include <utility>

#include "speculative/drafters/copied_draft.h"

namespace pilotfish {
namespace {

// How many tokens before `end` are the text's last ones, at most `most`.
std::int64_t match_length(std::span<const Token> text, std::int64_t end,
                          std::int64_t most) {
  const std::int64_t size = std::ssize(text);
  std::int64_t length = 0;
  while (length < std::min(most, end) &&
         text[static_cast<size_t>(end - 1 - length)] ==
             text[static_cast<size_t>(size - 1 - length)]) {
    ++length;
  }
  return length;
}

// Where the longest match ends, the latest among equals; 0: there is none.
std::int64_t find_match(std::span<const Token> text) {
  std::int64_t best = 0;
  std::int64_t longest = NgramDrafter::kShortest - 1;
  for (std::int64_t end = std::ssize(text) - 1; end > longest; --end) {
    const std::int64_t length = match_length(text, end, NgramDrafter::kLongest);
    if (length <= longest) continue;
    best = end;
    longest = length;
    if (longest == NgramDrafter::kLongest) break;
  }
  return best;
}

}  // namespace

std::vector<Draft> NgramDrafter::propose(
    std::span<const DraftRequest> requests) {
  std::vector<Draft> drafts(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].length == 0) continue;
    const Sequence& sequence = *requests[i].sequence;
    CopiedDraft copy(requests[i]);
    std::span<const Token> text = sequence.tokens();
    if (copy.draft().size() > 0) {
      text_.assign(text.begin(), text.end());
      text_.insert(text_.end(), copy.draft().tokens.begin(),
                   copy.draft().tokens.end());
      text = text_;
    }
    const std::int64_t from = find_match(text);
    if (from == 0) continue;
    drafts[i] = repeated_draft(std::move(copy), sequence, from);
  }
  return drafts;
}

}  // namespace pilotfish
