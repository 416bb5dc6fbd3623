#include "pilotfish/drafters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "engine/drafters.h"
#include "pilotfish/error.h"
#include "speculative/drafters/grammar_drafter.h"
#include "speculative/drafters/model_drafter.h"
#include "speculative/drafters/ngram_drafter.h"
#include "speculative/drafters/prediction_drafter.h"
#include "speculative/drafters/preference_drafter.h"
#include "speculative/drafters/suffix_drafter.h"
#include "speculative/drafters/tree_drafter.h"
#include "speculative/first_layers.h"
#include "speculative/token_checks.h"

namespace pilotfish {
namespace {

using DrafterPtr = std::unique_ptr<Drafter>;

// What drafters are made from.
struct Parts {
  const EngineOptions& options;
  Scorer& target;
  Scorer* draft;  // null: there is none
};

DrafterPtr make_grammar(const Parts&) {
  return std::make_unique<GrammarDrafter>();
}

DrafterPtr make_prediction(const Parts&) {
  return std::make_unique<PredictionDrafter>();
}

DrafterPtr make_suffix(const Parts& parts) {
  const std::vector<Token>& corpus = parts.options.corpus;
  if (corpus.empty()) return std::make_unique<SuffixDrafter>(nullptr);
  check_tokens("corpus", corpus, parts.target.vocab_size());
  return std::make_unique<SuffixDrafter>(make_corpus(corpus));
}

DrafterPtr make_ngram(const Parts&) { return std::make_unique<NgramDrafter>(); }

DrafterPtr make_model(const Parts& parts) {
  const EngineOptions& options = parts.options;
  if (parts.draft == nullptr) {
    throw UsageError("drafter model: there is no draft model");
  }
  const std::int64_t vocab_size = parts.target.vocab_size();
  if (options.tree_width == 1) {
    return std::make_unique<ModelDrafter>(*parts.draft, vocab_size,
                                          options.prefill_chunk);
  }
  return std::make_unique<TreeDrafter>(
      *parts.draft, vocab_size, options.tree_width, options.prefill_chunk);
}

DrafterPtr make_skip(const Parts& parts) {
  auto* const target = dynamic_cast<ModelScorer*>(&parts.target);
  if (target == nullptr) {
    throw UsageError("drafter skip: the target has no layers to leave out");
  }
  const std::int64_t half = (target->model().config().n_layers() + 1) / 2;
  const std::int64_t layers = parts.options.skip_layers;
  return std::make_unique<ModelDrafter>(
      std::make_unique<FirstLayers>(*target, layers == 0 ? half : layers),
      target->vocab_size(), parts.options.prefill_chunk);
}

// A drafter: what users need to know of it, and how it is made. Nothing else
// names them all.
struct NamedDrafter {
  DrafterInfo info;
  DrafterPtr (*make)(const Parts&);
};

constexpr std::array kDrafters = {
    NamedDrafter{{.name = "grammar",
                  .help = "what a constraint leaves no choice of",
                  .input = DraftInput::kConstraint,
                  .needs_input = true},
                 make_grammar},
    NamedDrafter{{.name = "prediction",
                  .help = "a text that you expect",
                  .input = DraftInput::kPrediction,
                  .needs_input = true},
                 make_prediction},
    NamedDrafter{{.name = "suffix",
                  .help = "the longest repeat in the text and in a corpus",
                  .input = DraftInput::kCorpus},
                 make_suffix},
    NamedDrafter{
        {.name = "ngram", .help = "repeats of a few tokens in the text"},
        make_ngram},
    NamedDrafter{{.name = "model",
                  .help = "the draft model",
                  .input = DraftInput::kDraftModel,
                  .needs_input = true,
                  .makes_trees = true},
                 make_model},
    NamedDrafter{{.name = "skip",
                  .help = "the target's first layers",
                  .input = DraftInput::kLayers},
                 make_skip},
};

const NamedDrafter& entry_of(std::string_view name) {
  const auto found = std::ranges::find(
      kDrafters, name,
      [](const NamedDrafter& entry) { return entry.info.name; });
  if (found != kDrafters.end()) return *found;
  std::vector<std::string_view> names;
  for (const NamedDrafter& entry : kDrafters) names.push_back(entry.info.name);
  throw UsageError(fmt::format("drafter: found \"{}\", expected {}", name,
                               fmt::join(names, ", ")));
}

std::string_view words_for(DraftInput input) {
  switch (input) {
    case DraftInput::kDraftModel:
      return "a draft model";
    case DraftInput::kConstraint:
      return "a constraint";
    case DraftInput::kPrediction:
      return "a prediction";
    case DraftInput::kCorpus:
      return "a corpus";
    case DraftInput::kLayers:
      return "a number of layers";
    case DraftInput::kNone:
      break;
  }
  return "nothing";
}

void require_distinct(std::span<const std::string> names) {
  for (const std::string& name : names) {
    if (std::ranges::count(names, name) > 1) {
      throw UsageError(fmt::format("drafter {}: is listed twice", name));
    }
  }
}

}  // namespace

std::span<const DrafterInfo> drafter_infos() {
  static const auto kInfos = [] {
    std::array<DrafterInfo, kDrafters.size()> infos;
    std::ranges::transform(kDrafters, infos.begin(), &NamedDrafter::info);
    return infos;
  }();
  return kInfos;
}

const DrafterInfo& drafter_info(std::string_view name) {
  return entry_of(name).info;
}

std::vector<std::string> parse_drafters(std::string_view list) {
  std::vector<std::string> names;
  if (list == "none") return names;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    names.emplace_back(drafter_info(list.substr(begin, end - begin)).name);
    begin = end + 1;
  }
  require_distinct(names);
  return names;
}

std::vector<std::string> choose_drafters(std::string_view list,
                                         std::span<const DraftInput> given) {
  const auto has = [&](DraftInput input) {
    return std::ranges::count(given, input) > 0;
  };
  std::vector<std::string> names;
  if (list.empty()) {
    for (const DrafterInfo& info : drafter_infos()) {
      if (has(info.input)) names.emplace_back(info.name);
    }
    return names;
  }
  names = parse_drafters(list);
  for (const std::string& name : names) {
    const DrafterInfo& info = drafter_info(name);
    if (info.needs_input && !has(info.input)) {
      throw UsageError(fmt::format("drafter {}: needs {}, and there is none",
                                   name, words_for(info.input)));
    }
  }
  for (const DraftInput input : given) {
    const bool for_drafts =
        input != DraftInput::kDraftModel && input != DraftInput::kConstraint;
    if (!for_drafts || any_takes(names, input)) continue;
    throw UsageError(
        fmt::format("{} is for drafter {}", words_for(input),
                    drafters_text(choose_drafters("", {&input, 1}))));
  }
  return names;
}

void check_tree(std::int64_t tree_width, std::span<const std::string> drafters,
                const TokenAcceptor& acceptor) {
  if (tree_width < 1) {
    throw UsageError(fmt::format(
        "tree_width: {} is out of range; 1 (a chain) or more", tree_width));
  }
  if (tree_width == 1) return;
  if (std::ranges::none_of(drafters, [](const std::string& name) {
        return drafter_info(name).makes_trees;
      })) {
    throw UsageError(
        fmt::format("tree_width: found {}, and drafter {} makes no trees",
                    tree_width, drafters_text(drafters)));
  }
  if (!acceptor.takes_trees()) {
    throw UsageError(fmt::format(
        "tree_width: found {}, and the acceptor {} judges one candidate per "
        "place",
        tree_width, acceptor.name()));
  }
}

std::string drafters_text(std::span<const std::string> drafters) {
  return drafters.empty() ? "none"
                          : fmt::format("{}", fmt::join(drafters, ", "));
}

bool any_takes(std::span<const std::string> drafters, DraftInput input) {
  return std::ranges::any_of(drafters, [input](const std::string& name) {
    return drafter_info(name).input == input;
  });
}

std::vector<std::string> names_of_drafters(const EngineOptions& options,
                                           bool has_draft) {
  if (options.drafters.empty() && has_draft) return {"model"};
  return options.drafters;
}

DrafterPtr make_drafter(const EngineOptions& options, Scorer& target,
                        Scorer* draft) {
  const std::vector<std::string> names =
      names_of_drafters(options, draft != nullptr);
  require_distinct(names);
  const auto acceptor =
      options.acceptor ? options.acceptor : make_acceptor("block");
  check_tree(options.tree_width, names, *acceptor);
  if (names.empty()) return std::make_unique<NoDrafter>();
  std::vector<DrafterPtr> drafters;
  for (const std::string& name : names) {
    drafters.push_back(entry_of(name).make({options, target, draft}));
  }
  if (drafters.size() == 1) return std::move(drafters.front());
  return std::make_unique<PreferenceDrafter>(std::move(drafters));
}

}  // namespace pilotfish
