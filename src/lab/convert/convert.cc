#include "pilotfish/lab/convert.h"

#include <fmt/format.h>

#include "formats/checkpoint.h"
#include "formats/is_there.h"
#include "lab/convert/to_gguf.h"
#include "lab/convert/to_hugging_face.h"
#include "pilotfish/error.h"
#include "tensor/quantise.h"

namespace pilotfish {
namespace {

void check_dtype(DType dtype, Checkpoint::Kind from) {
  const bool to_gguf = from == Checkpoint::Kind::kHuggingFace;
  if (!can_quantise(dtype) || (!to_gguf && is_quantised(dtype))) {
    throw UsageError(fmt::format(
        "dtype {}: expected f32, f16{} for this kind of file",
        dtype_name(dtype), to_gguf ? ", bf16, q8_0 or q4_0" : " or bf16"));
  }
}

}  // namespace

ConvertNotes convert(const std::filesystem::path& from,
                     const std::filesystem::path& to,
                     const ConvertOptions& options) {
  const auto checkpoint = Checkpoint::open(from);
  if (options.dtype) check_dtype(*options.dtype, checkpoint->kind());
  const bool gguf_wanted = to.extension() == ".gguf";
  if (checkpoint->kind() == Checkpoint::Kind::kHuggingFace) {
    if (!gguf_wanted) {
      throw UsageError(fmt::format(
          "{}: a Hugging Face folder is converted to GGUF; expected a name "
          "that ends in .gguf",
          to.string()));
    }
    return convert_to_gguf(*checkpoint, to, options);
  }
  if (gguf_wanted) {
    throw UsageError(fmt::format(
        "{}: a GGUF file is converted to a Hugging Face folder; expected the "
        "folder's name",
        to.string()));
  }
  return convert_to_hugging_face(*checkpoint, to, options);
}

}  // namespace pilotfish
