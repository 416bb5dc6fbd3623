#ifndef PILOTFISH_BASE_SIGNAL_SAFE_LIST_H_
#define PILOTFISH_BASE_SIGNAL_SAFE_LIST_H_

#include <atomic>

namespace pilotfish {

// A list that a signal handler can walk while threads take entries and give
// them back. Entries are never freed, only used again. T's members must be
// atomics without locks.
template <typename T>
class SignalSafeList {
 public:
  struct Entry {
    T value;
    std::atomic<bool> taken = true;
    Entry* next = nullptr;
  };

  // An entry of the caller's own until it gives it back.
  Entry* take() {
    for (Entry* entry = first(); entry != nullptr; entry = entry->next) {
      bool taken = false;
      if (entry->taken.compare_exchange_strong(taken, true)) return entry;
    }
    auto* entry = new Entry;
    entry->next = head_.load();
    while (!head_.compare_exchange_weak(entry->next, entry)) {
    }
    return entry;
  }
  void give_back(Entry* entry) { entry->taken = false; }

  // The entries that were ever taken. Safe in a signal handler.
  Entry* first() const { return head_.load(); }

 private:
  std::atomic<Entry*> head_ = nullptr;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_SIGNAL_SAFE_LIST_H_
