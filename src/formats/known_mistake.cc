#include "formats/known_mistake.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <system_error>

#include "base/mapped_file.h"
#include "formats/is_there.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// `start` is in lower case.
bool starts_with_any_case(std::string_view text, std::string_view start) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return text.size() >= start.size() &&
         std::equal(start.begin(), start.end(), text.begin(),
                    [&](char a, char b) { return a == lower(b); });
}

}  // namespace

std::optional<std::string_view> known_mistake(std::string_view contents) {
  if (contents.empty()) {
    return "the file is empty: the download or the writing of it failed; get "
           "it again";
  }
  if (contents.starts_with("version https://git-lfs")) {
    return "a git-lfs pointer, not the file that it stands for; run git lfs "
           "pull in the folder it came from";
  }
  const size_t start = contents.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return std::nullopt;
  const std::string_view text = contents.substr(start);
  if (starts_with_any_case(text, "<!doctype html") ||
      starts_with_any_case(text, "<html")) {
    return "a web page, not a file of a model; download the file itself (a "
           "gated model needs a login)";
  }
  return std::nullopt;
}

void refuse_part_of_model(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  const std::string name = path.filename().string();
  const bool weights = extension == ".safetensors" || extension == ".bin" ||
                       extension == ".pt" || extension == ".pth";
  if (!weights && name != "config.json" && !name.ends_with(".index.json")) {
    return;
  }
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored) &&
      MappedFile::open(path).text().starts_with("GGUF")) {
    return;
  }
  const std::filesystem::path folder =
      std::filesystem::absolute(path, ignored).parent_path();
  if (is_there(folder / "config.json")) {
    throw Error(
        fmt::format("{}: one file of a Hugging Face folder; give the folder "
                    "itself: {}",
                    path.string(), folder.string()));
  }
  throw Error(fmt::format(
      "{}: {} alone; expected a GGUF file, or the folder of a model with "
      "config.json and *.safetensors in it",
      path.string(), weights ? "weights" : "a description"));
}

}  // namespace pilotfish
