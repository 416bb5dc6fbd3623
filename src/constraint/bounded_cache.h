#ifndef PILOTFISH_CONSTRAINT_BOUNDED_CACHE_H_
#define PILOTFISH_CONSTRAINT_BOUNDED_CACHE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <unordered_map>

namespace pilotfish {

// A cache of values by key. When values and keys exceed a number of bytes,
// those go that were not asked for since they came or were last spared: one or
// two for each that comes, so that no call takes long. Thread-safe; two threads
// may compute the same value at once.
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class BoundedCache {
 public:
  explicit BoundedCache(std::int64_t most_bytes) : most_bytes_(most_bytes) {}

  // `find` computes the value, whose bytes() says how much memory it takes.
  template <typename Find>
  std::shared_ptr<const Value> get(const Key& key, Find find) {
    {
      const std::lock_guard lock(mutex_);
      const auto known = kept_.find(key);
      if (known != kept_.end()) {
        known->second.was_asked_for = true;
        return known->second.value;
      }
    }
    std::shared_ptr<const Value> value = find();
    const std::lock_guard lock(mutex_);
    const auto [place, is_new] = kept_.try_emplace(key, Kept{value});
    if (!is_new) return place->second.value;
    bytes_ += bytes_of(*place);
    order_.push_back(&place->first);
    make_room();
    return value;
  }

  // What the values and keys take.
  std::int64_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  struct Kept {
    std::shared_ptr<const Value> value;
    bool was_asked_for = false;
  };
  using Map = std::unordered_map<Key, Kept, Hash>;

  static std::int64_t bytes_of(const typename Map::value_type& entry) {
    const auto& [key, kept] = entry;
    if constexpr (std::is_same_v<Key, std::string>) {
      return kept.value->bytes() + std::ssize(key);
    }
    return kept.value->bytes() + static_cast<std::int64_t>(sizeof(key));
  }

  // The newest one stays, however large.
  void make_room() {
    while (bytes_ > most_bytes_ && order_.size() > 1) {
      const auto oldest = kept_.find(*order_.front());
      order_.pop_front();
      if (oldest->second.was_asked_for) {
        oldest->second.was_asked_for = false;
        order_.push_back(&oldest->first);
        continue;
      }
      bytes_ -= bytes_of(*oldest);
      kept_.erase(oldest);
    }
  }

  const std::int64_t most_bytes_;
  mutable std::mutex mutex_;
  std::int64_t bytes_ = 0;
  Map kept_;
  std::deque<const Key*> order_;  // keys of kept_, the next to go first
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_BOUNDED_CACHE_H_
