#include "cli/drafting.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

bool contains(const std::vector<DrafterKind>& drafters, DrafterKind kind) {
  return std::find(drafters.begin(), drafters.end(), kind) != drafters.end();
}

bool has_draft_model(const DecodingOptions& options) {
  return !options.draft.empty() && options.draft != "none";
}

std::vector<DrafterKind> implied(const DecodingOptions& options) {
  std::vector<DrafterKind> drafters;
  if (!options.prediction.empty()) {
    drafters.push_back(DrafterKind::kPrediction);
  }
  if (!options.corpus.empty()) drafters.push_back(DrafterKind::kSuffix);
  if (has_draft_model(options)) drafters.push_back(DrafterKind::kModel);
  return drafters;
}

}  // namespace

std::vector<DrafterKind> parse_drafters(const std::string& list) {
  std::vector<DrafterKind> drafters;
  if (list == "none") return drafters;
  std::istringstream names(list);
  for (std::string name; std::getline(names, name, ',');) {
    const auto kind = parse_drafter(name);
    if (!kind) {
      throw UsageError(fmt::format(
          "--drafter: found \"{}\", expected model, ngram, suffix, prediction, "
          "skip or none, or some of them as in suffix,model",
          name));
    }
    if (contains(drafters, *kind)) {
      throw UsageError(fmt::format("--drafter: {} is there twice", name));
    }
    drafters.push_back(*kind);
  }
  return drafters;
}

void check_tree(const DecodingOptions& options, const TokenAcceptor& acceptor) {
  if (options.tree_width < 1) {
    throw UsageError(
        fmt::format("--tree-width: found {}, expected 1 (a chain) or more",
                    options.tree_width));
  }
  if (options.tree_width == 1) return;
  if (!contains(drafters_of(options), DrafterKind::kModel)) {
    throw UsageError("--tree-width is for --drafter model");
  }
  if (!acceptor.takes_trees()) {
    throw UsageError(
        fmt::format("--tree-width: the acceptor {} judges one candidate a "
                    "place; rejection, "
                    "block and coupled judge several",
                    acceptor.name()));
  }
}

std::vector<DrafterKind> drafters_of(const DecodingOptions& options) {
  if (options.drafter.empty()) return implied(options);
  const std::vector<DrafterKind> drafters = parse_drafters(options.drafter);
  const auto require = [&](DrafterKind kind, bool given, const char* flag) {
    if (contains(drafters, kind) && !given) {
      throw UsageError(
          fmt::format("--drafter {} needs {}", drafter_name(kind), flag));
    }
  };
  const auto belongs = [&](DrafterKind kind, bool given, const char* flag) {
    if (!contains(drafters, kind) && given) {
      throw UsageError(
          fmt::format("{} is for --drafter {}", flag, drafter_name(kind)));
    }
  };
  require(DrafterKind::kModel, has_draft_model(options), "a draft model, -d");
  require(DrafterKind::kPrediction, !options.prediction.empty(),
          "--prediction FILE");
  belongs(DrafterKind::kPrediction, !options.prediction.empty(),
          "--prediction");
  belongs(DrafterKind::kSuffix, !options.corpus.empty(), "--corpus");
  return drafters;
}

std::string drafters_text(const std::vector<DrafterKind>& drafters) {
  std::string text;
  for (const DrafterKind kind : drafters) {
    if (!text.empty()) text += ", ";
    text += drafter_name(kind);
  }
  return text.empty() ? "none" : text;
}

std::vector<std::vector<Token>> usual_tokens(const Tokenizer& tokenizer,
                                             const std::string& text) {
  const EncodeOptions plain{.add_special = false, .parse_special = false};
  std::vector<std::vector<Token>> found;
  const auto add = [&](std::vector<Token> tokens) {
    if (!tokens.empty() &&
        std::find(found.begin(), found.end(), tokens) == found.end()) {
      found.push_back(std::move(tokens));
    }
  };
  add(tokenizer.encode(text, plain));
  add(tokenizer.encode(" " + text, plain));
  const std::vector<Token> line = tokenizer.encode("\n", plain);
  const std::vector<Token> inside = tokenizer.encode("\n" + text, plain);
  if (inside.size() > line.size() &&
      std::equal(line.begin(), line.end(), inside.begin())) {
    add({inside.begin() + static_cast<long>(line.size()), inside.end()});
  }
  return found;
}

}  // namespace pilotfish::cli
