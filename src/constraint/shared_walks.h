#ifndef PILOTFISH_CONSTRAINT_SHARED_WALKS_H_
#define PILOTFISH_CONSTRAINT_SHARED_WALKS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <unordered_map>

#include "constraint/counted_walk.h"
#include "constraint/walk.h"

namespace pilotfish {

// A cache of values by key. When values and keys that are strings exceed a
// number of bytes, all are dropped. Thread-safe; two threads may compute the
// same value at once.
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class BoundedCache {
 public:
  explicit BoundedCache(std::int64_t most_bytes) : most_bytes_(most_bytes) {}

  // `find` computes the value, whose bytes() says how much memory it takes.
  template <typename Find>
  std::shared_ptr<const Value> get(const Key& key, Find find) {
    {
      const std::lock_guard lock(mutex_);
      const auto known = values_.find(key);
      if (known != values_.end()) return known->second;
    }
    std::shared_ptr<const Value> value = find();
    const std::lock_guard lock(mutex_);
    if (bytes_ > most_bytes_) {
      values_.clear();
      bytes_ = 0;
    }
    const auto [place, is_new] = values_.try_emplace(key, value);
    if (is_new) bytes_ += value->bytes() + bytes_of(key);
    return place->second;
  }

  // What the values take, and keys that are texts.
  std::int64_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  static std::int64_t bytes_of(const Key& key) {
    if constexpr (std::is_same_v<Key, std::string>) return std::ssize(key);
    return sizeof(key);
  }

  const std::int64_t most_bytes_;
  mutable std::mutex mutex_;
  std::int64_t bytes_ = 0;
  std::unordered_map<Key, std::shared_ptr<const Value>, Hash> values_;
};

// The walks over a vocabulary that do not depend on the rest of a constraint,
// by what the rule reads on, so that the inside of a string is walked once and
// not for every constraint.
class SharedWalks {
 public:
  static constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;

  BoundedCache<std::string, Walk> walks{kMostBytes};
  BoundedCache<std::string, CountedWalk> counted{kMostBytes};
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_SHARED_WALKS_H_
