#include "cli/nearest_name.h"

#include <algorithm>
#include <vector>

namespace pilotfish::cli {
namespace {

// The optimal string alignment distance.
size_t distance(std::string_view a, std::string_view b) {
  // [a.size() + 1, b.size() + 1]
  std::vector<std::vector<size_t>> cost(a.size() + 1,
                                        std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                             cost[i - 1][j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string nearest_name(std::string_view word,
                         std::span<const std::string> names) {
  std::string nearest;
  // More than a third of the letters is another word.
  size_t least = word.size() / 3 + 1;
  for (const std::string& name : names) {
    const size_t found = distance(word, name);
    if (found < least) {
      least = found;
      nearest = name;
    }
  }
  return nearest;
}

}  // namespace pilotfish::cli
