#ifndef PILOTFISH_BASE_ALIGNED_BUFFER_H_
#define PILOTFISH_BASE_ALIGNED_BUFFER_H_

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

namespace pilotfish {

// An array of trivial elements on a 64-byte boundary, uninitialised until
// written. Move-only; growing loses the contents.
template <typename T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size) { reserve(size); }

  // Makes room for at least `size` elements; keeps what it has when it is
  // already enough. Throws std::bad_alloc.
  void reserve(size_t size) {
    if (size <= capacity_) return;
    constexpr size_t kAlignment = 64;
    const size_t bytes =
        (size * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    data_.reset(static_cast<T*>(std::aligned_alloc(kAlignment, bytes)));
    if (data_ == nullptr) throw std::bad_alloc();
    capacity_ = size;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t capacity() const { return capacity_; }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T[], Free> data_;
  size_t capacity_ = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_ALIGNED_BUFFER_H_
