#ifndef PILOTFISH_BASE_HUGE_BUFFER_H_
#define PILOTFISH_BASE_HUGE_BUFFER_H_

#include <cstddef>
#include <utility>

namespace pilotfish {

// Memory for large arrays that are read again and again: whole pages, huge ones
// where the system gives them, zero until written. Move-only.
class HugeBuffer {
 public:
  HugeBuffer() = default;
  // Throws std::bad_alloc.
  explicit HugeBuffer(size_t bytes);
  ~HugeBuffer();
  HugeBuffer(HugeBuffer&& other) noexcept { *this = std::move(other); }
  HugeBuffer& operator=(HugeBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(mapping_, other.mapping_);
    std::swap(mapped_, other.mapped_);
    return *this;
  }

  // Lies on a page boundary; in buffers of 2 MiB and more, on that of a huge
  // page.
  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
  void* mapping_ = nullptr;
  size_t mapped_ = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_HUGE_BUFFER_H_
