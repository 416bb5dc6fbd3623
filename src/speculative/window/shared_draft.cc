#include "speculative/window/shared_draft.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace pilotfish {
namespace {

constexpr std::size_t kWindows = 32;  // more than any policy has

// Calls visit(k, tokens) with the tokens that windows from 2 to `most` + 1 are
// expected to bring. Each row of one is a part of a place.
template <typename Visit>
void for_each_window(const AcceptanceEstimate& acceptance,
                     double rows_per_place, std::int64_t most, Visit visit) {
  double survival = acceptance.at(0);
  double tokens = 1;
  std::int64_t place = 0;
  double rows = 0;  // of that place
  for (std::int64_t k = 2; k <= most + 1; ++k) {
    if (rows >= rows_per_place) {
      survival *= acceptance.at(++place);
      rows -= rows_per_place;
    }
    rows += 1;
    tokens += survival / rows_per_place;
    visit(k, tokens);
  }
}

}  // namespace

SharedDraft best_shared_draft(const DraftTerms& terms,
                              std::span<Prospect> prospects,
                              double rows_per_place, std::int64_t most) {
  assert(static_cast<std::size_t>(most) + 1 < kWindows);
  std::array<double, kWindows> tokens{};  // [k], of those that join
  double joined = 0;
  double entries = 0;
  double rate_of_joined = 0;
  double rate_of_all = static_cast<double>(terms.batch - std::ssize(prospects));
  for (Prospect& prospect : prospects) {
    rate_of_all += prospect.alternative;
    prospect.joins = false;
    const double entry = static_cast<double>(terms.batch) * prospect.entry;
    std::array<double, kWindows> own;
    for_each_window(*prospect.acceptance, rows_per_place, most,
                    [&](std::int64_t k, double brought) {
                      own[static_cast<std::size_t>(k)] = brought;
                      prospect.joins |=
                          brought > prospect.alternative * (terms.v(k) + entry);
                    });
    if (!prospect.joins) continue;
    joined += 1;
    entries += prospect.entry;
    rate_of_joined += prospect.alternative;
    for (std::int64_t k = 2; k <= most + 1; ++k) {
      tokens[static_cast<std::size_t>(k)] += own[static_cast<std::size_t>(k)];
    }
  }
  SharedDraft best;
  if (joined == 0) return best;
  best.alternative = rate_of_joined / joined;
  const double waiting = rate_of_all / rate_of_joined;
  for (std::int64_t k = 2; k <= most + 1; ++k) {
    const double all_wait = entries + terms.draft * static_cast<double>(k - 1);
    const double rate = tokens[static_cast<std::size_t>(k)] / joined /
                        (terms.v(k) + waiting * all_wait);
    if (rate > best.rate) {
      best.window = k;
      best.rate = rate;
    }
  }
  return best;
}

void share_next_pass(const DraftTerms& terms, double pass,
                     std::span<Drafting> sequences) {
  // What further tokens would bring beyond what their rows cost, by their
  // number; each sequence takes as many as are best for it.
  std::array<double, kWindows> gains{};
  std::int64_t most = 0;
  for (Drafting& sequence : sequences) {
    sequence.goes_on = false;
    double survival = sequence.survival;
    double tokens = 0;
    double gain = 0;
    const std::int64_t drafted = sequence.drafted;
    const std::int64_t further = sequence.length - drafted;
    most = std::max(most, further);
    for (std::int64_t n = 1; n <= further; ++n) {
      survival *= sequence.acceptance->at(drafted + n - 1);
      tokens += survival;
      const double rows = terms.v(drafted + n + 1) - terms.v(drafted + 1);
      gain = std::max(gain, tokens - terms.rate * rows);
      gains[static_cast<std::size_t>(n)] += gain;
    }
    sequence.goes_on = gain > 0;
  }
  const double worth = static_cast<double>(terms.batch) * terms.rate * pass;
  for (std::int64_t n = 1; n <= most; ++n) {
    if (gains[static_cast<std::size_t>(n)] > static_cast<double>(n) * worth) {
      return;
    }
  }
  for (Drafting& sequence : sequences) sequence.goes_on = false;
}

}  // namespace pilotfish
