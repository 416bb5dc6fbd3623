#ifndef PILOTFISH_TEXT_JINJA_MERGE_SORT_H_
#define PILOTFISH_TEXT_JINJA_MERGE_SORT_H_

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace pilotfish::jinja {

// A stable sort that stays within bounds whatever `less` answers: NaN makes
// Python's "<" inconsistent, which std::stable_sort does not allow.
template <typename T, typename Less>
void merge_sort(std::vector<T>& items, Less less) {
  std::vector<T> merged(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, items.size());
      const size_t end = std::min(begin + 2 * width, items.size());
      size_t left = begin;
      size_t right = middle;
      for (size_t out = begin; out < end; ++out) {
        const bool take_right =
            right < end && (left == middle || less(items[right], items[left]));
        merged[out] = std::move(items[take_right ? right++ : left++]);
      }
    }
    std::swap(items, merged);
  }
}

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_MERGE_SORT_H_
