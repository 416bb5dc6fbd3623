#ifndef PILOTFISH_BASE_MAPPED_RANGES_H_
#define PILOTFISH_BASE_MAPPED_RANGES_H_

#include <cstddef>
#include <string>

namespace pilotfish {

// Makes a mapped file known to path_of_mapped for as long as the object lives.
// `begin` and `bytes` are where the file is mapped. Any thread may make and
// destroy these.
class MappedRange {
 public:
  MappedRange(const void* begin, size_t bytes, std::string path);
  ~MappedRange();
  MappedRange(const MappedRange&) = delete;
  MappedRange& operator=(const MappedRange&) = delete;

 private:
  const std::string path_;
  void* entry_;
};

// The file that is mapped where `address` lies; null: none. Safe in a signal
// handler of the thread that touched the address.
const char* path_of_mapped(const void* address) noexcept;

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_MAPPED_RANGES_H_
