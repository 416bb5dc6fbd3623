#ifndef PILOTFISH_FORMATS_SAFETENSORS_H_
#define PILOTFISH_FORMATS_SAFETENSORS_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "tensor/tensor.h"

namespace pilotfish {

// One parsed safetensors file.
struct SafetensorsFile {
  std::vector<TensorView> tensors;  // sorted by name, pointing into `file`
  // Tensors of other dtypes than F32, F16 and BF16: name to dtype. They do no
  // harm until somebody asks for one.
  std::map<std::string, std::string, std::less<>> unreadable;
  MappedFile file;
};

// Parses and checks a whole header: lengths, JSON, dtypes, every tensor's
// extent against its shape, and that the tensors fill the file without holes or
// overlaps, as the format demands. Throws Error.
SafetensorsFile parse_safetensors(const MappedFile& file);

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_SAFETENSORS_H_
