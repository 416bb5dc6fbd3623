#include "pilotfish/model_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "formats/is_there.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;

// What a user can mean by org/name:QUANT.
struct Repository {
  std::string organisation;
  std::string name;
  std::string quantisation;  // empty: not said

  std::string text() const { return organisation + "/" + name; }
};

bool is_name(std::string_view text) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
  return !text.empty() && text.front() != '.' &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::optional<Repository> parse_repository(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const size_t colon = std::min(text.find(':', slash), text.size());
  Repository repository{text.substr(0, slash),
                        text.substr(slash + 1, colon - slash - 1), ""};
  if (colon < text.size()) {
    repository.quantisation = text.substr(colon + 1);
    if (!is_name(repository.quantisation)) return std::nullopt;
  }
  if (!is_name(repository.organisation) || !is_name(repository.name)) {
    return std::nullopt;
  }
  return repository;
}

// The value of an environment variable; empty where it is not set.
fs::path environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The commit that the revision main stood for when it was downloaded; empty: it
// was not.
std::string main_commit(const fs::path& folder) {
  std::string commit;
  std::ifstream(folder / "refs" / "main") >> commit;
  return is_name(commit) ? commit : "";
}

std::string in_lower_case(std::string text) {
  for (char& c : text) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

// Whether `file` is a split model's second part or one after it, as in
// model-00002-of-00003.gguf; loading the first part finds the others.
bool is_later_part(const std::string& file) {
  const size_t of = file.rfind("-of-");
  if (of == std::string::npos || of < 6) return false;
  const std::string part = file.substr(of - 6, 6);
  return part.front() == '-' &&
         part.find_first_not_of("0123456789", 1) == std::string::npos &&
         part != "-00001";
}

// Files of models, in the order of their names; of a split one, the first part.
std::vector<fs::path> gguf_files(const fs::path& snapshot) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(snapshot, error), end;
       !error && entry != end; entry.increment(error)) {
    const fs::path& path = entry->path();
    const std::string file = path.filename().string();
    // A projector for images or sound (mmproj) is not a model of its own.
    if (path.extension() == ".gguf" && !is_later_part(file) &&
        !in_lower_case(file).starts_with("mmproj")) {
      files.push_back(path);
    }
  }
  std::ranges::sort(files);
  return files;
}

// How well a file's name names a quantisation; both are in lower case. F16 is
// not part of BF16, and Q4_K is Q4_K_M only where no file is just that.
enum class NameMatch { kNone, kStart, kWhole };

NameMatch match_name(const std::string& file, const std::string& quantisation) {
  const auto goes_on = [](char c) {
    return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
  };
  NameMatch best = NameMatch::kNone;
  for (size_t at = file.find(quantisation); at != std::string::npos;
       at = file.find(quantisation, at + 1)) {
    const size_t end = at + quantisation.size();
    if (at > 0 && std::isalnum(static_cast<unsigned char>(file[at - 1]))) {
      continue;
    }
    const bool whole = end == file.size() || !goes_on(file[end]);
    best = std::max(best, whole ? NameMatch::kWhole : NameMatch::kStart);
  }
  return best;
}

// The first of the files that match best.
std::optional<fs::path> file_of(const std::vector<fs::path>& files,
                                const std::string& quantisation) {
  const std::string wanted = in_lower_case(quantisation);
  std::optional<fs::path> found;
  NameMatch best = NameMatch::kNone;
  for (const fs::path& path : files) {
    const NameMatch match =
        match_name(in_lower_case(path.filename().string()), wanted);
    if (match <= best) continue;
    best = match;
    found = path;
  }
  return found;
}

std::string download(const Repository& repository) {
  return fmt::format("hf download {}", repository.text());
}

fs::path choose_gguf(const Repository& repository, const fs::path& snapshot) {
  const std::vector<fs::path> files = gguf_files(snapshot);
  if (files.empty()) {
    throw Error(fmt::format(
        "{}: is incomplete in the Hugging Face cache ({} has no {}); download "
        "it again with: {}",
        repository.text(), snapshot.string(),
        repository.quantisation.empty() ? "config.json and no .gguf file"
                                        : ".gguf file",
        download(repository)));
  }
  const std::string& asked = repository.quantisation;
  if (asked.empty() && files.size() == 1) return files.front();
  if (const auto file = file_of(files, asked.empty() ? "q4_k_m" : asked)) {
    return *file;
  }
  std::vector<std::string> names;
  for (const fs::path& path : files) names.push_back(path.filename().string());
  throw Error(fmt::format(
      "{}: has {} in the Hugging Face cache; name one as {}:QUANT{}",
      repository.text(), fmt::join(names, ", "), repository.text(),
      asked.empty() ? "" : fmt::format(" (found none for {})", asked)));
}

}  // namespace

fs::path hub_cache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const fs::path path = environment(name); !path.empty()) return path;
  }
  if (const fs::path home = environment("HF_HOME"); !home.empty()) {
    return home / "hub";
  }
  fs::path caches = environment("XDG_CACHE_HOME");
  if (caches.empty()) caches = environment("HOME") / ".cache";
  return caches / "huggingface" / "hub";
}

fs::path find_model(const std::string& name) {
  if (is_there(name)) return name;
  const auto repository = parse_repository(name);
  if (!repository) return name;
  const fs::path cache = hub_cache();
  const fs::path folder =
      cache /
      fmt::format("models--{}--{}", repository->organisation, repository->name);
  const std::string commit = main_commit(folder);
  if (commit.empty()) {
    // With such a folder here, the user means a path and mistyped it.
    if (is_there(repository->organisation)) return name;
    throw Error(fmt::format(
        "{}: there is no such file or folder, and no such model in the Hugging "
        "Face cache ({}); download it with: {}",
        name, cache.string(), download(*repository)));
  }
  const fs::path snapshot = folder / "snapshots" / commit;
  // A link whose blob was removed from the cache does not count.
  std::error_code ignored;
  if (repository->quantisation.empty() &&
      fs::exists(snapshot / "config.json", ignored)) {
    return snapshot;
  }
  return choose_gguf(*repository, snapshot);
}

}  // namespace pilotfish
